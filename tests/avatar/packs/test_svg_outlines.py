"""Path data as cubic curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from greenroom.avatar.packs.outlines import Outline, ellipse, parse_path


def middle(outline: Outline, curve: int) -> tuple[float, float]:
    """The point in the middle of a curve."""
    a, b, c, d = outline.points[3 * curve : 3 * curve + 4]
    x, y = (a + 3 * b + 3 * c + d) / 8
    return float(x), float(y)


def ends(outline: Outline) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in outline.points[0::3]]


@pytest.mark.parametrize(
    ("data", "corners"),
    [
        ("M10 20L30 20V40H10z", [(10, 20), (30, 20), (30, 40), (10, 40)]),
        ("m10,20 20,0 0,20 -20,0z", [(10, 20), (30, 20), (30, 40), (10, 40)]),
        ("M10 20h20v20h-20Z", [(10, 20), (30, 20), (30, 40), (10, 40)]),
        ("M10 20C11 21 12 22 13 23S15 25 16 26", [(10, 20), (13, 23), (16, 26)]),
        ("M10 20c1 1 2 2 3 3s2 2 3 3", [(10, 20), (13, 23), (16, 26)]),
        ("M0 0Q5 10 10 0T20 0t10 0", [(0, 0), (10, 0), (20, 0), (30, 0)]),
        ("M1e1-.5L.5.5", [(10, -0.5), (0.5, 0.5)]),
    ],
)
def test_every_command_leads_where_it_says(data: str, corners: list[tuple[float, float]]) -> None:
    assert np.allclose(ends(parse_path(data)), corners)


def test_a_smooth_curve_goes_on_in_the_direction_of_the_one_before() -> None:
    cubic = parse_path("M0 0C0 10 10 10 10 0S20 -10 20 0")
    assert tuple(cubic.points[4]) == (10, -10)
    quadratic = parse_path("M0 0Q5 10 10 0T20 0")
    assert middle(quadratic, 0) == pytest.approx((5, 5))
    assert middle(quadratic, 1) == pytest.approx((15, -5))
    alone = parse_path("M0 0L10 0S20 10 20 0")
    assert tuple(alone.points[4]) == (10, 0)


@pytest.mark.parametrize(
    ("data", "centre", "curves"),
    [
        ("M10 0A10 10 0 0 1 0 10", (0, 0), 1),
        ("M10 0A10 10 0 1 0 0 10", (0, 0), 3),
        ("M10 0A10 10 0 0 0 0 10", (10, 10), 1),
        ("M-5 0A5 5 0 0 1 5 0", (0, 0), 2),
    ],
)
def test_an_arc_stays_on_its_circle(data: str, centre: tuple[float, float], curves: int) -> None:
    outline = parse_path(data)
    assert outline.curves == (curves,)
    radius = math.dist(ends(outline)[0], centre)
    for curve in range(curves):
        assert math.dist(middle(outline, curve), centre) == pytest.approx(radius, rel=1e-3)


def test_arcs_without_a_radius_are_lines_and_without_a_length_are_nothing() -> None:
    assert parse_path("M0 0A0 5 0 0 1 9 0").points[1] == pytest.approx((3, 0))
    assert parse_path("M0 0A5 5 0 0 1 0 0L1 1").curves == (1,)
    grown = parse_path("M0 0A1 1 30 0 1 9 0")
    assert ends(grown)[-1] == (9, 0)


def test_contours_are_kept_apart_and_know_whether_they_are_closed() -> None:
    outline = parse_path("M0 0L1 0L1 1ZM5 5L6 6M9 9")
    assert outline.curves == (2, 1)
    assert outline.closed == (True, False)
    assert outline.describe() == "2 curves + 1 curves (open)"
    assert outline.same_structure(parse_path("M3 3L4 3L4 4zm1 1l1 1"))
    assert not outline.same_structure(parse_path("M3 3L4 3L4 4z"))


def test_an_ellipse_is_four_curves() -> None:
    outline = ellipse(10, 20, 4, 2)
    assert ends(outline) == [(14, 20), (10, 22), (6, 20), (10, 18), (14, 20)]
    x, y = middle(outline, 0)
    assert ((x - 10) / 4) ** 2 + ((y - 20) / 2) ** 2 == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "draws nothing"),
        ("M1 1", "draws nothing"),
        ("10 20L3 4", "begin with a command"),
        ("M0 0L1 1Z2 2", "begin with a command"),
        ("M0 0L1", "needs 2 numbers"),
        ("M0 0C1 1 2 2L3 3", "needs 6 numbers"),
        ("M0 0X1 1", "'X' does not exist"),
        ("M0 0L1 1 #", "can't be read at '#'"),
    ],
)
def test_what_cannot_be_read_is_said(data: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_path(data)


def test_points_are_numbers_of_double_precision() -> None:
    assert parse_path("M0 0L3 3").points.dtype == np.float64
