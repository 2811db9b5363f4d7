"""How the artwork's square lies in a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from greenroom.avatar.packs.manifest import SIZE, Frame, Point


@dataclass(frozen=True, slots=True)
class View:
    """A pixel is `unit * scale + shift`; the frame is in the middle of a wide picture.

    `frame`: left, top and size of the square of the artwork that a square picture shows.
    """

    width: int
    height: int
    frame: Frame = (0.0, 0.0, SIZE)

    scale: float = field(init=False, compare=False)
    """Pixels per unit of the artwork."""
    shift: Point = field(init=False, compare=False)
    """In pixels; in a tall picture the frame is at the bottom."""

    def __post_init__(self) -> None:
        side, (left, top, size) = min(self.width, self.height), self.frame
        scale = side / size
        shift = (self.width - side) / 2 - left * scale, self.height - side - top * scale
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "shift", shift)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the artwork in pixels."""
        return x * self.scale + self.shift[0], y * self.scale + self.shift[1]
