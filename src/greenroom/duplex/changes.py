"""Who waits for a session to change, and is told when it does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from greenroom.errors import CapacityExceeded
from greenroom.providers.clock import Clock

MAX_FOLLOWERS = 2_000
"""Of all sessions together, in one process."""


class Follower:
    """One who waits. Changes that come before it looks are one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken = asyncio.Event()
        self._told = False

    def tell(self) -> None:
        """The session has changed."""
        self._told = True
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it has changed since the last call; waits up to `seconds` for that."""
        timer = self._clock.call_at(self._clock.time() + seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()
        told, self._told = self._told, False
        return told


class Changes:
    """The followers of a process, by session id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._followers: dict[str, set[Follower]] = {}
        self._count = 0

    def tell(self, session_id: str) -> None:
        """A session has changed. Plain and quick."""
        for follower in self._followers.get(session_id, ()):
            follower.tell()

    @contextmanager
    def follower(self, session_id: str) -> Iterator[Follower]:
        """One more, for as long as that. Raises CapacityExceeded."""
        if self._count >= MAX_FOLLOWERS:
            raise CapacityExceeded("followers of sessions", MAX_FOLLOWERS)
        follower = Follower(self._clock)
        self._count += 1
        self._followers.setdefault(session_id, set()).add(follower)
        try:
            yield follower
        finally:
            self._count -= 1
            followers = self._followers[session_id]
            followers.discard(follower)
            if not followers:
                del self._followers[session_id]
