"""The transform attribute."""

from __future__ import annotations

import numpy as np
import pytest

from greenroom.avatar.packs.transforms import parse_transform


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("", (2, 1)),
        ("translate(10)", (12, 1)),
        ("translate(10, -5)", (12, -4)),
        ("scale(2)", (4, 2)),
        ("scale(2 3)", (4, 3)),
        ("rotate(90)", (-1, 2)),
        ("rotate(90, 2, 0)", (1, 0)),
        ("matrix(1 0 0 1 5 6)", (7, 7)),
        ("skewX(45)", (3, 1)),
        ("skewY(45)", (2, 3)),
        (" translate(10) , scale(2) ", (14, 2)),
    ],
)
def test_a_point_is_moved_as_svg_says(text: str, point: tuple[float, float]) -> None:
    moved = parse_transform(text) @ np.array([2, 1, 1])
    assert tuple(moved[:2]) == pytest.approx(point)


@pytest.mark.parametrize("text", ["turn(3)", "translate(1 2 3)", "scale(a)", "rotate 3", "x"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_transform(text)
