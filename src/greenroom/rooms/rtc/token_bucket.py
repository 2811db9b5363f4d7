"""A bound on how much work a peer can ask for in a second."""

from __future__ import annotations


class TokenBucket:
    """Lets `rate` things a second through, and `burst` at once after a pause."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._updated = burst, 0.0

    def take(self, now: float, count: int = 1) -> bool:
        """Whether `count` more may pass at `now` (seconds of any monotonic clock)."""
        tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if tokens < count:
            self._tokens = tokens
            return False
        self._tokens = tokens - count
        return True
