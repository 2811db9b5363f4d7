"""Which words are stressed and where phrases end, as far as loudness tells.

A beat is given where the sound rises quickly to more than its usual loudness: that is how stressed
syllables begin. People's brows and heads move with these (Cave et al., 1996).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOOR = -60.0
"""dBFS: what is softer counts as this."""
VOICE = -45.0
"""dBFS: what is softer is no voice, whatever is usual."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a picture's sound brings: a beat (strength above 0 to 1; 0: none), a phrase's end."""

    beat: float = 0.0
    phrase_ended: bool = False


_NOTHING = Heard()


class Stress:
    """Follows one voice, picture by picture."""

    def __init__(self) -> None:
        self._usual = -26.0
        self._before = FLOOR
        self._since_beat = 1.0
        self._voiced = 0.0
        self._silent = 0.0

    def hear(self, loudness: float, seconds: float) -> Heard:
        """The next `seconds` of sound are of `loudness` (dBFS, root mean square)."""
        level = max(loudness, FLOOR)
        self._since_beat += seconds
        rise = level - self._before
        self._before += rise * (1 - math.exp(-seconds / 0.1))
        if level < VOICE or level < self._usual - 20:
            return self._pause(seconds)
        self._silent = 0.0
        self._voiced += seconds
        above = level - self._usual
        self._usual += above * (1 - math.exp(-seconds / 1.2))
        # Soon after a beat only a much louder syllable is one: beats come where the voice has
        # weight, and not in step.
        needed = 5.0 + 10.0 * math.exp(-self._since_beat / 0.8)
        if rise > 4.0 and above > needed and self._since_beat > 0.4:
            self._since_beat = 0.0
            return Heard(beat=min(1.0, above / 14))
        return _NOTHING

    def _pause(self, seconds: float) -> Heard:
        before = self._silent
        self._silent += seconds
        if before < 0.16 <= self._silent:
            ended = self._voiced > 0.5
            self._voiced = 0.0
            return Heard(phrase_ended=ended)
        return _NOTHING
