"""How much of a voice its listeners have heard, who hear it later than it is sent."""

from __future__ import annotations

from collections import deque

HISTORY = 150
"""Frames that are remembered, 3 s: more than anybody's delay."""


class HeardPosition:
    """Remembers what left when. Positions count samples at `rate` Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frames: deque[tuple[float, int, int]] = deque(maxlen=HISTORY)
        self._heard = 0.0

    def note(self, sent_at: float, position: int, samples: int) -> None:
        """`samples` from `position` on left at `sent_at`, in seconds of the clock."""
        self._frames.append((sent_at, position, samples))

    def at(self, moment: float) -> float:
        """What had begun to leave by then, with a frame's samples spread over its time.

        It never goes back, though `moment` may where the delay turns out to be longer.
        """
        for sent_at, position, samples in reversed(self._frames):
            if sent_at <= moment:
                heard = position + min(samples, (moment - sent_at) * self._rate)
                break
        else:
            heard = self._frames[0][1] if self._frames else 0.0
        self._heard = max(self._heard, heard)
        return self._heard
