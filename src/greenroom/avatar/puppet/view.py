"""How the artwork's square lies in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.avatar.packs.manifest import SIZE


@dataclass(frozen=True, slots=True)
class View:
    """A pixel is `unit * scale + shift`; the square is in the middle of a wide picture."""

    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels per unit of the artwork."""
        return min(self.width, self.height) / SIZE

    @property
    def shift(self) -> tuple[float, float]:
        """Of the square, in pixels; in a tall picture it is at the bottom."""
        side = min(self.width, self.height)
        return (self.width - side) / 2, float(self.height - side)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the artwork in pixels."""
        return x * self.scale + self.shift[0], y * self.scale + self.shift[1]
