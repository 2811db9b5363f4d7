import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update
from typer.testing import CliRunner

from greenroom.cli import app
from greenroom.errors import SessionNotFound
from greenroom.sessions.model import (
    EndReason,
    MetricEntry,
    PresenceEntry,
    PresenceEvent,
    Status,
    ToolCallEntry,
    TranscriptEntry,
)
from greenroom.sessions.service import open_sessions
from greenroom.sessions.tables import micros, nodes, sessions
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


def presence(event: PresenceEvent, seconds: float, who: str = "") -> PresenceEntry:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    return PresenceEntry(None, event, micros(noon + timedelta(seconds=seconds)), who)


async def conversation(data_dir: Path) -> str:
    """One whose first agent was lost for two seconds."""
    sessions = await open_sessions(Settings(data_dir=data_dir))
    try:
        session = await sessions.create(api="orchestrator", tenant="acme", settings={})
        await sessions.start(session.id)
        for entry in (
            presence("agent_joined", 0, "worker-a"),
            presence("human_joined", 1, "ann"),
            presence("first_words", 1),
            presence("agent_joined", 7, "worker-b"),
            presence("agent_lost", 5, "worker-a"),
            presence("human_joined", 7, "ann"),
            presence("agent_left", 70.5, "worker-b"),
        ):
            sessions.append(session.id, entry)
        await sessions.end(session.id, Status.COMPLETED, EndReason.DISCONNECTED)
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


def test_show_tells_who_was_there_how_long_they_talked_and_when_there_was_no_agent(
    run, data_dir: Path
) -> None:
    session_id = asyncio.run(conversation(data_dir))
    shown = run("sessions", "show", session_id).stdout
    assert "12:00:01  human_joined ann" in shown
    assert "12:00:05  agent_lost worker-a" in shown
    assert "conversation  67 s, billed as 2 min" in shown
    assert "without an agent  from 12:00:05 to 12:00:07" in shown
    shown = json.loads(run("sessions", "show", session_id, "--json").stdout)
    assert shown["conversation"]["seconds"] == 67
    (gap,) = shown["conversation"]["gaps"]
    assert gap["ended"] == "2026-01-02T12:00:07+00:00"


def test_show_tells_of_a_gap_that_lasted_till_the_end(run, data_dir: Path) -> None:
    async def lost() -> str:
        service = await open_sessions(Settings(data_dir=data_dir))
        session = await service.create(api="orchestrator", tenant="acme", settings={})
        for entry in (
            presence("agent_joined", 0, "a"),
            presence("first_words", 1),
            presence("agent_lost", 5),
        ):
            service.append(session.id, entry)
        await service.end(session.id, Status.FAILED, EndReason.AGENT_FAILED)
        await service.close()
        return session.id

    shown = run("sessions", "show", asyncio.run(lost())).stdout
    assert "without an agent  from 12:00:05 to the end" in shown


@pytest.fixture
def orphans(data_dir: Path) -> tuple[str, str]:
    """A session that waits for an agent, and one whose node is lost; beside one that may wait."""

    async def leave() -> tuple[str, str]:
        service = await open_sessions(Settings(data_dir=data_dir))
        lost = await service.create(api="commerce", tenant="acme", settings={})
        await service.start(lost.id)
        waiting = await service.create(api="orchestrator", tenant="acme", settings={})
        await service.create(api="commerce", tenant="acme", settings={})
        long_ago = micros(datetime.now(UTC) - timedelta(minutes=1))

        def age(connection: Connection) -> None:
            connection.execute(update(sessions).values(created_at=long_ago))
            connection.execute(update(nodes).values(heartbeat_at=long_ago))

        await service.store.write(age)
        await service.close()
        return waiting.id, lost.id

    return asyncio.run(leave())


def test_a_reaping_shows_what_it_would_end_and_ends_it_when_it_is_meant(
    run, orphans: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.sessions.reap.LOOK_AGAIN_AFTER", 0.0)
    waiting, lost = orphans
    shown = run("sessions", "reap", "--dry-run").stdout
    assert "would end as" in shown
    (line,) = [line for line in shown.splitlines() if waiting in line]
    assert line.split()[1:] == ["failed", "never_started", "now"]
    (line,) = [line for line in shown.splitlines() if lost in line]
    assert line.split()[1:3] == ["failed", "node_lost"]
    again = json.loads(run("sessions", "reap", "--dry-run", "--json").stdout)
    assert {one["session_id"] for one in again} == {waiting, lost}

    ended = json.loads(run("sessions", "reap", "--json").stdout)
    assert ended == again
    listed = json.loads(run("sessions", "list", "--json").stdout)
    reasons = {session["id"]: session["end_reason"] for session in listed}
    assert (reasons[waiting], reasons[lost]) == ("never_started", "node_lost")
    assert list(reasons.values()).count(None) == 1
    assert run("sessions", "reap").stdout == "Nothing to end.\n"


def test_an_unknown_session_is_an_error(run) -> None:
    assert isinstance(run("sessions", "show", "nosuch").exception, SessionNotFound)
