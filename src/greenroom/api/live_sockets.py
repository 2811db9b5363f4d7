"""The live sockets of this process: how many there may be, and draining."""

from __future__ import annotations

import asyncio
from typing import Protocol

from greenroom.errors import CapacityExceeded
from greenroom.sessions.model import EndReason

GONE_TIMEOUT = 8.0
"""Seconds for what was told to stop to record what is left to record."""


class LiveSocket(Protocol):
    """What the registry needs of a socket."""

    session_id: str | None
    """None until the session of this socket has begun."""

    def stop(self, reason: EndReason) -> None:
        """End soon; a plain call."""
        ...


class LiveSockets:
    """All sockets of an API. `capacity` is how many there may be, `what` says of what."""

    def __init__(self, capacity: int, what: str) -> None:
        self._capacity = capacity
        self._what = what
        self._sockets: set[LiveSocket] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False

    def __len__(self) -> int:
        return len(self._sockets)

    def all(self) -> tuple[LiveSocket, ...]:
        """Every socket, in no order."""
        return tuple(self._sockets)

    def add(self, socket: LiveSocket) -> None:
        """Take a socket in. Raises CapacityExceeded."""
        if self._draining or len(self._sockets) >= self._capacity:
            raise CapacityExceeded(self._what, 0 if self._draining else self._capacity)
        self._sockets.add(socket)
        self._empty.clear()

    def remove(self, socket: LiveSocket) -> None:
        """A socket is done."""
        self._sockets.discard(socket)
        if not self._sockets:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Take no more, give those whose session has begun `seconds` to end, then end all."""
        self._draining = True
        for socket in self.all():
            if socket.session_id is None:
                socket.stop(EndReason.DRAINED)
        await wait_at_most(self._empty, seconds)
        for socket in self.all():
            socket.stop(EndReason.DRAINED)
        await wait_at_most(self._empty, GONE_TIMEOUT)


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
