"""SVG text for the shipped avatars' drawings: paths, gradients, colours of skin, documents.

Coordinates are the artwork's: a square picture shows 0 to 1000 each way. A face's middle is x 500.
"""

from __future__ import annotations

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
    return f'<path d="{d}" fill="{fill}"{_written(attributes)}/>'


def ellipse(cx: float, cy: float, rx: float, ry: float, fill: str, **attributes: object) -> str:
    """An ellipse element."""
    return (
        f'<ellipse cx="{number(cx)}" cy="{number(cy)}" rx="{number(rx)}" ry="{number(ry)}"'
        f' fill="{fill}"{_written(attributes)}/>'
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


BLURS = "".join(
    f'<filter id="blur{size}" x="-60%" y="-60%" width="220%" height="220%">'
    f'<feGaussianBlur stdDeviation="{size}"/></filter>'
    for size in (3, 6, 10, 16, 26, 40)
)


def document(content: str, defs: str = "", box: str = "0 0 1000 1000") -> str:
    """A whole SVG file."""
    kept = defs + (BLURS if "url(#blur" in content else "")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">\n'
    text = head + (f"<defs>{kept}</defs>\n" if kept else "") + content + "\n</svg>\n"
    return text.replace("><", ">\n<")


def soft(blur: int, opacity: float = 1.0) -> dict[str, object]:
    """Attributes of something blurred."""
    return {"filter": f"url(#blur{blur})", "opacity": opacity}


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
