"""Brows and smile: what the face says of what is going on."""

from __future__ import annotations

from random import Random

from greenroom.avatar.motion.glide import Glide, Key, Track
from greenroom.avatar.ports import Activity

# The brow on the side that is looked to, the other one, and the smile.
_FACES: dict[Activity, tuple[float, float, float]] = {
    "idle": (0.04, 0.04, 0.35),
    "listening": (0.22, 0.18, 0.4),
    "thinking": (0.3, -0.2, 0.1),
    "speaking": (0.08, 0.08, 0.25),
}
_FLASH: tuple[Key, ...] = ((0.0, 1.0, 0.16), (0.3, 0.0, 0.4))
FLASH = 0.45
"""How far the brows go up with a strongly stressed word."""


class Expression:
    """`left` and `right` brow, -1 to 1, the viewer's left and right; `smile`, 0 to 1."""

    def __init__(self, random: Random) -> None:
        self._random = random
        both, _, smile = _FACES["idle"]
        self.left, self.right, self.smile = Glide(both), Glide(both), Glide(smile)
        self.flashes = Track()
        """What stress adds to both brows."""

    def change(self, activity: Activity, side: float, at: float) -> None:
        """Look as `activity` does; `side` (-1 or 1) is where one looks aside."""
        near, far, smile = _FACES[activity]
        left, right = (far, near) if side > 0 else (near, far)
        seconds = self._random.uniform(0.35, 0.55)
        self.left.to(left, at, seconds)
        self.right.to(right, at, seconds)
        self.smile.to(smile, at, seconds)

    def beat(self, strength: float, at: float) -> None:
        """The brows go up with a stressed word; `strength` 0 to 1."""
        self.flashes.play(_FLASH, at, FLASH * strength)
