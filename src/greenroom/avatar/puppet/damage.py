"""Which parts of a picture must be drawn again, as rectangles."""

from __future__ import annotations

import math
from collections.abc import Iterable

from greenroom.avatar.ports import Rect


def around(
    left: float, top: float, right: float, bottom: float, size: tuple[int, int]
) -> Rect | None:
    """The smallest rectangle of even edges within a picture of `size`; None if it is empty.

    The picture's own right and bottom edges may be odd.
    """
    width, height = size
    x0, y0 = max(0, 2 * math.floor(left / 2)), max(0, 2 * math.floor(top / 2))
    x1, y1 = min(width, 2 * math.ceil(right / 2)), min(height, 2 * math.ceil(bottom / 2))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def union(one: Rect, other: Rect) -> Rect:
    """The rectangle around both."""
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def overlap(one: Rect, other: Rect) -> bool:
    """Whether they share a pixel."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _holds(one: Rect, other: Rect) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one[2] >= other[2] and one[3] >= other[3]


def merged(rects: Iterable[Rect | None]) -> tuple[Rect, ...]:
    """Rectangles that cover the same and don't overlap; what overlaps becomes one."""
    result: list[Rect] = []
    for rect in rects:
        if rect is None or any(_holds(one, rect) for one in result):
            continue
        grown, others = rect, result
        while touching := [other for other in others if overlap(grown, other)]:
            others = [other for other in others if other not in touching]
            for other in touching:
                grown = union(grown, other)
        result = [*others, grown]
    return tuple(result)
