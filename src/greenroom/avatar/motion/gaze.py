"""Where the eyes look: at the viewer mostly, with small saccades, and aside at times."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from greenroom.avatar.motion.glide import Glide
from greenroom.avatar.ports import Activity

Span: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Habits:
    """How one looks. Spans are drawn from evenly; `x` is counted towards a side.

    `stays`, `away`: seconds that a look at the viewer and one aside last. `aside`: how often one
    looks aside. `x`, `y`: where that is. `pace`: how much longer a saccade takes than it must.
    """

    stays: Span
    away: Span
    aside: float
    x: Span
    y: Span
    pace: float = 1.0


_HABITS: dict[Activity, _Habits] = {
    "idle": _Habits((1.2, 3.2), (0.7, 1.6), 0.16, (0.22, 0.45), (-0.05, 0.2)),
    "listening": _Habits((1.6, 4.0), (0.4, 0.7), 0.03, (0.15, 0.25), (0.05, 0.15)),
    "thinking": _Habits((0.5, 0.9), (1.1, 2.4), 0.9, (0.35, 0.6), (-0.75, -0.45), 1.8),
    "speaking": _Habits((0.9, 2.4), (0.4, 0.9), 0.2, (0.18, 0.4), (-0.15, 0.2)),
}
NEAR = 0.07
"""How far from the viewer's eyes a look at the viewer may be."""
LARGE = 0.3
"""From this way on a saccade is one that people blink at."""


class Gaze:
    """The direction of both eyes, each axis -1 to 1."""

    def __init__(self, random: Random, on_shift: Callable[[float], None]) -> None:
        """`on_shift` is told when a large saccade begins."""
        self._random = random
        self._on_shift = on_shift
        self._habits = _HABITS["idle"]
        self._side = 1.0
        self._x, self._y = Glide(), Glide()
        self._next = random.uniform(0.5, 2.0)
        self._held_until = 0.0

    def change(self, activity: Activity, side: float, at: float) -> None:
        """Look as `activity` does, soon; `side` (-1 or 1) is where aside is."""
        self._habits, self._side = _HABITS[activity], side
        self._next = max(at + self._random.uniform(0.04, 0.16), self._held_until)

    def look(self, x: float, y: float, at: float, seconds: float) -> None:
        """Look there for so long."""
        self._saccade(x, y, at)
        self._next = self._held_until = at + seconds

    def meet(self, at: float) -> None:
        """Look at the viewer again, if nothing else is to be seen."""
        if at >= self._held_until:
            self._next = min(self._next, at + self._random.uniform(0.05, 0.3))
            if abs(self._x.target) <= NEAR and abs(self._y.target) <= NEAR:
                self._next = at + self._random.uniform(*self._habits.stays)

    def direction(self, at: float) -> tuple[float, float]:
        """Right and down."""
        while self._next <= at:
            self._choose(self._next)
        return self._x.value(at), self._y.value(at)

    def _choose(self, at: float) -> None:
        draw, habits = self._random, self._habits
        if draw.random() < habits.aside:
            side = self._side if draw.random() < 0.75 else -self._side
            self._saccade(side * draw.uniform(*habits.x), draw.uniform(*habits.y), at)
            self._next = at + draw.uniform(*habits.away)
        else:
            self._saccade(draw.uniform(-NEAR, NEAR), draw.uniform(-NEAR, NEAR), at)
            self._next = at + draw.uniform(*habits.stays)

    def _saccade(self, x: float, y: float, at: float) -> None:
        """As long as the way is far: the "main sequence" of eye movements (Bahill et al., 1975)."""
        way = math.hypot(x - self._x.value(at), y - self._y.value(at))
        seconds = (0.05 + 0.12 * way) * self._habits.pace
        self._x.to(x, at, seconds)
        self._y.to(y, at, seconds)
        if way > LARGE:
            self._on_shift(at)
