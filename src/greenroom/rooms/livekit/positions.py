"""How far a voice has got that plays elsewhere, in real time, out of a queue of known length."""

from __future__ import annotations

from collections import deque

_POINTS = 256
"""At one each 20 ms these are 5 s, longer than any way to a listener."""


class Positions:
    """Sample counts over time, as points: from this moment it plays on from `sent` to `limit`."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._points: deque[tuple[float, int, int]] = deque(maxlen=_POINTS)
        self._heard = 0

    def note(self, moment: float, sent: int, limit: int) -> None:
        """From `moment` (seconds) on, samples from `sent` up to `limit` play."""
        self._points.append((moment, sent, limit))

    def heard(self, moment: float) -> int:
        """Samples played by `moment`; never less than it has told before."""
        played = 0
        for since, sent, limit in reversed(self._points):
            if since <= moment:
                played = min(limit, sent + round((moment - since) * self._rate))
                break
        self._heard = max(self._heard, played)
        return self._heard
