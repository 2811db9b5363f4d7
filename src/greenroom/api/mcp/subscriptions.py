"""Telling clients that a transcript has grown, in both ways that the protocol has had.

From 2026-07-28 on a client listens: the answer to one request is a stream of what it asked to be
told. Before, it subscribed to one resource after the other, and was told on a stream (GET) that it
kept open for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp_types import (
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from greenroom.api.http import HttpRequest
from greenroom.api.mcp.callers import Context, request_of, tenant_of
from greenroom.api.mcp.errors import protocol_errors
from greenroom.api.mcp.limits import McpLimits
from greenroom.api.mcp.transcripts import Transcripts, session_of
from greenroom.duplex.ports import DuplexSessions
from greenroom.errors import CapacityExceeded, GreenroomError

log = logging.getLogger(__name__)

SESSION_HEADER = b"mcp-session-id"

ClientKey: TypeAlias = tuple[str, str]
"""A tenant, and its session of the protocol."""

Notify: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Client:
    """One that subscribes. `streams` are those open, on which it is told."""

    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    streams: int = 0
    timer: asyncio.TimerHandle | None = None


class Subscriptions:
    """Everything that clients are told of.

    A subscription's first notification comes at once: what changed between the client's last look
    and its subscription is not missed.
    """

    def __init__(
        self, sessions: DuplexSessions, transcripts: Transcripts, limits: McpLimits
    ) -> None:
        self._sessions = sessions
        self._transcripts = transcripts
        self._limits = limits
        self._count = 0
        self._clients: dict[ClientKey, _Client] = {}
        self._listeners: set[ListenHandler] = set()

    # From 2026-07-28 on.

    async def listen(
        self, context: Context, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """`subscriptions/listen`: until the client goes, or the server ends. Raises MCPError."""
        uris = tuple(dict.fromkeys(params.notifications.resource_subscriptions or ()))
        await self._require_all(uris, tenant_of(context))
        bus = InMemorySubscriptionBus()
        listener = ListenHandler(bus, max_subscriptions=1)

        async def follow(uri: str) -> None:
            await self._follow(uri, lambda: bus.publish(ResourceUpdated(uri)))

        # What can't be told is not acknowledged: tools and prompts never change.
        only = SubscriptionFilter(resource_subscriptions=[*uris])
        async with asyncio.TaskGroup() as group:
            followers = [group.create_task(follow(uri)) for uri in uris]
            self._listeners.add(listener)
            self._count += len(uris)
            try:
                return await listener(context, params.model_copy(update={"notifications": only}))
            finally:
                self._count -= len(uris)
                self._listeners.discard(listener)
                for follower in followers:
                    follower.cancel()

    # Before.

    async def subscribe(self, context: Context, params: SubscribeRequestParams) -> EmptyResult:
        """`resources/subscribe`; harmless twice. Raises MCPError."""
        key, uri = _client_of(context), params.uri
        await self._require_all([uri], key[0])
        client = self._clients.setdefault(key, _Client())
        if uri not in client.tasks:
            session = context.session
            work = self._follow(uri, lambda: session.send_resource_updated(uri))
            task = client.tasks[uri] = asyncio.get_running_loop().create_task(work)
            self._count += 1
            task.add_done_callback(lambda _: self._on_done(key, uri))
            self._watch_streams(key, client)
        return EmptyResult()

    async def unsubscribe(self, context: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        """`resources/unsubscribe`; harmless where there is no subscription."""
        client = self._clients.get(_client_of(context))
        if client is not None and params.uri in client.tasks:
            client.tasks[params.uri].cancel()
        return EmptyResult()

    @contextmanager
    def stream(self, request: HttpRequest, tenant: str) -> Iterator[None]:
        """While a request is answered: it may be the stream of a client, or end the client."""
        session = request.header(SESSION_HEADER)
        if session is None or request.method not in ("GET", "DELETE"):
            yield
            return
        key = tenant, session
        client = self._clients.setdefault(key, _Client())
        client.streams += 1
        try:
            yield
        finally:
            client.streams -= 1
            if request.method == "DELETE":
                self._end(client)
            self._watch_streams(key, client)

    # Both.

    async def close(self) -> None:
        """End all of them; who listens is told so."""
        for listener in self._listeners:
            listener.close()
        tasks = [task for client in self._clients.values() for task in client.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _require_all(self, uris: Sequence[str], tenant: str) -> None:
        for uri in uris:
            await self._transcripts.find(uri, tenant=tenant)
        with protocol_errors():
            if self._count + len(uris) > self._limits.subscriptions:
                raise CapacityExceeded("subscriptions", self._limits.subscriptions)

    async def _follow(self, uri: str, notify: Notify) -> None:
        """Notify of the changes of a transcript, until its session has ended."""
        try:
            async with aclosing(self._sessions.follow(session_of(uri))) as changes:
                async for _ in changes:
                    await notify()
                    await asyncio.sleep(self._limits.look_interval)
        except GreenroomError as error:
            log.info("%s is not followed any more: %s", uri, error)

    def _on_done(self, key: ClientKey, uri: str) -> None:
        self._count -= 1
        client = self._clients[key]
        del client.tasks[uri]
        self._watch_streams(key, client)

    def _watch_streams(self, key: ClientKey, client: _Client) -> None:
        """Forget a client that has nothing; end what nobody reads, when that was so for long.

        The protocol's package does not tell when a client's session ends.
        """
        if client.timer is not None:
            client.timer.cancel()
            client.timer = None
        if client.streams:
            return
        if not client.tasks:
            self._clients.pop(key, None)
            return
        loop = asyncio.get_running_loop()
        client.timer = loop.call_later(self._limits.stream_grace, self._end, client)

    def _end(self, client: _Client) -> None:
        for task in client.tasks.values():
            task.cancel()


def _client_of(context: Context) -> ClientKey:
    return tenant_of(context), request_of(context).headers[SESSION_HEADER.decode()]
