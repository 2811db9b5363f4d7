"""Values that go from one place to another as a human movement does: they never jump.

A movement is the polynomial of least jerk (Flash and Hogan, 1985: "The coordination of arm
movements"): it keeps the position, speed and acceleration that it found, so that one may be broken
off by the next at any time, and comes to rest exactly at its end. Everything is in closed form, so
the path doesn't depend on how often it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

PEAK = 1.875
"""How much faster than its mean speed a movement from rest to rest is at its fastest."""

Key: TypeAlias = tuple[float, float, float]
"""Of a track: seconds after its beginning, where it goes then, and how many seconds that takes."""


class Glide:
    """One value. Times are in seconds on the user's clock and never go back."""

    __slots__ = (
        "_acceleration",
        "_begin",
        "_c3",
        "_c4",
        "_c5",
        "_end",
        "_from",
        "_speed",
        "target",
    )

    def __init__(self, value: float = 0.0) -> None:
        self.target = value
        """Where it is, or goes."""
        self._begin = self._end = 0.0
        self._from = value
        self._speed = self._acceleration = self._c3 = self._c4 = self._c5 = 0.0

    def to(self, target: float, at: float, seconds: float) -> None:
        """Go to `target` in the `seconds` (above 0) from `at` on."""
        if at >= self._end:
            here, speed, acceleration = self.target, 0.0, 0.0
            if target == here:
                return
        else:
            here, speed, acceleration = self._state(at, seconds)
        way = target - here
        self._begin, self._end, self.target = at, at + seconds, target
        self._from, self._speed, self._acceleration = here, speed, acceleration / 2
        self._c3 = 10 * way - 6 * speed - 1.5 * acceleration
        self._c4 = -15 * way + 8 * speed + 1.5 * acceleration
        self._c5 = 6 * way - 3 * speed - 0.5 * acceleration

    def value(self, at: float) -> float:
        """Where it is at `at`."""
        if at >= self._end:
            return self.target
        u = (at - self._begin) / (self._end - self._begin)
        c = (self._c5 * u + self._c4) * u + self._c3
        return ((c * u + self._acceleration) * u + self._speed) * u + self._from

    def _state(self, at: float, seconds: float) -> tuple[float, float, float]:
        """Position, speed and acceleration at `at`, the unit of time being `seconds`."""
        length = self._end - self._begin
        u = (at - self._begin) / length
        c3, c4, c5 = self._c3, self._c4, self._c5
        speed = ((5 * c5 * u + 4 * c4) * u + 3 * c3) * u + 2 * self._acceleration
        speed = speed * u + self._speed
        acceleration = ((20 * c5 * u + 12 * c4) * u + 6 * c3) * u + 2 * self._acceleration
        unit = seconds / length
        return self.value(at), speed * unit, acceleration * unit * unit


class Track:
    """A value that plays keys, one movement after the other."""

    __slots__ = ("_begin", "_glide", "_keys", "_next", "_scale")

    def __init__(self, value: float = 0.0) -> None:
        self._glide = Glide(value)
        self._keys: Sequence[Key] = ()
        self._next = 0
        self._begin = 0.0
        self._scale = 1.0

    def play(self, keys: Sequence[Key], at: float, scale: float = 1.0) -> None:
        """Play `keys` from `at` on, their targets times `scale`, in place of what was to come."""
        self.value(at)
        self._keys, self._next, self._begin, self._scale = keys, 0, at, scale

    def value(self, at: float) -> float:
        """Where it is at `at`."""
        while self._next < len(self._keys):
            after, target, seconds = self._keys[self._next]
            if self._begin + after > at:
                break
            self._glide.to(target * self._scale, self._begin + after, seconds)
            self._next += 1
        return self._glide.value(at)
