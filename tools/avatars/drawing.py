"""SVG text for the shipped avatars' drawings: paths, gradients, colours of skin, documents.

Coordinates are the artwork's: a square picture shows 0 to 1000 each way. A face's middle is x 500.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]
Curve = tuple[float, float, float, float, float, float]
WIDE = "-390 0 1780 1000"
ROOMY = "-390 0 1780 1120"


def number(value: float) -> str:
    """A coordinate as SVG has it."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def path_data(start: Point, curves: Sequence[Curve], *, closed: bool = True) -> str:
    """A path's `d`."""
    text = f"M{number(start[0])} {number(start[1])}"
    for curve in curves:
        text += "C" + " ".join(number(value) for value in curve)
    return text + ("Z" if closed else "")


def sliver(start: Point, curves: Sequence[Curve], dx: float, dy: float) -> str:
    """A line that is thick by (dx, dy) in the middle and thin at its ends, as a closed outline."""
    back: list[Curve] = []
    points = [start, *[(curve[4], curve[5]) for curve in curves]]
    for at in range(len(curves) - 1, -1, -1):
        a, b, c, d, _, _ = curves[at]
        x, y = points[at]
        if at:
            x, y = x + dx, y + dy
        back.append((c + dx, d + dy, a + dx, b + dy, x, y))
    return path_data(start, [*curves, *back])


def mirrored(start: Point, curves: Sequence[Curve], middle: float = 500.0) -> str:
    """A closed outline from its right half, given from top to bottom relative to the middle."""
    right = [(a + middle, b, c + middle, d, x + middle, y) for a, b, c, d, x, y in curves]
    left: list[Curve] = []
    points = [start, *[(curve[4], curve[5]) for curve in curves]]
    for at in range(len(curves) - 1, -1, -1):
        a, b, c, d, _, _ = curves[at]
        x, y = points[at]
        left.append((middle - c, d, middle - a, b, middle - x, y))
    return path_data((start[0] + middle, start[1]), [*right, *left])


def smooth(points: Sequence[Point], *, closed: bool = False, tension: float = 1.0) -> str:
    """A path through points: a Catmull-Rom spline as cubic curves."""
    count = len(points)
    curves: list[Curve] = []
    for at in range(count if closed else count - 1):
        p1, p2 = points[at], points[(at + 1) % count]
        p0 = points[at - 1] if closed or at else p1
        p3 = points[(at + 2) % count] if closed or at + 2 < count else p2
        k = tension / 6
        curves.append((
            p1[0] + (p2[0] - p0[0]) * k, p1[1] + (p2[1] - p0[1]) * k,
            p2[0] - (p3[0] - p1[0]) * k, p2[1] - (p3[1] - p1[1]) * k, *p2,
        ))  # fmt: skip
    return path_data(points[0], curves, closed=closed)


def tapered(points: Sequence[Point], widths: Sequence[float]) -> str:
    """A strand of hair: a closed outline around a line, so wide at each of its points."""
    left: list[Point] = []
    right: list[Point] = []
    for at, (x, y) in enumerate(points):
        ax, ay = points[max(0, at - 1)]
        bx, by = points[min(len(points) - 1, at + 1)]
        dx, dy = bx - ax, by - ay
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        nx, ny = -dy / length * widths[at] / 2, dx / length * widths[at] / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return smooth([*left, *reversed(right)], closed=True)


def path(d: str, fill: str = "none", **attributes: object) -> str:
    """A path element; `stroke_width` is `stroke-width`."""
    return f'<path d="{d}" fill="{fill}"{_written(_softened(attributes, _points(d)))}/>'


def ellipse(cx: float, cy: float, rx: float, ry: float, fill: str, **attributes: object) -> str:
    """An ellipse element."""
    corners = [(cx - rx, cy - ry), (cx + rx, cy + ry)]
    return (
        f'<ellipse cx="{number(cx)}" cy="{number(cy)}" rx="{number(rx)}" ry="{number(ry)}"'
        f' fill="{fill}"{_written(_softened(attributes, corners))}/>'
    )


def group(content: str, **attributes: object) -> str:
    """A group element; `id_` is `id`, `class_` is `class`."""
    return f"<g{_written(attributes)}>{content}</g>"


def _written(attributes: dict[str, object]) -> str:
    return "".join(
        f' {name.strip("_").replace("_", "-")}="{value}"' for name, value in attributes.items()
    )


def linear(name: str, start: Point, end: Point, *stops: tuple[float, str]) -> str:
    """A linear gradient; a stop's colour may have an alpha: `#rrggbb/0.5`."""
    return (
        f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" x1="{start[0]}"'
        f' y1="{start[1]}" x2="{end[0]}" y2="{end[1]}">{_stops(stops)}</linearGradient>'
    )


def radial(name: str, centre: Point, radius: float, *stops: tuple[float, str]) -> str:
    """A radial gradient."""
    return (
        f'<radialGradient id="{name}" gradientUnits="userSpaceOnUse" cx="{centre[0]}"'
        f' cy="{centre[1]}" r="{radius}">{_stops(stops)}</radialGradient>'
    )


def _stops(stops: Sequence[tuple[float, str]]) -> str:
    text = ""
    for offset, colour in stops:
        plain, slash, alpha = colour.partition("/")
        opacity = f' stop-opacity="{alpha}"' if slash else ""
        text += f'<stop offset="{offset}" stop-color="{plain}"{opacity}/>'
    return text


def clip(name: str, d: str) -> str:
    """A clip path."""
    return f'<clipPath id="{name}"><path d="{d}"/></clipPath>'


def document(content: str, defs: str = "", box: str = "0 0 1000 1000") -> str:
    """A whole SVG file."""
    kept = defs + _blurs(content)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">\n'
    text = head + (f"<defs>{kept}</defs>\n" if kept else "") + content + "\n</svg>\n"
    return text.replace("><", ">\n<")


def _blurs(content: str) -> str:
    """The filters that `soft` shapes refer to; each covers no more than it must, for speed."""
    defs = ""
    for name in sorted(set(re.findall(r"url\(#(blur[-\d_]+)\)", content))):
        size, x, y, width, height = name.removeprefix("blur").split("_")
        defs += (
            f'<filter id="{name}" filterUnits="userSpaceOnUse" x="{x}" y="{y}" width="{width}"'
            f' height="{height}"><feGaussianBlur stdDeviation="{size}"/></filter>'
        )
    return defs


def _softened(attributes: dict[str, object], points: Sequence[Point]) -> dict[str, object]:
    """Attributes with the filter that `soft` asks for, which covers the shape and its blur."""
    kept = dict(attributes)
    size = kept.pop("blur", None)
    if not isinstance(size, int):
        return kept
    stroke = kept.get("stroke_width", 0)
    margin = 3 * size + (float(stroke) if isinstance(stroke, int | float) else 0)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, top = _grid(min(xs) - margin), _grid(min(ys) - margin)
    right, bottom = _grid(max(xs) + margin + 9), _grid(max(ys) + margin + 9)
    kept["filter"] = f"url(#blur{size}_{left}_{top}_{right - left}_{bottom - top})"
    return kept


def _grid(value: float) -> int:
    return math.floor(value / 10) * 10


def _points(d: str) -> list[Point]:
    """All points of a path's absolute commands."""
    points: list[Point] = []
    x = y = 0.0
    for command, text in re.findall(r"([A-Z])([^A-Z]*)", d):
        numbers = [float(value) for value in re.findall(r"-?\d+\.?\d*", text)]
        if command == "H":
            points += [(x := number, y) for number in numbers]
        elif command == "V":
            points += [(x, y := number) for number in numbers]
        else:
            points += list(zip(numbers[0::2], numbers[1::2], strict=True))
            x, y = points[-1]
    return points


def soft(blur: int, opacity: float = 1.0) -> dict[str, object]:
    """Attributes of something blurred, by `blur` units."""
    return {"blur": blur, "opacity": opacity}


@dataclass(frozen=True)
class Skin:
    """A skin's colours."""

    base: str
    light: str
    shade: str
    deep: str
    blush: str
    lid: str
    crease: str


@dataclass
class Avatar:
    """A pack's files by their names."""

    id: str
    manifest: str
    files: dict[str, str] = field(default_factory=dict)
