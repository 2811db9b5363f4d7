"""Calls that wait: so many at most, each for so long at most, and all of them end with us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from greenroom.errors import CapacityExceeded


class Waits:
    """The calls that wait now."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._timeouts: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def at_most(self, seconds: float) -> AsyncIterator[None]:
        """Leave the block when that time is over, or when all are to end.

        Raises CapacityExceeded.
        """
        if len(self._timeouts) >= self._limit:
            raise CapacityExceeded("calls that wait", self._limit)
        timeout = asyncio.timeout(seconds)
        self._timeouts.add(timeout)
        try:
            with suppress(TimeoutError):
                async with timeout:
                    yield
        finally:
            self._timeouts.discard(timeout)

    def end(self) -> None:
        """Let all of them answer now."""
        now = asyncio.get_running_loop().time()
        for timeout in self._timeouts:
            if not timeout.expired():
                timeout.reschedule(now)
