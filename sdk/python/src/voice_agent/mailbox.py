"""Received messages on their way to whoever iterates."""

from __future__ import annotations

import asyncio
from collections import deque

from voice_agent.messages import Message


class Mailbox:
    """A bounded queue with an end. One reader at a time is woken for each message."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._messages: deque[Message] = deque()
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._bounded = True
        self._finished = False

    async def put(self, message: Message) -> None:
        """Add one; wait while the box is full, so that the socket is not read meanwhile."""
        while self._bounded and len(self._messages) >= self._size:
            self._room.clear()
            await self._room.wait()
        self._messages.append(message)
        self._came.set()

    async def get(self) -> Message | None:
        """The next one; None at the end."""
        while not self._messages:
            if self._finished:
                return None
            self._came.clear()
            await self._came.wait()
        message = self._messages.popleft()
        self._room.set()
        return message

    def unbind(self) -> None:
        """Never wait for room any more: the session ends, little more can come."""
        self._bounded = False
        self._room.set()

    def finish(self) -> None:
        """Nothing comes any more; what is here can still be read."""
        self._finished = True
        self._came.set()
