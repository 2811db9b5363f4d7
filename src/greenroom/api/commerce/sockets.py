"""The live sockets of this process: how many there may be, who holds which session, draining."""

from __future__ import annotations

import asyncio
from typing import Protocol

from greenroom.errors import CapacityExceeded
from greenroom.sessions.model import EndReason

GONE_TIMEOUT = 8.0
"""Seconds for a socket that was told to stop to record what was said."""


class LiveSocket(Protocol):
    """What the registry needs of a socket."""

    session_id: str | None
    gone: asyncio.Event
    """Set when everything is recorded and the session is let go of."""

    def stop(self, reason: EndReason) -> None:
        """End soon; a plain call."""
        ...


class VoiceSockets:
    """All sockets, talking or not. `capacity` is how many there may be."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._sockets: set[LiveSocket] = set()
        self._holders: dict[str, LiveSocket] = {}
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
            raise CapacityExceeded("voice sessions", 0 if self._draining else self._capacity)
        self._sockets.add(socket)
        self._empty.clear()

    def holds(self, socket: LiveSocket, session_id: str) -> LiveSocket | None:
        """Note that a socket holds a session now; return who held it before."""
        before = self._holders.get(session_id)
        self._holders[session_id] = socket
        return before

    def lets_go(self, socket: LiveSocket) -> None:
        """Note that a socket holds its session no more."""
        session_id = socket.session_id
        if session_id is not None and self._holders.get(session_id) is socket:
            del self._holders[session_id]

    def remove(self, socket: LiveSocket) -> None:
        """A socket is done."""
        self._sockets.discard(socket)
        self.lets_go(socket)
        if not self._sockets:
            self._empty.set()

    async def wait_gone(self, session_id: str) -> None:
        """Return when no socket here holds the session any more, or after GONE_TIMEOUT."""
        socket = self._holders.get(session_id)
        if socket is not None:
            await wait_at_most(socket.gone, GONE_TIMEOUT)

    async def drain(self, seconds: float) -> None:
        """Take no more sockets, give those that talk `seconds` to end, then end all."""
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
