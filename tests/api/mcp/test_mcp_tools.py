"""The tools, called by the official client over HTTP, in both ways of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from greenroom.api.mcp.limits import McpLimits
from greenroom.api.mcp.models import SessionList, SessionView
from greenroom.duplex.ports import Said
from greenroom.errors import CapacityExceeded
from greenroom.sessions.errors import StorageUnavailable
from support.duplex_api import API_KEY, VOICE
from support.mcp_sessions import MODES, FollowedMcp

ORDER = {"voice_prompt": VOICE, "text_prompt": "You plan together."}


def text_of(result: CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    given: dict[str, Any] = result.structured_content
    assert orjson.loads(text_of(result)) == given
    return given


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text_of(result)


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_is_started_looked_at_and_stopped(server: FollowedMcp, mode: str) -> None:
    async with server.client(mode) as client:
        started = await called(
            client, "start_voice_session", **ORDER, text_topk=40, metadata={"a": "b"}
        )
        SessionView.model_validate(started)
        session_id = started["session_id"]
        assert (started["status"], started["transcript"]) == ("waiting", [])
        assert started["websocket_url"] == (
            "ws://127.0.0.1:8080/api/chat?voice_prompt=NATF2.pt"
            f"&text_prompt=You%20plan%20together.&session_id={session_id}"
        )
        (order,) = server.sessions.orders
        assert (order.persona.sampling.text_topk, order.metadata) == (40, {"a": "b"})

        await server.sessions.grow(session_id, "ai", "Hello!")
        seen = await called(client, "get_session", session_id=session_id)
        assert seen["transcript"] == [{"speaker": "ai", "text": "Hello!", "t": 0.0}]
        assert (seen["full_transcript"], seen["word_count"]) == ("AI: Hello!", 1)

        stopped = await called(client, "stop_session", session_id=session_id)
        assert stopped["status"] == "stopped"
        again = await refused(client, "stop_session", session_id=session_id)
        assert again == "Session is already stopped"


async def test_tools_say_what_they_take_and_give(server: FollowedMcp) -> None:
    async with server.client() as client:
        assert client.instructions is not None
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == [
        "start_voice_session",
        "get_session",
        "stop_session",
        "list_sessions",
        "list_voices",
        "wait_for_session",
    ]
    for tool in tools.values():
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        for name, schema in tool.input_schema["properties"].items():
            assert schema["description"], (tool.name, name)
    start = tools["start_voice_session"].input_schema
    assert start["required"] == ["voice_prompt"]
    assert VOICE in start["properties"]["voice_prompt"]["enum"]
    assert start["properties"]["audio_topk"]["default"] == 250


async def test_sessions_and_voices_are_listed(server: FollowedMcp) -> None:
    async with server.client() as client:
        ids = [
            (await called(client, "start_voice_session", **ORDER))["session_id"] for _ in range(2)
        ]
        long = await called(
            client, "start_voice_session", voice_prompt=VOICE, text_prompt="x" * 300
        )
        listed = await called(client, "list_sessions", limit=2)
        SessionList.model_validate(listed)
        assert [kept["session_id"] for kept in listed["sessions"]] == [long["session_id"], ids[1]]
        assert listed["sessions"][0]["text_prompt"] == "x" * 199 + "…"
        await called(client, "list_sessions", before=ids[0], status="waiting")
        assert server.sessions.pages[-1] == {"limit": 50, "before": ids[0], "status": "waiting"}
        assert VOICE in (await called(client, "list_voices"))["voices"]
        words = await refused(client, "list_sessions", before="none")
        assert words == "before is no session; allowed: the last session_id seen"


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("start_voice_session", {}, "voice_prompt is missing; allowed: NATF0.pt, NATF1.pt"),
        (
            "start_voice_session",
            {"voice_prompt": "Bob"},
            "voice_prompt is no voice; allowed: NATF0",
        ),
        ("start_voice_session", {"voice_prompt": "../a"}, "voice_prompt must be a bare file name"),
        (
            "start_voice_session",
            ORDER | {"prompt": "x"},
            "prompt is no argument here; allowed: voi",
        ),
        ("start_voice_session", ORDER | {"text_topk": 0}, "text_topk must be at least 1"),
        ("start_voice_session", ORDER | {"text_topk": "5"}, "text_topk must be a whole number"),
        ("start_voice_session", ORDER | {"text_prompt": "x" * 20_001}, "text_prompt must have at"),
        ("get_session", {}, "session_id is missing"),
        ("get_session", {"session_id": "none"}, "Session not found"),
        ("get_session", {"session_id": ""}, "session_id must not be empty"),
        ("stop_session", {"session_id": "none"}, "Session not found"),
        ("list_sessions", {"limit": 51}, "limit must be at most 50"),
        ("list_sessions", {"status": "gone"}, "status is not supported; allowed: waiting, active"),
        ("list_voices", {"a": 1}, "a is no argument here; allowed: none"),
        ("wait_for_session", {"session_id": "none"}, "Session not found"),
        (
            "wait_for_session",
            {"session_id": "a", "timeout_seconds": 601},
            "timeout_seconds must be",
        ),
    ],
)
async def test_what_is_wrong_is_explained_to_the_agent(
    server: FollowedMcp, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with server.client() as client:
        assert (await refused(client, tool, **arguments)).startswith(words)


async def test_a_tool_that_is_none_is_an_error_of_the_protocol(server: FollowedMcp) -> None:
    async with server.client() as client:
        with pytest.raises(MCPError, match="There is no such tool; there are: start_voice"):
            await client.call_tool("make_coffee", {})


async def test_what_the_server_cant_do_is_told_without_its_secrets(server: FollowedMcp) -> None:
    server.sessions.error = CapacityExceeded("waiting sessions", 3)
    async with server.client() as client:
        words = await refused(client, "start_voice_session", **ORDER)
        assert words == "Too much at once: at most 3 waiting sessions; try again later"
        server.sessions.error = StorageUnavailable("disk /secret is full")
        words = await refused(client, "start_voice_session", **ORDER)
        assert words == "The server can't keep sessions now; try again"


@pytest.mark.parametrize("mode", MODES)
async def test_waiting_tells_what_is_said_and_returns_when_the_session_ends(
    server: FollowedMcp, mode: str
) -> None:
    told: asyncio.Queue[tuple[float, str | None]] = asyncio.Queue()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        told.put_nowait((progress, message))

    async with server.client(mode) as client:
        session_id = (await called(client, "start_voice_session", **ORDER))["session_id"]
        waiting = asyncio.create_task(
            client.call_tool(
                "wait_for_session", {"session_id": session_id}, progress_callback=on_progress
            )
        )
        await server.sessions.followed_by(1)
        await server.sessions.grow(session_id, "ai", "What would you like?")
        assert await told.get() == (4, "AI: What would you like?")
        await server.sessions.grow(session_id, "user", "A dashboard")
        assert await told.get() == (6, "User: A dashboard")
        await server.sessions.finish(session_id)
        result = await waiting
        assert result.structured_content["status"] == "completed"
        assert result.structured_content["word_count"] == 6
        await server.sessions.followed_by(0)
        # Of a session that has ended there is nothing to wait for.
        ended = await called(client, "wait_for_session", session_id=session_id)
        assert ended == result.structured_content


async def test_waiting_returns_at_its_time_with_what_there_is(server: FollowedMcp) -> None:
    async with server.client() as client:
        session_id = (await called(client, "start_voice_session", **ORDER))["session_id"]
        server.sessions.say(session_id, Said("ai", "Hello!", 0.0))
        for seconds in (0, 0.01):
            seen = await called(
                client, "wait_for_session", session_id=session_id, timeout_seconds=seconds
            )
            assert (seen["status"], seen["word_count"]) == ("waiting", 1)
        await server.sessions.followed_by(0)


async def test_so_many_calls_wait_at_most(start_mcp: Any) -> None:
    server = await start_mcp(limits=McpLimits(waits=1, look_interval=0))
    async with server.client() as client:
        session_id = (await called(client, "start_voice_session", **ORDER))["session_id"]
        first = asyncio.create_task(called(client, "wait_for_session", session_id=session_id))
        await server.sessions.followed_by(1)
        words = await refused(client, "wait_for_session", session_id=session_id)
        assert words == "Too much at once: at most 1 calls that wait; try again later"
        await server.sessions.finish(session_id)
        await first


async def test_a_client_that_goes_away_waits_no_longer(server: FollowedMcp) -> None:
    async with server.client() as client:
        session_id = (await called(client, "start_voice_session", **ORDER))["session_id"]
        waiting = asyncio.create_task(called(client, "wait_for_session", session_id=session_id))
        await server.sessions.followed_by(1)
        waiting.cancel()
        await server.sessions.followed_by(0)


async def test_long_transcripts_are_shown_whole(server: FollowedMcp) -> None:
    async with server.client() as client:
        session_id = (await called(client, "start_voice_session", **ORDER))["session_id"]
        server.sessions.say(session_id, *(Said("user", "word", float(t)) for t in range(500)))
        assert (
            len((await called(client, "get_session", session_id=session_id))["transcript"]) == 500
        )


async def test_where_credentials_are_needed_the_link_carries_one(start_mcp: Any) -> None:
    server = await start_mcp(duplex={"public_url": "https://talk.example.com/"})
    async with server.client(key=API_KEY) as client:
        started = await called(client, "start_voice_session", **ORDER)
    assert started["websocket_url"].startswith("wss://talk.example.com/api/chat?voice_prompt=")
    assert "&token=" in started["websocket_url"]
