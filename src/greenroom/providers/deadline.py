"""A time limit by an injected clock."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from greenroom.providers.clock import Clock, Timer


class Deadline:
    """Like `asyncio.timeout`: TimeoutError out of the `async with` after `seconds`.

    `put_off` starts the time anew; it costs no timer, so that it may be called for every token.
    """

    __slots__ = ("_clock", "_due", "_seconds", "_timeout", "_timer")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._due = 0.0
        self._timeout = asyncio.timeout(None)
        self._timer: Timer | None = None

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self.put_off()
        self._timer = self._clock.call_at(self._due, self._check)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._timeout.__aexit__(kind, error, traceback)

    def put_off(self) -> None:
        """Something has happened: the whole time is left again."""
        self._due = self._clock.time() + self._seconds

    def _check(self) -> None:
        self._timer = None
        if self._clock.time() < self._due:
            self._timer = self._clock.call_at(self._due, self._check)
        else:
            self._timeout.reschedule(asyncio.get_running_loop().time())
