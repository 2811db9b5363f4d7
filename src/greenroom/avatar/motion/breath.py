"""Breathing: in, out, and a rest; while speaking in quickly and out slowly."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from greenroom.avatar.motion.glide import Glide
from greenroom.avatar.ports import Activity

Span: TypeAlias = tuple[float, float]

# How deep, and seconds in, out, and at rest before the next breath.
_HABITS: dict[Activity, tuple[Span, Span, Span, Span]] = {
    "idle": ((0.6, 0.8), (1.0, 1.3), (1.3, 1.7), (1.5, 2.5)),
    "listening": ((0.6, 0.8), (1.0, 1.3), (1.3, 1.7), (1.2, 2.2)),
    "thinking": ((0.6, 0.9), (1.3, 1.7), (1.8, 2.3), (0.8, 1.4)),
    "speaking": ((0.8, 1.0), (0.5, 0.7), (2.6, 3.6), (0.1, 0.5)),
}


class Breath:
    """How full the chest is, 0 to 1."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._activity: Activity = "idle"
        self._chest = Glide()
        self._out = False
        self._next = random.uniform(0.1, 1.5)

    def change(self, activity: Activity) -> None:
        """The next breaths are of `activity`."""
        self._activity = activity

    def value(self, at: float) -> float:
        """How full the chest is."""
        while self._next <= at:
            self._turn(self._next)
        return self._chest.value(at)

    def _turn(self, at: float) -> None:
        draw = self._random.uniform
        depth, into, out, rest = _HABITS[self._activity]
        if self._out:
            seconds = draw(*out)
            self._chest.to(0.0, at, seconds)
            self._next = at + seconds + draw(*rest)
        else:
            seconds = draw(*into)
            self._chest.to(draw(*depth), at, seconds)
            self._next = at + seconds
        self._out = not self._out
