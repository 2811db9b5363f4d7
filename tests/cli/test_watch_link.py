from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from greenroom.api.watch.links import WatchLinks
from greenroom.app.credentials import JWT_SECRET_FILE
from greenroom.cli.watch import watch
from greenroom.errors import SessionEnded, SessionNotFound
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(data_dir)
    app = typer.Typer()
    app.command()(watch)

    def invoke(session_id: str) -> Result:
        return CliRunner().invoke(app, [session_id, "--data-dir", str(data_dir)])

    return invoke


def made(data_dir: Path, *, ended: bool = False) -> Session:
    async def make() -> Session:
        sessions = await open_sessions(Settings(data_dir=data_dir))
        try:
            session = await sessions.create(api="agora_avatar", tenant="default", settings={})
            if ended:
                session = await sessions.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
            return session
        finally:
            await sessions.close()

    return asyncio.run(make())


def test_the_link_is_printed_alone_and_the_server_lets_it_in(run: Run, data_dir: Path) -> None:
    session = made(data_dir)
    result = run(session.id)
    link, _, token = result.stdout.strip().partition("?token=")
    assert link == f"http://127.0.0.1:8764/watch/{session.id}"
    secret = (data_dir / JWT_SECRET_FILE).read_text()
    WatchLinks(secret, 1, "").check(session.id, token)


def test_there_is_no_link_to_a_session_that_has_ended(run: Run, data_dir: Path) -> None:
    assert isinstance(run(made(data_dir, ended=True).id).exception, SessionEnded)


def test_there_is_no_link_to_a_session_that_never_was(run: Run) -> None:
    unknown = "550e8400-e29b-41d4-a716-446655440000"
    assert isinstance(run(unknown).exception, SessionNotFound)
