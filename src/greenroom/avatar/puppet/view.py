"""How the artwork's square lies in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.avatar.packs.manifest import SIZE, Frame


@dataclass(frozen=True, slots=True)
class View:
    """A pixel is `unit * scale + shift`; the frame is in the middle of a wide picture.

    `frame`: left, top and size of the square of the artwork that a square picture shows.
    """

    width: int
    height: int
    frame: Frame = (0.0, 0.0, SIZE)

    @property
    def scale(self) -> float:
        """Pixels per unit of the artwork."""
        return min(self.width, self.height) / self.frame[2]

    @property
    def shift(self) -> tuple[float, float]:
        """In pixels; in a tall picture the frame is at the bottom."""
        side, (left, top, _) = min(self.width, self.height), self.frame
        scale = self.scale
        return (self.width - side) / 2 - left * scale, self.height - side - top * scale

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the artwork in pixels."""
        return x * self.scale + self.shift[0], y * self.scale + self.shift[1]
