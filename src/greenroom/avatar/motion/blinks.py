"""When the lids close.

Times are those of people: one closes the eyes in about 75 ms and opens them more slowly (Schiffman,
2001: 0.1 to 0.4 s in all), more often while talking than at rest (Bentivoglio et al., 1997: 26 and
17 times a minute), and there with the ends of phrases and with large movements of the gaze.
"""

from __future__ import annotations

from random import Random

from greenroom.avatar.motion.glide import Track
from greenroom.avatar.ports import Activity

# Seconds from one blink to the next: the least, the most, the most frequent.
_PAUSES: dict[Activity, tuple[float, float, float]] = {
    "idle": (2.0, 6.0, 3.3),
    "listening": (2.2, 6.0, 3.8),
    "thinking": (2.0, 5.5, 3.0),
    "speaking": (2.0, 4.5, 2.3),
}
TWICE = 0.12
"""How often a second blink follows at once."""
APART = 0.9
"""Seconds between blinks that have a cause."""


class Blinks:
    """Both lids' closing, 0 to 1."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._activity: Activity = "idle"
        self._lids = Track()
        self._last = 0.0
        self._next = random.uniform(0.8, 3.5)

    def change(self, activity: Activity) -> None:
        """The next pauses are of `activity`."""
        self._activity = activity

    def suggest(self, at: float, chance: float) -> None:
        """At `at` there is a cause to blink, which is followed with probability `chance`."""
        self.value(at)
        wanted = self._random.random() < chance
        if wanted and at - self._last > APART and self._next - at > APART / 3:
            self._next = at + self._random.uniform(0.02, 0.12)

    def value(self, at: float) -> float:
        """How far the lids are closed."""
        while self._next <= at:
            self._blink(self._next)
        return self._lids.value(at)

    def _blink(self, at: float) -> None:
        draw = self._random
        closing, shut = draw.uniform(0.070, 0.080), draw.uniform(0.010, 0.020)
        opening = draw.uniform(0.085, 0.100)
        end = closing + shut + opening
        keys = [(0.0, 1.0, closing), (closing + shut, 0.0, opening)]
        if draw.random() < TWICE:
            again = end + draw.uniform(0.06, 0.15)
            keys += [(again, 1.0, closing), (again + closing + shut, 0.0, opening)]
            end += again
        self._lids.play(keys, at)
        self._last = at + end
        self._next = self._last + draw.triangular(*_PAUSES[self._activity])
