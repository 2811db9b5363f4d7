"""What shapes are painted with: colours and gradients, from SVG's presentation attributes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from greenroom.avatar.packs.transforms import IDENTITY, Matrix, parse_transform

Colour: TypeAlias = tuple[float, float, float, float]
"""Red, green, blue, alpha: 0 to 1."""

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")
_INHERITED = ("fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap")


@dataclass(frozen=True)
class Gradient:
    """A linear (`radius` 0) or radial gradient, in the drawing's own coordinates.

    From `start` to `end`, or around `start`, with its focus in `end`.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    stops: tuple[tuple[float, Colour], ...]
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class Paint:
    """How an outline is painted: filled, or, with a `width` over 0, drawn as a line."""

    colour: Colour
    gradient: Gradient | None = None
    width: float = 0.0
    round_ends: bool = False


Style: TypeAlias = dict[str, str]


def style_of(element: ET.Element, inherited: Mapping[str, str]) -> Style:
    """An element's presentation attributes, `style` before the others, and what it inherits."""
    own = {key: value.strip() for key, value in element.attrib.items()}
    for declaration in own.get("style", "").split(";"):
        key, colon, value = declaration.partition(":")
        if colon:
            own[key.strip()] = value.strip()
    kept = {key: own[key] for key in (*_INHERITED, "opacity", "display") if key in own}
    return {**{key: inherited[key] for key in _INHERITED if key in inherited}, **kept}


def opacity_of(style: Mapping[str, str]) -> float:
    """The element's own opacity. Raises ValueError."""
    return _share(style.get("opacity", "1"))


def paints_of(style: Mapping[str, str], root: ET.Element) -> tuple[Paint, ...]:
    """The fill and the stroke of a style, as far as there are any. Raises ValueError."""
    paints = []
    fill = style.get("fill", "#000")
    if fill != "none":
        colour, gradient = _source(fill, _share(style.get("fill-opacity", "1")), root)
        paints.append(Paint(colour, gradient))
    stroke = style.get("stroke", "none")
    width = float(style.get("stroke-width", "1").removesuffix("px"))
    if stroke != "none" and width > 0:
        colour, gradient = _source(stroke, _share(style.get("stroke-opacity", "1")), root)
        paints.append(Paint(colour, gradient, width, style.get("stroke-linecap") == "round"))
    return tuple(paints)


def _source(text: str, alpha: float, root: ET.Element) -> tuple[Colour, Gradient | None]:
    if not text.startswith("url("):
        return _colour(text, alpha), None
    target = text.removeprefix("url(").partition(")")[0].strip("'\" #")
    return (0.0, 0.0, 0.0, alpha), _gradient(target, root)


def _colour(text: str, alpha: float) -> Colour:
    if not _HEX.match(text):
        raise ValueError(f"colour {text[:30]!r} can't be read; write #rrggbb")
    digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue, alpha


def _gradient(target: str, root: ET.Element) -> Gradient:
    element = _find(target, root)
    if element is None or element.tag not in {"linearGradient", "radialGradient"}:
        raise ValueError(f"#{target[:30]} is not a gradient")
    attributes, stops = dict(element.attrib), element.findall("stop")
    while "xlink:href" in element.attrib:  # there are no circles: the drawing was checked
        found = _find(element.attrib["xlink:href"][1:], root)
        if found is None:
            break
        element = found
        attributes = {**element.attrib, **attributes}
        stops = stops or element.findall("stop")
    if attributes.get("gradientUnits") != "userSpaceOnUse":
        raise ValueError(f'gradient #{target[:30]} needs gradientUnits="userSpaceOnUse"')
    if not stops:
        raise ValueError(f"gradient #{target[:30]} has no stops")

    def number(name: str, default: float = 0.0) -> float:
        return float(attributes.get(name, default))

    transform = attributes.get("gradientTransform")
    matrix = parse_transform(transform) if transform else IDENTITY
    if "r" in attributes:
        centre = number("cx"), number("cy")
        focus = number("fx", centre[0]), number("fy", centre[1])
        return Gradient(centre, focus, number("r"), _stops(stops), matrix)
    ends = (number("x1"), number("y1")), (number("x2"), number("y2"))
    return Gradient(*ends, 0.0, _stops(stops), matrix)


def _stops(elements: list[ET.Element]) -> tuple[tuple[float, Colour], ...]:
    stops = []
    for element in elements:
        style = {**element.attrib}
        for declaration in element.get("style", "").split(";"):
            key, _, value = declaration.partition(":")
            style[key.strip()] = value.strip()
        offset = style.get("offset", "0")
        share = float(offset.removesuffix("%")) / (100 if offset.endswith("%") else 1)
        colour = _colour(style.get("stop-color", "#000"), _share(style.get("stop-opacity", "1")))
        stops.append((min(max(share, 0.0), 1.0), colour))
    return tuple(stops)


def _find(target: str, root: ET.Element) -> ET.Element | None:
    return next((element for element in root.iter() if element.get("id") == target), None)


def _share(text: str) -> float:
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    return min(max(value, 0.0), 1.0)
