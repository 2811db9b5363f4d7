"""Time that passes when a test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class _Call:
    when: float
    number: int
    callback: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """A `providers.clock.Clock` that stands still until `advance`."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now
        self._calls: list[_Call] = []
        self._numbers = 0

    def time(self) -> float:
        """Seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Call:
        """Call back when `advance` passes `when`."""
        self._numbers += 1
        call = _Call(when, self._numbers, callback)
        heapq.heappush(self._calls, call)
        return call

    def advance(self, seconds: float) -> None:
        """Let time pass; calls that fall due are made in order, each at its own time."""
        target = self._now + seconds
        while self._calls and self._calls[0].when <= target:
            call = heapq.heappop(self._calls)
            self._now = max(self._now, call.when)
            if not call.cancelled:
                call.callback()
        self._now = target

    @property
    def pending(self) -> int:
        """Calls that are still to be made."""
        return sum(not call.cancelled for call in self._calls)
