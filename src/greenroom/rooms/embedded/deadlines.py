"""Timers by name, of one owner."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.providers.clock import Clock, Timer


class Deadlines:
    """Calls back when what was waited for did not come in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Timer] = {}
        self._closed = False

    def __contains__(self, name: str) -> bool:
        return name in self._timers

    def set(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in a while, in place of what was set under this name."""
        self.clear(name)

        def due() -> None:
            del self._timers[name]
            callback()

        if not self._closed:
            self._timers[name] = self._clock.call_at(self._clock.time() + seconds, due)

    def clear(self, name: str) -> None:
        """It came."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
