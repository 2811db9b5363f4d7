"""One accepted WebSocket, from its first message to its close.

One task reads and acts, one task sends; whatever ends the socket (the client, a timer, another
socket, an operator, a defect) says so once, by an ending, and one place winds everything up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from starlette.types import Message, Receive, Send

from greenroom.api.socket_writer import Outgoing, Payload, Writer

log = logging.getLogger(__name__)

MAX_ERRORS = 100
ERROR_WINDOW = 60.0
"""A client that makes so many mistakes in so many seconds is hung up on."""

FLUSH_TIMEOUT = 2.0
"""Seconds for what is queued, and then for the close, to leave."""


class SocketEnding(Protocol):
    """Why a socket ends: it is closed with `code` and `why`, after `farewell` was sent."""

    @property
    def code(self) -> int:
        """As RFC 6455 section 7.4 has them."""
        ...

    @property
    def why(self) -> str:
        """At most 123 bytes."""
        ...

    @property
    def farewell(self) -> Payload | None:
        """The last message; None: none."""
        ...


E = TypeVar("E", bound=SocketEnding)


@dataclass(frozen=True, slots=True)
class OwnEndings(Generic[E]):
    """The endings that a socket finds by itself."""

    hung_up: E
    """The client closed, or its connection broke."""
    defect: E
    """Of ours."""
    broke_bound: Callable[[str], E]
    """The client does not read, or makes too many mistakes."""


class MessageSocket(Generic[E]):
    """Reads and writes for one WebSocket. `session_id` names it in the log, once it is known.

    `close_code` is the code with which the client hung up; None while it has not. 1006: its
    connection broke.
    """

    def __init__(self, receive: Receive, send: Send, own: OwnEndings[E]) -> None:
        self.session_id: str | None = None
        self.close_code: int | None = None
        self._receive = receive
        self._send = send
        self._own = own
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[E] = self._loop.create_future()
        self.writer = Writer(send, lambda why: self.end(own.broke_bound(why)))
        self._errors: deque[float] = deque(maxlen=MAX_ERRORS)

    def tell(self, payload: Payload) -> None:
        """Send a message after what waits already."""
        self.writer.put(Outgoing(payload))

    def end(self, ending: E) -> None:
        """End soon; a plain call. The first reason counts."""
        if not self._over.done():
            self._over.set_result(ending)

    def count_mistake(self) -> None:
        """The client sent what can't be acted on; too often ends the socket."""
        now = self._loop.time()
        self._errors.append(now)
        if len(self._errors) == MAX_ERRORS and now - self._errors[0] < ERROR_WINDOW:
            self.end(self._own.broke_bound(f"{MAX_ERRORS} errors within {ERROR_WINDOW:g} s"))

    async def run(
        self, take: Callable[[Message], Awaitable[None]], leave: Callable[[E], Awaitable[None]]
    ) -> None:
        """Serve; returns when nothing of the socket is left.

        `take` acts on one message of the client's, and may be cancelled. `leave` is called once,
        before the last words and the close, and may still `tell`.
        """
        reader = self._loop.create_task(self._read(take))
        writer = self._loop.create_task(self.writer.run())
        for task in (reader, writer):
            task.add_done_callback(self._on_task_done)
        ending = self._own.hung_up
        try:
            ending = await self._over
        finally:
            # Also where the server is told to stop at once: what happened is still recorded.
            await self._wind_up(ending, leave, reader, writer)

    async def _read(self, take: Callable[[Message], Awaitable[None]]) -> None:
        while not self._over.done():
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.close_code = message["code"]
                self.end(self._own.hung_up)
                return
            await take(message)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("session %s: its socket failed", self.session_id, exc_info=error)
        self.end(self._own.defect)

    async def _wind_up(
        self,
        ending: E,
        leave: Callable[[E], Awaitable[None]],
        reader: asyncio.Task[None],
        writer: asyncio.Task[None],
    ) -> None:
        reader.cancel()
        await asyncio.wait([reader])
        try:
            await leave(ending)
        finally:
            if ending.farewell is not None:
                self.tell(ending.farewell)
            self.writer.finish()
            await asyncio.wait([writer], timeout=FLUSH_TIMEOUT)
            writer.cancel()
            await asyncio.wait([writer])
        if ending is not self._own.hung_up:
            await self._close(ending)

    async def _close(self, ending: E) -> None:
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await self._send(
                    {"type": "websocket.close", "code": ending.code, "reason": ending.why}
                )
        except (TimeoutError, OSError):
            # It does not read, or has gone: the server's protocol ends the connection.
            log.debug("session %s: the close was not taken", self.session_id)
