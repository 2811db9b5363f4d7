"""Transcripts as resources: listed, read, and subscribed to in both ways of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.client import Client, IncomingMessage
from mcp.client.subscriptions import ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceUpdatedNotification, TextResourceContents

from greenroom.api.mcp.limits import McpLimits
from greenroom.api.mcp.transcripts import uri_of
from greenroom.duplex.ports import Persona, SessionOrder
from greenroom.errors import CapacityExceeded
from support.duplex_api import OTHER_KEY, OTHER_TENANT, VOICE
from support.mcp_sessions import FollowedMcp, FollowedSessions

pytestmark = pytest.mark.filterwarnings(
    "ignore:resources/(un)?subscribe is removed:mcp.MCPDeprecationWarning"
)

Told = asyncio.Queue[str]
StartMcp = Any


async def new_session(sessions: FollowedSessions, tenant: str = "default") -> str:
    order = SessionOrder(Persona(VOICE))
    return (await sessions.create(order, tenant=tenant)).session.id


async def text(client: Client, uri: str) -> str:
    contents = (await client.read_resource(uri, cache_mode="bypass")).contents[0]
    assert isinstance(contents, TextResourceContents)
    assert (contents.uri, contents.mime_type) == (uri, "text/plain")
    return contents.text


async def next_of(told: Told) -> str:
    async with asyncio.timeout(10):
        return await told.get()


@asynccontextmanager
async def older_client(server: FollowedMcp, key: str = "") -> AsyncIterator[tuple[Client, Told]]:
    """A client of the protocol with a handshake, and what it is told of."""
    told: Told = asyncio.Queue()

    async def hear(message: IncomingMessage) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.put_nowait(message.params.uri)

    async with server.client("legacy", key, message_handler=hear) as client:
        yield client, told


# -- listed and read -------------------------------------------------------------------------------


async def test_transcripts_are_listed_newest_first_and_read(server: FollowedMcp) -> None:
    first, second = [await new_session(server.sessions) for _ in range(2)]
    await server.sessions.grow(second, "ai", "Hello!")
    await server.sessions.grow(second, "user", "Hi")
    async with server.client() as client:
        listed = await client.list_resources()
        assert [resource.uri for resource in listed.resources] == [uri_of(second), uri_of(first)]
        assert listed.resources[0].description == "A voice session that is waiting"
        assert listed.next_cursor is None
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "greenroom://sessions/{id}/transcript"
        assert await text(client, uri_of(second)) == "AI: Hello!\nUser: Hi"
        assert await text(client, uri_of(first)) == ""


async def test_a_list_goes_on_after_fifty(server: FollowedMcp) -> None:
    ids = [await new_session(server.sessions) for _ in range(50)]
    async with server.client() as client:
        assert (await client.list_resources()).next_cursor == ids[0]
        await client.list_resources(cursor=ids[0])
        assert server.sessions.pages[-1]["before"] == ids[0]
        with pytest.raises(MCPError, match="cursor is none that was given out"):
            await client.list_resources(cursor="x")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (uri_of("none"), "Session not found"),
        ("greenroom://sessions/a/b/transcript", "uri is no resource; allowed: greenroom://"),
        ("file:///etc/passwd", "uri is no resource"),
    ],
)
async def test_what_is_no_transcript_is_refused(server: FollowedMcp, uri: str, words: str) -> None:
    async with server.client() as client:
        with pytest.raises(MCPError, match=words):
            await client.read_resource(uri)
        with pytest.raises(MCPError, match=words):
            async with client.listen(resource_subscriptions=[uri]):
                raise AssertionError("it listens")


async def test_other_tenants_transcripts_are_not_there(server: FollowedMcp) -> None:
    theirs = uri_of(await new_session(server.sessions, OTHER_TENANT))
    async with server.client() as client:
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError, match="Session not found"):
            await client.read_resource(theirs)
    async with server.client(key=OTHER_KEY) as client:
        assert await text(client, theirs) == ""
    async with older_client(server) as (client, _):
        with pytest.raises(MCPError, match="Session not found"):
            await client.subscribe_resource(theirs)


# -- listening, from 2026-07-28 on -----------------------------------------------------------------


async def test_who_listens_is_told_at_once_and_of_every_change(server: FollowedMcp) -> None:
    session = await new_session(server.sessions)
    uri = uri_of(session)
    async with server.client() as client:
        listening = client.listen(resource_subscriptions=[uri, uri], tools_list_changed=True)
        async with asyncio.timeout(10), listening as events:
            assert events.honored.resource_subscriptions == [uri]
            assert events.honored.tools_list_changed is None
            assert await anext(events) == ResourceUpdated(uri)
            await server.sessions.grow(session, "ai", "Hello!")
            assert await anext(events) == ResourceUpdated(uri)
            assert await text(client, uri) == "AI: Hello!"
            await server.sessions.finish(session)
            assert await anext(events) == ResourceUpdated(uri)
            await server.sessions.followed_by(0)


async def test_who_goes_away_is_followed_for_no_longer(server: FollowedMcp) -> None:
    uri = uri_of(await new_session(server.sessions))
    async with server.client() as client:
        async with client.listen(resource_subscriptions=[uri]) as events:
            await anext(events)
            assert server.sessions.followers == 1
        await server.sessions.followed_by(0)


async def test_a_listener_is_told_when_the_api_ends(server: FollowedMcp) -> None:
    uri = uri_of(await new_session(server.sessions))
    async with server.client() as client, client.listen(resource_subscriptions=[uri]) as events:
        await anext(events)
        await server.api.close()
        assert [event async for event in events] == []
        await server.sessions.followed_by(0)


async def test_a_session_that_cant_be_followed_leaves_the_listener_be(server: FollowedMcp) -> None:
    uri = uri_of(await new_session(server.sessions))
    server.sessions.follower_error = CapacityExceeded("followers of sessions", 0)
    async with server.client() as client, client.listen(resource_subscriptions=[uri]) as events:
        assert events.honored.resource_subscriptions == [uri]


async def test_so_many_transcripts_are_watched_at_most(start_mcp: StartMcp) -> None:
    server = await start_mcp(limits=McpLimits(subscriptions=2, look_interval=0))
    uris = [uri_of(await new_session(server.sessions)) for _ in range(3)]
    async with server.client() as client:
        with pytest.raises(MCPError, match="at most 2 subscriptions"):
            async with client.listen(resource_subscriptions=uris):
                raise AssertionError("it listens")
        async with (
            client.listen(resource_subscriptions=uris[:2]),
            older_client(server) as (older, _),
        ):
            with pytest.raises(MCPError, match="at most 2 subscriptions"):
                await older.subscribe_resource(uris[2])
        await server.sessions.followed_by(0)


# -- subscribing, before ---------------------------------------------------------------------------


async def test_who_subscribed_is_told_of_every_change(server: FollowedMcp) -> None:
    session = await new_session(server.sessions)
    uri = uri_of(session)
    async with older_client(server) as (client, told):
        await client.subscribe_resource(uri)
        await client.subscribe_resource(uri)  # harmless
        await server.sessions.followed_by(1)
        await server.sessions.grow(session, "ai", "Hello!")
        assert await next_of(told) == uri
        await client.unsubscribe_resource(uri)
        await server.sessions.followed_by(0)
        await client.unsubscribe_resource(uri)  # harmless


async def test_a_client_that_ends_its_session_is_told_nothing_more(server: FollowedMcp) -> None:
    uri = uri_of(await new_session(server.sessions))
    async with older_client(server) as (client, _):
        await client.subscribe_resource(uri)
        await server.sessions.followed_by(1)
    await server.sessions.followed_by(0)


async def test_a_client_without_a_stream_is_given_up_after_a_while(start_mcp: StartMcp) -> None:
    server = await start_mcp(limits=McpLimits(stream_grace=0.02, look_interval=0))
    uri = uri_of(await new_session(server.sessions))
    head = {"Accept": "application/json, text/event-stream"}
    async with server.http(**head) as http:
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        answer = await http.post(server.url, json=call)
        own = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.post(server.url, json=ready, headers=own)
        call = {"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": uri}}
        assert (await http.post(server.url, json=call, headers=own)).status_code == 200
        assert server.sessions.followed == 1
        await server.sessions.followed_by(0)


async def test_nobody_is_followed_after_the_end(server: FollowedMcp) -> None:
    uri = uri_of(await new_session(server.sessions))
    async with older_client(server) as (client, told):
        await client.subscribe_resource(uri)
        await next_of(told)
        await server.api.close()
        assert server.sessions.followers == 0
