import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from greenroom.cli import app
from greenroom.errors import SessionNotFound
from greenroom.sessions.model import (
    EndReason,
    MetricEntry,
    Status,
    ToolCallEntry,
    TranscriptEntry,
)
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings


async def talk(data_dir: Path) -> str:
    sessions = await open_sessions(Settings(data_dir=data_dir))
    try:
        session = await sessions.create(api="commerce", tenant="acme", settings={})
        await sessions.start(session.id)
        for entry in (
            TranscriptEntry("t1", "user", "show me [bold]shoes", confidence=0.8),
            ToolCallEntry("t1", "search_products", {"query": "shoes"}, {"total": 3}, True, 4.2),
            TranscriptEntry("t1", "assistant", "I found 3 shoes.", reply_id="r1"),
            TranscriptEntry(
                "t1",
                "assistant",
                "I found",
                reply_id="r1",
                full_text="I found 3 shoes.",
                end_ms=9.0,
            ),
            MetricEntry("t1", "stages", {"turn_end_ms": 560.0, "transcript_ms": 610.0}),
            MetricEntry(
                None,
                "usage",
                {
                    "port": "transcriber",
                    "provider": "openai:whisper-1",
                    "audio_seconds": 2.5,
                    "cost": "0.00025",
                    "currency": "EUR",
                },
            ),
            MetricEntry(
                None,
                "usage",
                {"port": "model", "provider": "openai:m", "input_tokens": 7, "currency": "EUR"},
            ),
        ):
            sessions.append(session.id, entry)
        await sessions.end(session.id, Status.COMPLETED, EndReason.CLIENT_STOPPED)
    finally:
        await sessions.close()
    return session.id


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(data_dir)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str):
        return CliRunner().invoke(app, [*arguments, "--data-dir", str(data_dir)])

    return invoke


def test_the_list_has_a_line_for_each_session(run, data_dir: Path) -> None:
    session_id = asyncio.run(talk(data_dir))
    listed = run("sessions", "list").stdout
    (line,) = [line for line in listed.splitlines() if session_id in line]
    for part in ("commerce", "acme", "completed", "client_stopped"):
        assert part in line


def test_the_list_as_json_can_be_read_by_programs(run, data_dir: Path) -> None:
    session_id = asyncio.run(talk(data_dir))
    (session,) = json.loads(run("sessions", "list", "--json").stdout)
    assert session["id"] == session_id
    assert session["end_reason"] == "client_stopped"


def test_show_tells_what_was_heard_what_was_meant_and_how_long_it_took(run, data_dir: Path) -> None:
    shown = run("sessions", "show", asyncio.run(talk(data_dir))).stdout
    assert "show me [bold]shoes" in shown
    assert "I found  (cut; meant: I found 3 shoes.)" in shown
    assert "search_products {'query': 'shoes'}: 4.2 ms" in shown
    assert "turn_end 560, transcript 610" in shown


def test_show_tells_what_the_session_used_and_cost(run, data_dir: Path) -> None:
    shown = run("sessions", "show", asyncio.run(talk(data_dir))).stdout
    assert "transcriber  openai:whisper-1  2.5 audio seconds: 0.00025" in shown
    assert "model  openai:m  7 input tokens: no price known" in shown
    assert "cost  0.00025 EUR, and what has no price" in shown


def test_show_as_json_has_every_record_in_order(run, data_dir: Path) -> None:
    shown = json.loads(run("sessions", "show", asyncio.run(talk(data_dir)), "--json").stdout)
    kinds = [record["kind"] for record in shown["records"]]
    assert kinds[:2] == ["lifecycle", "lifecycle"]
    assert kinds[2:7] == ["transcript", "tool_call", "transcript", "transcript", "metric"]
    assert [r["seq"] for r in shown["records"]] == sorted(r["seq"] for r in shown["records"])


def test_an_unknown_session_is_an_error(run) -> None:
    assert isinstance(run("sessions", "show", "nosuch").exception, SessionNotFound)
