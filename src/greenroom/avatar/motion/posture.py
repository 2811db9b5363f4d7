"""How head and body are held: still, until they shift; the livelier the more is going on.

A shift is a movement of a second or so to a place near by, after which everything rests exactly
where it is: people do, and what rests needn't be drawn again. While speaking one shift runs into
the next, so that the head sways all the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from greenroom.avatar.motion.glide import Glide, Key, Track
from greenroom.avatar.ports import Activity

Span: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Habits:
    """How one holds the head and the body.

    `turn`, `pitch`, `tilt`: the middle, the first and the last towards a side; `spread` is how far
    around it (for `tilt` in tens of degrees). `pause` and `length`: seconds from one shift to the
    next, and of one. `body_pause`, `lean`, `body_spread`: the body's. `nods`: seconds between the
    small nods of a listener.
    """

    turn: float
    pitch: float
    tilt: float
    spread: float
    pause: Span
    length: Span
    body_pause: Span
    body_spread: float
    lean: float = 0.0
    nods: Span | None = None


_HABITS: dict[Activity, _Habits] = {
    "idle": _Habits(0.0, 0.0, 0.0, 0.15, (2.5, 6.0), (0.9, 1.5), (9.0, 18.0), 0.3),
    "listening": _Habits(
        0.05, 0.06, 4.0, 0.08, (3.0, 7.0), (0.8, 1.3), (7.0, 14.0), 0.2, 0.25, nods=(3.0, 7.0)
    ),
    "thinking": _Habits(0.22, -0.2, 3.0, 0.10, (2.2, 4.5), (1.1, 1.9), (8.0, 14.0), 0.3, -0.1),
    "speaking": _Habits(0.0, 0.02, 0.0, 0.22, (0.7, 1.6), (0.6, 1.1), (3.0, 6.0), 0.5, 0.1),
}
_BLEND: Span = (0.4, 0.6)
_BODY_LENGTH: Span = (1.2, 2.0)
_DIP: tuple[Key, ...] = ((0.0, 1.0, 0.16), (0.16, 0.0, 0.3))
_NOD: tuple[Key, ...] = ((0.0, 1.0, 0.22), (0.22, 0.25, 0.2), (0.42, 0.7, 0.2), (0.62, 0.0, 0.3))
NOD = 0.16
"""How far a listener's small nod goes down, of `pitch`."""
DIP = 0.13
"""The same of the beat of the head that comes with a stressed word."""


class Posture:
    """Head and body: `turn`, `pitch`, `sway`, `bob` from -1 to 1, `tilt` in degrees."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._habits = _HABITS["idle"]
        self._side = 1.0
        self.turn, self.pitch, self.tilt = Glide(), Glide(), Glide()
        self.sway, self.bob = Glide(), Glide()
        self.dips = Track()
        """What small nods and beats add to `pitch`."""
        self._next = random.uniform(1.0, 4.0)
        self._next_of_body = random.uniform(2.0, 9.0)
        self._next_nod = float("inf")

    def change(self, activity: Activity, side: float, at: float) -> None:
        """Hold oneself as `activity` does, from now on; `side` (-1 or 1) is where aside is."""
        self._habits, self._side = _HABITS[activity], side
        self._shift(at, self._random.uniform(*_BLEND))
        self._shift_body(at, self._random.uniform(*_BLEND))
        nods = self._habits.nods
        self._next_nod = float("inf") if nods is None else at + self._random.uniform(*nods)

    def beat(self, strength: float, at: float) -> None:
        """A beat of the head; `strength` 0 to 1."""
        self.dips.play(_DIP, at, DIP * strength)

    def advance(self, at: float) -> None:
        """Begin what is due until `at`."""
        draw = self._random.uniform
        while self._next <= at:
            self._shift(self._next, draw(*self._habits.length))
        while self._next_of_body <= at:
            self._shift_body(self._next_of_body, draw(*_BODY_LENGTH))
        while self._next_nod <= at and self._habits.nods is not None:
            self.dips.play(_NOD, self._next_nod, NOD * draw(0.7, 1.0))
            self._next_nod += draw(*self._habits.nods)

    def _shift(self, at: float, seconds: float) -> None:
        draw, habits = self._random.uniform, self._habits
        spread, side = habits.spread, self._side
        self.turn.to(side * habits.turn + draw(-spread, spread), at, seconds)
        self.pitch.to(habits.pitch + draw(-spread, spread) / 2, at, seconds)
        self.tilt.to(side * habits.tilt + 10 * draw(-spread, spread), at, seconds)
        self._next = at + draw(*habits.pause)

    def _shift_body(self, at: float, seconds: float) -> None:
        draw, habits = self._random.uniform, self._habits
        spread = habits.body_spread
        self.sway.to(draw(-spread, spread), at, seconds)
        self.bob.to(habits.lean + draw(-spread, spread) / 4, at, seconds)
        self._next_of_body = at + draw(*habits.body_pause)
