"""The MCP side of the duplex port on a socket, over sessions that only remember, and clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette

from greenroom.api.access import Access
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.mcp.app import McpApi
from greenroom.api.mcp.limits import McpLimits
from greenroom.api.server_protocol import BoundedHttpProtocol
from greenroom.duplex.ports import DuplexSessions, Said, TrackedSession
from greenroom.sessions.model import Status
from greenroom.settings import Settings
from support.duplex_api import API_KEY, NO_TLS, NOW, SECRET, OneKey, RememberedSessions
from support.serving import serving

SomeSessions = TypeVar("SomeSessions", bound=DuplexSessions)

MODES = ("legacy", "auto")
"""The two ways of the protocol: with a handshake and sessions, and (the newest) without."""


@dataclass
class FollowedSessions(RememberedSessions):
    """RememberedSessions that can be followed. `followers` are those of this moment, `followed`
    how many there were."""

    followers: int = 0
    followed: int = 0
    follower_error: Exception | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, session_id: str) -> AsyncGenerator[datetime, None]:
        if self.follower_error is not None:
            raise self.follower_error
        self.followed += 1
        await self._count(1)
        try:
            seen = self.kept[session_id]
            yield NOW
            while not seen.session.ended:
                async with self.changed:
                    while self.kept[session_id] is seen:
                        await self.changed.wait()
                seen = self.kept[session_id]
                yield NOW
        finally:
            await self._count(-1)

    async def grow(self, session_id: str, speaker: Any, text: str) -> None:
        """One entry more."""
        tracked = self.kept[session_id]
        entry = Said(speaker, text, float(len(tracked.transcript)))
        self.kept[session_id] = replace(tracked, transcript=(*tracked.transcript, entry))
        async with self.changed:
            self.changed.notify_all()

    async def finish(self, session_id: str) -> TrackedSession:
        """The person closes the session."""
        tracked = self.end(session_id, status=Status.COMPLETED)
        async with self.changed:
            self.changed.notify_all()
        return tracked

    async def followed_by(self, count: int) -> None:
        """Return when there are so many followers."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.followers == count)

    async def _count(self, change: int) -> None:
        self.followers += change
        async with self.changed:
            self.changed.notify_all()


@dataclass
class RunningMcp(Generic[SomeSessions]):
    """A server that answers at `url`."""

    url: str
    api: McpApi
    sessions: SomeSessions

    @asynccontextmanager
    async def http(self, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
        """A plain HTTP client."""
        async with httpx2.AsyncClient(
            headers=headers, trust_env=False, verify=NO_TLS, timeout=10
        ) as client:
            yield client

    @asynccontextmanager
    async def client(
        self, mode: str = MODES[1], key: str = "", **options: Any
    ) -> AsyncIterator[Client]:
        """The official client."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self.http(**headers) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode, **options) as client:
                yield client


@asynccontextmanager
async def running_mcp(
    data_dir: Path, limits: McpLimits | None = None, **options: Any
) -> AsyncIterator[RunningMcp[FollowedSessions]]:
    """The API on a free port, over sessions that only remember; `options` are settings."""
    async with mcp_of(FollowedSessions(), data_dir, limits, **options) as running:
        yield running


@asynccontextmanager
async def mcp_of(
    sessions: SomeSessions, data_dir: Path, limits: McpLimits | None = None, **options: Any
) -> AsyncIterator[RunningMcp[SomeSessions]]:
    """The API on a free port, over sessions of the test's own."""
    settings = Settings(data_dir=data_dir, **options)
    access = Access.to_duplex(
        Authenticator([API_KEY], OneKey(), SessionTokens(SECRET, 3_600)), settings
    )
    parts = DuplexParts(settings, sessions, access)
    limits = limits or McpLimits(look_interval=0)
    api = McpApi(parts, "http://127.0.0.1:8080", limits)
    app = Starlette(routes=[api.route()])
    async with serving(app, http=BoundedHttpProtocol) as url, AsyncExitStack() as stack:
        await api.open()
        stack.push_async_callback(api.close)
        yield RunningMcp(f"{url}/mcp", api, sessions)


FollowedMcp = RunningMcp[FollowedSessions]
"""A server over sessions that only remember."""
