"""How far sent audio runs ahead of real time. Knows no clock: the time is handed in."""

from __future__ import annotations

SERVER_BOUND = 60.0
"""Seconds that the server allows (contract's addition `server.max_audio_ahead_ms`)."""


class Pacer:
    """Counts as the server does: a pause does not save up. Times in seconds, sound in ms."""

    def __init__(self, max_ahead: float) -> None:
        if not 0 < max_ahead <= SERVER_BOUND:
            raise ValueError(f"max_ahead is {max_ahead} s; it must be more than 0, at most 60")
        self._max_ms = max_ahead * 1000
        self._ahead_ms = 0.0
        self._at = 0.0

    def wait(self, ms: float, now: float) -> float:
        """Seconds until `ms` of sound may be sent; 0: now. A longer piece than the bound may go
        when nothing is ahead.
        """
        over = self._now_ahead(now) + min(ms, self._max_ms) - self._max_ms
        return max(0.0, over / 1000)

    def sent(self, ms: float, now: float) -> None:
        """`ms` of sound have been sent."""
        self._ahead_ms = self._now_ahead(now) + ms
        self._at = now

    def _now_ahead(self, now: float) -> float:
        return max(0.0, self._ahead_ms - (now - self._at) * 1000)
