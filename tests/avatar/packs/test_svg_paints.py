"""Colours, gradients and strokes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from greenroom.avatar.packs.paints import Paint, opacity_of, paints_of, style_of

DEFS = ET.fromstring(  # noqa: S314 - our own
    """<svg><defs>
    <linearGradient id="stops"><stop offset="20%" stop-color="#f00"/>
      <stop offset="1" style="stop-color:#0000ff; stop-opacity:0.5"/></linearGradient>
    <linearGradient id="line" xlink.href="" gradientUnits="userSpaceOnUse" x1="1" y1="2" x2="3"
      y2="4" gradientTransform="translate(5)"/>
    <radialGradient id="ball" gradientUnits="userSpaceOnUse" cx="5" cy="6" r="7" fx="4"/>
    <linearGradient id="box"/>
    <linearGradient id="bare" gradientUnits="userSpaceOnUse"/>
    <linearGradient id="lost" gradientUnits="userSpaceOnUse" xlink.href=""/>
    <path id="path"/></defs></svg>"""
)
for name, target in (("line", "#stops"), ("ball", "#stops"), ("lost", "#nowhere")):
    found = DEFS.find(f".//*[@id='{name}']")
    assert found is not None
    found.set("xlink:href", target)


def paints(**attributes: str) -> tuple[Paint, ...]:
    names = {key.replace("_", "-"): value for key, value in attributes.items()}
    return paints_of(style_of(ET.Element("path", names), {}), DEFS)


def test_a_fill_and_a_stroke_are_two_paints() -> None:
    fill, stroke = paints(
        fill="#ff8000", fill_opacity="50%", stroke="#08f", stroke_width="3px",
        stroke_linecap="round",
    )  # fmt: skip
    assert fill.colour == pytest.approx((1, 128 / 255, 0, 0.5))
    assert fill.width == 0
    assert stroke.colour == pytest.approx((0, 136 / 255, 1, 1))
    assert (stroke.width, stroke.round_ends) == (3, True)


def test_without_attributes_a_shape_is_black_and_with_none_it_is_not_painted() -> None:
    assert paints() == (Paint((0, 0, 0, 1)),)
    assert paints(fill="none") == ()
    assert paints(fill="none", stroke="#000", stroke_width="0") == ()


def test_style_wins_over_attributes_and_over_what_is_inherited() -> None:
    around = {"fill": "#111111", "stroke": "#222222", "opacity": "0.5"}
    style = style_of(ET.Element("path", {"fill": "#333333", "style": "fill: #444;x"}), around)
    assert style == {"fill": "#444", "stroke": "#222222"}
    assert opacity_of(around) == 0.5
    assert opacity_of({}) == 1


def test_gradients_take_their_stops_from_others() -> None:
    (paint,) = paints(fill="url(#line)", fill_opacity="0.25")
    gradient = paint.gradient
    assert gradient is not None
    assert paint.colour[3] == 0.25
    assert (gradient.start, gradient.end, gradient.radius) == ((1, 2), (3, 4), 0)
    assert gradient.matrix[0, 2] == 5
    assert gradient.stops == ((0.2, (1, 0, 0, 1)), (1, (0, 0, 1, 0.5)))
    (paint,) = paints(fill="url(#ball)")
    assert paint.gradient is not None
    assert (paint.gradient.start, paint.gradient.end) == ((5, 6), (4, 6))
    assert paint.gradient.radius == 7


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        ("red", "write #rrggbb"),
        ("url(#path)", "is not a gradient"),
        ("url(#nothing)", "is not a gradient"),
        ("url(#box)", "userSpaceOnUse"),
        ("url(#bare)", "no stops"),
        ("url(#lost)", "no stops"),
    ],
)
def test_what_cannot_be_painted_is_said(fill: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        paints(fill=fill)
