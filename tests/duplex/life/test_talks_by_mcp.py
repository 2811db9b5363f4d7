"""A talk that an agent follows by MCP, from its start to its transcript."""

from __future__ import annotations

import asyncio
from pathlib import Path

from greenroom.duplex.sessions import TalkSessions
from greenroom.testing.duplex import RememberingClient
from support.mcp_sessions import mcp_of
from support.talks import Talks


async def test_an_agent_starts_a_talk_waits_and_reads_it(talks: Talks, tmp_path: Path) -> None:
    told: asyncio.Queue[str | None] = asyncio.Queue()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.put_nowait(message)

    sessions: TalkSessions = talks.sessions
    async with mcp_of(sessions, tmp_path) as server, server.client() as client:
        order = {"voice_prompt": "NATF2.pt", "text_prompt": "You plan."}
        started = await client.call_tool("start_voice_session", order)
        session_id = started.structured_content["session_id"]
        waiting = asyncio.create_task(
            client.call_tool(
                "wait_for_session", {"session_id": session_id}, progress_callback=on_progress
            )
        )
        person = await sessions.enter(session_id, RememberingClient(), tenant="default")
        talks.time.advance(1)
        talks.model.talks[0].say("What would you like?")
        async with asyncio.timeout(10):
            assert await told.get() == "AI: What would you like?"
        talks.model.talks[0].listener.on_user_words("A dashboard", 1.0)
        async with asyncio.timeout(10):
            assert await told.get() == "User: A dashboard"
        talks.time.advance(3)  # all of it is heard
        person.leave(finished=True)
        async with asyncio.timeout(10):
            session = (await waiting).structured_content
        assert session["status"] == "completed"
        assert session["full_transcript"] == "AI: What would you like?\nUser: A dashboard"
        uri = f"greenroom://sessions/{session_id}/transcript"
        assert [resource.uri for resource in (await client.list_resources()).resources] == [uri]
