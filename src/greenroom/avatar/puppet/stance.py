"""A pose's head and body as shifts in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import skia  # type: ignore[import-not-found,import-untyped,unused-ignore]

from greenroom.avatar.packs.manifest import Moves, Place
from greenroom.avatar.ports import Pose
from greenroom.avatar.puppet.raster import LEANS, PHASES, Placement
from greenroom.avatar.puppet.view import View

_HEAD_SWAYS = 1.25  # as far as the body, which bends
_HEAD_BREATHES = 0.7
_ROLL = 0.85
"""How much of a tilt moves the features' two sides up and down; the head's outline only leans."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Shifts in units, and the lean in LEANS-ths."""

    body: tuple[float, float]
    head: tuple[float, float]
    turn: tuple[float, float]
    lean: int

    @classmethod
    def of(cls, pose: Pose, moves: Moves) -> Stance:
        """The stance of a pose."""
        x, y = pose.sway * moves.sway, pose.bob * moves.bob
        breath = pose.breath * moves.breath
        return cls(
            (x, y - breath),
            (x * _HEAD_SWAYS, y - breath * _HEAD_BREATHES),
            (pose.turn * moves.turn, pose.pitch * moves.pitch),
            round(LEANS * math.tan(math.radians(pose.tilt * moves.tilt))),
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
        about = round(view.at(*neck)[1])
        return Placement(round(x * steps), round(y * steps), lean, about)


def matrix_of(place: Placement, view: View, neck: tuple[float, float]) -> Any:
    """From the artwork's units to pixels, for what is drawn as outlines at a place on the head."""
    scale, (shift_x, shift_y) = view.scale, view.shift
    lean = place.lean / LEANS
    x, y = view.at(*neck)
    lift = lean * _ROLL
    placed = skia.Matrix.MakeAll(
        1, -lean, place.x / PHASES + lean * y, lift, 1, place.y / PHASES - lift * x, 0, 0, 1
    )
    return placed.preTranslate(shift_x, shift_y).preScale(scale, scale)
