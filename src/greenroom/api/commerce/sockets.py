"""The live sockets of this process: how many there may be, and draining."""

from __future__ import annotations

import asyncio
from typing import Protocol

from greenroom.api.commerce.talks import GONE_TIMEOUT, wait_at_most
from greenroom.errors import CapacityExceeded
from greenroom.sessions.model import EndReason


class LiveSocket(Protocol):
    """What the registry needs of a socket."""

    session_id: str | None

    def stop(self, reason: EndReason) -> None:
        """End soon; a plain call."""
        ...


class VoiceSockets:
    """All sockets, talking or not. `capacity` is how many there may be."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
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
            raise CapacityExceeded("voice sessions", 0 if self._draining else self._capacity)
        self._sockets.add(socket)
        self._empty.clear()

    def remove(self, socket: LiveSocket) -> None:
        """A socket is done."""
        self._sockets.discard(socket)
        if not self._sockets:
            self._empty.set()

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
