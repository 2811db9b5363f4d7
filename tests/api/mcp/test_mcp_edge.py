"""Who is let in at `/mcp`, and what is left when it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.api.mcp.limits import McpLimits
from support.duplex_api import API_KEY, OTHER_KEY, VOICE
from support.mcp_sessions import FollowedMcp

StartMcp = Any
HEAD = {"Accept": "application/json, text/event-stream"}
HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
BEYOND = {"server": {"host": "0.0.0.0"}}


async def status(server: FollowedMcp, **headers: str) -> int:
    async with server.http(**HEAD, **headers) as http:
        return (await http.post(server.url, json=HELLO)).status_code


async def test_beyond_this_machine_a_key_is_needed(start_mcp: StartMcp) -> None:
    server = await start_mcp(**BEYOND)
    async with server.http(**HEAD) as http:
        answer = await http.post(server.url, json=HELLO)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["error"].startswith("Unauthorized: ")
        wrong = {"Authorization": "Bearer wrong"}
        assert (await http.get(server.url, headers=wrong)).status_code == 401
    assert await status(server, Authorization=f"Bearer {API_KEY}") == 200


async def test_a_session_of_the_protocol_is_its_tenants_alone(server: FollowedMcp) -> None:
    async with server.http(**HEAD) as http:
        answer = await http.post(server.url, json=HELLO)
        own = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        theirs = own | {"Authorization": f"Bearer {OTHER_KEY}"}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await http.post(server.url, json=ping, headers=theirs)).status_code == 404
        assert (await http.delete(server.url, headers=theirs)).status_code == 404
        assert (await http.post(server.url, json=ping, headers=own)).status_code == 200
        assert (await http.delete(server.url, headers=own)).status_code == 200
        assert (await http.post(server.url, json=ping, headers=own)).status_code == 404


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "evil.example.com"}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "http://localhost:6274"}, 200),
        ({"Host": "localhost:8080"}, 200),
    ],
)
async def test_names_of_other_sites_are_refused_on_this_machine(
    server: FollowedMcp, headers: dict[str, str], expected: int
) -> None:
    assert await status(server, **headers) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "evil.example.com"}, 421),
        ({"Host": "talk.example.com", "Origin": "https://evil.example.com"}, 403),
        ({"Host": "talk.example.com", "Origin": "https://talk.example.com"}, 200),
        ({"Host": "talk.example.com", "Origin": "http://localhost:6274"}, 200),
        ({"Host": "127.0.0.1:9000"}, 200),
        ({"Host": "[::1]"}, 200),
    ],
)
async def test_names_of_other_sites_are_refused_at_a_public_address(
    start_mcp: StartMcp, headers: dict[str, str], expected: int
) -> None:
    server = await start_mcp(duplex={"public_url": "https://talk.example.com"})
    assert await status(server, Authorization=f"Bearer {API_KEY}", **headers) == expected


async def test_bodies_and_clients_are_bounded(start_mcp: StartMcp) -> None:
    server = await start_mcp(limits=McpLimits(clients=1), server={"max_body_bytes": 2_000})
    async with server.http(**HEAD) as http:
        long = await http.post(server.url, json=HELLO | {"more": "x" * 2_000})
        assert long.status_code == 413
        assert long.json() == {"error": "Request body is too large: at most 2000 bytes"}
        broken = await http.post(
            server.url, content=b"{", headers={"Content-Type": "application/json"}
        )
        assert broken.status_code == 400
        assert (await http.post(server.url, json=HELLO)).status_code == 200
        assert (await http.post(server.url, json=HELLO)).status_code == 503


async def test_a_client_that_hangs_up_in_its_request_leaves_nothing(server: FollowedMcp) -> None:
    host, port = server.url.removeprefix("http://").removesuffix("/mcp").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await status(server) == 200


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_at_the_end_who_waits_is_answered_and_nothing_is_taken(
    server: FollowedMcp, mode: str
) -> None:
    async with server.client(mode) as client:
        started = await client.call_tool("start_voice_session", {"voice_prompt": VOICE})
        arguments = {"session_id": started.structured_content["session_id"]}
        waiting = asyncio.create_task(client.call_tool("wait_for_session", arguments))
        await server.sessions.followed_by(1)
        await server.api.close()
        async with asyncio.timeout(10):
            assert (await waiting).structured_content["status"] == "waiting"
        await server.sessions.followed_by(0)
    assert await status(server) == 503
