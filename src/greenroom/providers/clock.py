"""Time as what waits for providers needs it; injected, so that tests own it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """What `Clock.call_at` returns."""

    def cancel(self) -> None:
        """The call won't be made. Harmless afterwards and twice."""
        ...


class Clock(Protocol):
    """Monotonic time; injected, so that tests own it. A running asyncio loop is one."""

    def time(self) -> float:
        """Seconds since some moment."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call back once, on the event loop, when `time()` has reached `when`."""
        ...
