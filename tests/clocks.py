"""Time that tests own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._slept = asyncio.Event()
        self._sleeps = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def time(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._order), future))
        self._sleeps += 1
        self._slept.set()
        await future

    def advance(self, seconds: float) -> int:
        """Let time pass; return how many sleepers that wakes."""
        self._seconds += seconds
        woken = 0
        while self._sleepers and self._sleepers[0][0] <= self._seconds:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
                woken += 1
        return woken

    async def wait_for_sleeper(self) -> None:
        """Return once somebody sleeps."""
        async with asyncio.timeout(5):
            while not self._sleepers:
                self._slept.clear()
                await self._slept.wait()

    async def let_pass(self, seconds: float) -> None:
        """Advance, and wait until all who woke up sleep again."""
        sleeps = self._sleeps
        sleeps += self.advance(seconds)
        async with asyncio.timeout(5):
            while self._sleeps < sleeps:
                self._slept.clear()
                await self._slept.wait()
