"""The sending side of a WebSocket: plain calls put messages in, one task sends them.

What waits is bounded in number and size, and each message in time: a client that doesn't read is
given up, and costs no more than these bounds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.types import Send

MAX_MESSAGES = 1_024
MAX_SIZE = 8_000_000
"""Characters of text and bytes."""
SEND_TIMEOUT = 10.0
"""Seconds in which a client must take one message."""

Payload: TypeAlias = str | bytes
"""What makes a text message, or a binary one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message. Those of a `reply` (its number) can be taken back until they are sent.

    An empty payload is not sent: it only keeps its place, for its `on_sent`.
    """

    payload: Payload
    reply: int = 0
    on_sent: Callable[[], None] | None = None


class Writer:
    """Sends in order. `on_failure` is called once, with a reason, when that can't go on."""

    def __init__(
        self,
        send: Send,
        on_failure: Callable[[str], None],
        *,
        max_messages: int = MAX_MESSAGES,
        max_size: int = MAX_SIZE,
        send_timeout: float = SEND_TIMEOUT,
    ) -> None:
        self._send = send
        self._on_failure = on_failure
        self._max_messages = max_messages
        self._max_size = max_size
        self._send_timeout = send_timeout
        self._queue: deque[Outgoing] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._finishing = False
        self._failed = False

    def put(self, message: Outgoing) -> None:
        """Send this after what waits already. Nothing is sent any more after a failure."""
        if self._failed or self._finishing:
            return
        self._size += len(message.payload)
        self._queue.append(message)
        if len(self._queue) > self._max_messages or self._size > self._max_size:
            self._fail("slow reader: too much waits to be sent")
        self._wake.set()

    def take_back(self, reply: int) -> list[Outgoing]:
        """Remove what waits of a reply and return it, in order."""
        taken = [message for message in self._queue if message.reply == reply]
        if taken:
            self._queue = deque(message for message in self._queue if message.reply != reply)
            self._size = sum(len(message.payload) for message in self._queue)
        return taken

    async def run(self) -> None:
        """Send until `finish`, or until a failure."""
        try:
            while not self._failed:
                if self._queue:
                    await self._send_one(self._queue.popleft())
                elif self._finishing:
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            self._fail(f"slow reader: a message was not taken in {self._send_timeout:g} s")
        except OSError:  # uvicorn's way to say that the client has gone
            self._fail("the client has gone")

    def finish(self) -> None:
        """Take no more messages; `run` returns when those that wait are sent."""
        self._finishing = True
        self._wake.set()

    async def _send_one(self, message: Outgoing) -> None:
        self._size -= len(message.payload)
        if message.payload:
            async with asyncio.timeout(self._send_timeout):
                kind = "text" if isinstance(message.payload, str) else "bytes"
                await self._send({"type": "websocket.send", kind: message.payload})
        if message.on_sent is not None:
            message.on_sent()

    def _fail(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            self._queue.clear()
            self._wake.set()
            self._on_failure(why)
