"""A pose's head and body as shifts in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import skia

from greenroom.avatar.packs.manifest import Moves, Place
from greenroom.avatar.ports import Pose
from greenroom.avatar.puppet.raster import LEANS, PHASES, ROLL, Placement
from greenroom.avatar.puppet.view import View

_HEAD = 500.0  # units from the neck to the top
_HEAD_SWAYS = 1.25  # as far as the body, which bends
_HEAD_BREATHES = 0.7


@dataclass(frozen=True, slots=True)
class Stance:
    """Shifts in units, and the lean in LEANS-ths; all in steps, so that little things don't count.

    All drawings step together: while a head moves slowly, it is drawn again only now and then.
    """

    body: tuple[float, float]
    head: tuple[float, float]
    turn: tuple[float, float]
    lean: int

    @classmethod
    def of(cls, pose: Pose, moves: Moves, scale: float) -> Stance:
        """The stance of a pose, in steps for a picture of `scale` pixels per unit."""
        half = 2 * scale
        x = round(pose.sway * moves.sway * half) / half
        y, breath = pose.bob * moves.bob, pose.breath * moves.breath
        aside = LEANS * math.tan(math.radians(pose.tilt * moves.tilt))
        step = max(1, round(LEANS / (_HEAD * 2 * scale)))  # half a pixel at the top of the head
        return cls(
            (x, round((y - breath) * half) / half),
            (x * _HEAD_SWAYS, round((y - breath * _HEAD_BREATHES) * half) / half),
            (
                round(pose.turn * moves.turn * half * 2) / (half * 2),
                round(pose.pitch * moves.pitch * half) / half,
            ),
            round(aside / step) * step,
        )

    def place(self, on: Place, depth: float, view: View, neck: tuple[float, float]) -> Placement:
        """Where a raster lies that moves with a part of the figure."""
        if on == "background":
            return Placement()
        steps = PHASES * view.scale
        if on == "body":
            return Placement(round(self.body[0] * steps), round(self.body[1] * steps))
        x, y = self.head[0] + self.turn[0] * depth, self.head[1] + self.turn[1] * depth
        lean = self.lean
        if on == "neck":
            x, y, lean = (x + self.body[0]) / 2, (y + self.body[1]) / 2, lean // 2
        about_x, about_y = view.at(*neck)
        return Placement(
            round(x * steps), 2 * round(y * steps / 2), lean, round(about_x), round(about_y)
        )


def matrix_of(place: Placement, view: View, neck: tuple[float, float]) -> Any:
    """From the artwork's units to pixels, for what is drawn as outlines at a place on the head."""
    scale, (shift_x, shift_y) = view.scale, view.shift
    lean = place.lean / LEANS
    x, y = view.at(*neck)
    lift = lean * ROLL
    placed = skia.Matrix.MakeAll(
        1, -lean, place.x / PHASES + lean * y, lift, 1, place.y / PHASES - lift * x, 0, 0, 1
    )
    return placed.preTranslate(shift_x, shift_y).preScale(scale, scale)
