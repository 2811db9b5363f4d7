"""What the shipped avatars' drawings have in common: SVG text, faces, mouths, eyes, brows, hands.

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


@dataclass(frozen=True)
class Lips:
    """Where a mouth is, how large, and its colours. Lengths are factors of the kit's own."""

    x: float = 500.0
    y: float = 566.0
    width: float = 1.0
    upper: float = 1.0
    lower: float = 1.0
    upper_colour: str = "#b4594f"
    lower_colour: str = "#c76a60"
    line: str = "#6b2b2a"
    inside: str = "#4a1519"
    tongue: str = "#c4605f"
    teeth: str = "#fbf5ee"
    shine: float = 0.28
    bow: float = 3.0
    moustache: str = ""
    moustache_light: str = ""


@dataclass(frozen=True)
class Mouth:
    """One mouth shape, in units, relative to the middle of the closed mouth.

    `half`: from the middle to a corner; `corner`: how far the corners are down; `top` and
    `bottom`: the opening's edges in the middle; `over` and `under`: the lips' thickness; `teeth`,
    `lower_teeth` and `tongue`: how far they reach into the opening.
    """

    half: float = 50
    corner: float = -3
    top: float = 0
    bottom: float = 1.2
    over: float = 10
    under: float = 13.5
    teeth: float = 0
    lower_teeth: float = 0
    tongue: float = 0
    fold: float = 0.12


MOUTHS: dict[str, Mouth] = {
    "sil": Mouth(),
    "PP": Mouth(half=46, corner=-1, top=1, bottom=1.6, over=6.5, under=9),
    "FF": Mouth(half=49, corner=-1, top=-5, bottom=4, over=8.5, under=9, teeth=9),
    "TH": Mouth(half=49, top=-6, bottom=8, over=9, under=12, teeth=6, tongue=12),
    "DD": Mouth(half=51, top=-6, bottom=8, over=9, under=12, teeth=8, lower_teeth=4, tongue=3),
    "kk": Mouth(half=50, top=-7, bottom=12, over=9, under=12.5, teeth=7, tongue=8),
    "CH": Mouth(half=37, corner=0, top=-9, bottom=10, over=12, under=15.5, teeth=9, lower_teeth=6),
    "SS": Mouth(half=55, corner=-4, top=-6, bottom=6.5, over=8.5, under=11.5, teeth=7,
                lower_teeth=5.5, fold=0.2),
    "nn": Mouth(half=50, top=-6, bottom=9, over=9, under=12.5, teeth=7, tongue=7),
    "RR": Mouth(half=41, corner=-1, top=-7, bottom=9, over=11, under=14.5, teeth=6, tongue=4),
    "aa": Mouth(half=53, corner=3, top=-11, bottom=35, over=9.5, under=13, teeth=11, tongue=15),
    "E": Mouth(half=58, corner=-2, top=-9, bottom=20, over=9, under=12, teeth=11, tongue=9,
               fold=0.24),
    "ih": Mouth(half=56, corner=-3, top=-7, bottom=12, over=9, under=12, teeth=9, tongue=5,
                fold=0.2),
    "oh": Mouth(half=38, corner=2, top=-14, bottom=24, over=11, under=14, teeth=5, tongue=9),
    "ou": Mouth(half=27, corner=2, top=-8, bottom=11, over=12.5, under=15.5, tongue=3),
    "smile": Mouth(half=67, corner=-17, top=0, bottom=13, over=7.5, under=11, teeth=13, fold=0.55),
}  # fmt: skip


def mouth_svg(lips: Lips, skin: Skin, extra: str = "") -> str:
    """A whole `mouth.svg`."""
    groups = "\n".join(
        group(_mouth_parts(lips, skin, shape), id_=key) for key, shape in MOUTHS.items()
    )
    return document(groups, extra)


def _mouth_parts(lips: Lips, skin: Skin, m: Mouth) -> str:
    x, y = lips.x, lips.y
    half = m.half * lips.width
    corner, top, bottom = y + m.corner, y + m.top, y + m.bottom
    over, under = m.over * lips.upper, m.under * lips.lower
    inner = half * 0.93
    peak = half * 0.26
    left, right = x - half, x + half
    # The opening's edges leave the corners flat when it is closed, and steeply when it is round.
    bulge = min(0.75, 0.42 + max(0.0, m.bottom - m.top) / 90)
    upper = [
        (x - half * bulge, top + (corner - top) * 0.15, x - half * 0.3, top, x, top),
        (x + half * 0.3, top, x + half * bulge, top + (corner - top) * 0.15, right, corner),
    ]
    lower = [
        (x + half * bulge, bottom + (corner - bottom) * 0.1, x + half * 0.42, bottom, x, bottom),
        (x - half * 0.42, bottom, x - half * bulge, bottom + (corner - bottom) * 0.1, left, corner),
    ]
    outer_y = top - over
    upper_lip = path_data((left, corner), [
        (x - half * 0.74, corner - over * 0.35, x - half * 0.46, outer_y - 0.5, x - peak, outer_y),
        (x - peak * 0.5, outer_y + 0.2, x - peak * 0.4, outer_y + lips.bow, x, outer_y + lips.bow),
        (x + peak * 0.4, outer_y + lips.bow, x + peak * 0.5, outer_y + 0.2, x + peak, outer_y),
        (x + half * 0.46, outer_y - 0.5, x + half * 0.74, corner - over * 0.35, right, corner),
        *[(x + half * bulge, top + (corner - top) * 0.15 + 1, x + half * 0.3, top + 1, x, top + 1),
          (x - half * 0.3, top + 1, x - half * bulge, top + (corner - top) * 0.15 + 1,
           left, corner)],
    ])  # fmt: skip
    low = bottom + under
    lower_lip = path_data((left, corner), [
        (x - half * bulge, bottom + (corner - bottom) * 0.1 - 1, x - half * 0.42, bottom - 1,
         x, bottom - 1),
        (x + half * 0.42, bottom - 1, x + half * bulge, bottom + (corner - bottom) * 0.1 - 1,
         right, corner),
        (x + half * 0.84, corner + (low - corner) * 0.55, x + half * 0.48, low, x, low),
        (x - half * 0.48, low, x - half * 0.84, corner + (low - corner) * 0.55, left, corner),
    ])  # fmt: skip
    opening = path_data((left, corner), [*upper, *lower])
    tooth = top + m.teeth
    teeth = path_data((x - inner, top - 14), [
        (x - inner * 0.4, top - 16, x + inner * 0.4, top - 16, x + inner, top - 14),
        (x + inner, top - 6, x + inner * 0.95, tooth - m.teeth * 0.5, x + inner * 0.82,
         tooth - m.teeth * 0.25 + m.corner * 0.25),
        (x + inner * 0.4, tooth + 1.5, x - inner * 0.4, tooth + 1.5, x - inner * 0.82,
         tooth - m.teeth * 0.25 + m.corner * 0.25),
        (x - inner * 0.95, tooth - m.teeth * 0.5, x - inner, top - 6, x - inner, top - 14),
    ])  # fmt: skip
    fang = bottom - m.lower_teeth + (6 if not m.lower_teeth else 0)
    lower_teeth = path_data(
        (x - inner * 0.7, fang + 1),
        [
            (x - inner * 0.3, fang - 1, x + inner * 0.3, fang - 1, x + inner * 0.7, fang + 1),
            (x + inner * 0.72, fang + 10, x + inner * 0.4, fang + 20, x, fang + 20),
            (x - inner * 0.4, fang + 20, x - inner * 0.72, fang + 10, x - inner * 0.7, fang + 1),
        ],
    )
    tip = bottom - m.tongue + (8 if not m.tongue else 0)
    wide = half * 0.62
    tongue = path_data(
        (x - wide, tip + 9),
        [
            (x - wide * 0.8, tip - 1, x - wide * 0.25, tip - 1, x, tip + 1.5),
            (x + wide * 0.25, tip - 1, x + wide * 0.8, tip - 1, x + wide, tip + 9),
            (x + wide, tip + 30, x - wide, tip + 30, x - wide, tip + 9),
        ],
    )
    shine = path_data((x - half * 0.36, bottom + under * 0.42), [
        (x - half * 0.15, bottom + under * 0.26, x + half * 0.15, bottom + under * 0.26,
         x + half * 0.36, bottom + under * 0.42),
        (x + half * 0.15, bottom + under * 0.66, x - half * 0.15, bottom + under * 0.66,
         x - half * 0.36, bottom + under * 0.42),
    ])  # fmt: skip
    shade = path_data(
        (x - half * 0.46, low - 1),
        [
            (x - half * 0.2, low + 1, x + half * 0.2, low + 1, x + half * 0.46, low - 1),
            (x + half * 0.24, low + 9, x - half * 0.24, low + 9, x - half * 0.46, low - 1),
        ],
    )
    gleam = path_data((x - peak, outer_y - 0.8), [
        (x - peak * 0.5, outer_y - 0.6, x - peak * 0.4, outer_y + lips.bow - 0.8,
         x, outer_y + lips.bow - 0.8),
        (x + peak * 0.4, outer_y + lips.bow - 0.8, x + peak * 0.5, outer_y - 0.6,
         x + peak, outer_y - 0.8),
    ], closed=False)  # fmt: skip

    def fold(side: int) -> str:
        a = x + side * (half + 14)
        return path_data((x + side * 43, y - 52), [
            (x + side * (half * 0.5 + 34), y - 44, a + side * 3, corner - 26, a, corner + 6),
        ], closed=False)  # fmt: skip

    def pocket(side: int) -> str:
        a = x + side * half
        return path_data((a - side * 3, corner - 2), [
            (a + side * 1, corner - 1, a + side * 3.5, corner + 0.5, a + side * 4, corner + 3),
        ], closed=False)  # fmt: skip

    line = {"stroke_linecap": "round"}
    content = path(shade, skin.deep, class_="chin-shade", opacity=0.30)
    for side, name in ((-1, "left"), (1, "right")):
        content += path(fold(side), stroke=skin.deep, stroke_width=4, class_=f"{name}-fold",
                        opacity=round(m.fold * 0.55, 3), **line)  # fmt: skip
        content += path(pocket(side), stroke=skin.deep, stroke_width=3.2, class_=f"{name}-corner",
                        opacity=0.55, **line)  # fmt: skip
    content += path(opening, lips.inside, class_="opening")
    content += group(
        path(tongue, lips.tongue, class_="tongue")
        + path(
            lower_teeth, "#e9ded4", class_="lower-teeth", opacity=1 if m.lower_teeth else 0
        )  # fmt: skip
        + path(teeth, lips.teeth, class_="teeth", opacity=1 if m.teeth else 0),
        class_="inside",
    )
    content += path(lower_lip, lips.lower_colour, class_="lower-lip")
    content += path(upper_lip, lips.upper_colour, class_="upper-lip")
    content += path(shine, "#ffffff", class_="shine", opacity=lips.shine)
    content += path(gleam, stroke=skin.light, stroke_width=2, class_="gleam", opacity=0.35, **line)
    if lips.moustache:
        content += _moustache(lips, x, outer_y, half, corner)
    return content


def _moustache(lips: Lips, x: float, lip: float, half: float, corner: float) -> str:
    content = ""
    for side, name in ((-1, "left"), (1, "right")):
        tip_x, tip_y = x + side * (half + 13), corner + 8
        d = path_data((x + side * 1, lip - 17), [
            (x + side * 16, lip - 24, x + side * (half * 0.7), lip - 16, x + side * (half + 5),
             corner - 8),
            (x + side * (half + 12), corner - 2, tip_x, corner + 4, tip_x - side * 1, tip_y),
            (x + side * (half + 2), corner + 3, x + side * half * 0.85, lip + 4,
             x + side * half * 0.5, lip + 3.5),
            (x + side * half * 0.25, lip + 3, x + side * 6, lip + 5, x + side * 1, lip + 1),
        ])  # fmt: skip
        content += path(d, lips.moustache, class_=f"{name}-moustache")
        d = path_data((x + side * 5, lip - 15), [
            (x + side * 18, lip - 19, x + side * half * 0.62, lip - 13, x + side * (half + 1),
             corner - 6),
            (x + side * half * 0.6, lip - 9, x + side * 18, lip - 12, x + side * 5, lip - 15),
        ])  # fmt: skip
        content += path(d, lips.moustache_light, class_=f"{name}-moustache-light", opacity=0.7)
    return content


@dataclass(frozen=True)
class Eye:
    """How eyes are drawn; lengths in units, `slant` is how much higher the outer corner is."""

    x: float = 76.0
    y: float = 430.0
    half: float = 41.0
    up: float = 22.0
    down: float = 13.0
    slant: float = 4.0
    iris: float = 20.5
    colours: tuple[str, str, str, str] = ("#2b1a12", "#5b3a22", "#8a5a33", "#1a100b")
    """The rim, the dark and the light of the iris, and the pupil."""
    lash: str = "#2a1914"
    lash_width: float = 6.0
    flick: float = 7.0
    white: str = "#faf5f0"
    lid_height: float = 9.0
    fold: float = 0.55
    under: float = 0.30
    brow_y: float = -52.0
    brow_half: float = 50.0
    brow_thick: float = 12.0
    brow_arch: float = 12.0
    brow: str = "#3a251b"
    brow_alpha: float = 0.92


def eyes_svg(eye: Eye, skin: Skin) -> str:
    """A whole `eyes.svg`."""
    content = ""
    for side, name in ((-1, "left"), (1, "right")):
        for key, lid, smile in (("open", 0.0, 0.0), ("closed", 1.0, 0.0), ("smile", 0.0, 1.0)):
            content += group(_eye_parts(eye, skin, side, lid, smile), id_=f"{name}-{key}")
    defs = ""
    for side, name in ((-1, "left"), (1, "right")):
        x, y = 500 + side * eye.x, eye.y
        defs += radial(f"{name}-colour", (x, y + eye.iris * 0.25), eye.iris * 1.05,
                       (0, eye.colours[2]), (0.55, eye.colours[1]), (0.86, eye.colours[1]),
                       (1, eye.colours[0]))  # fmt: skip
        content += group(_iris(eye, x, y, f"url(#{name}-colour)"), id_=f"{name}-iris")
    return document(content, defs)


def _iris(eye: Eye, x: float, y: float, colour: str) -> str:
    r = eye.iris
    return (
        ellipse(x, y, r, r, colour)
        + ellipse(
            x, y, r - 0.8, r - 0.8, "none", stroke=eye.colours[0], stroke_width=2, opacity=0.55
        )  # fmt: skip
        + path(
            path_data(
                (x - r * 0.62, y + r * 0.35),
                [
                    (
                        x - r * 0.4,
                        y + r * 0.95,
                        x + r * 0.4,
                        y + r * 0.95,
                        x + r * 0.62,
                        y + r * 0.35,
                    ),
                    (
                        x + r * 0.35,
                        y + r * 0.72,
                        x - r * 0.35,
                        y + r * 0.72,
                        x - r * 0.62,
                        y + r * 0.35,
                    ),
                ],
            ),
            eye.colours[2],
            opacity=0.65,
        )
        + ellipse(x, y, r * 0.44, r * 0.44, eye.colours[3])
        + ellipse(x - r * 0.34, y - r * 0.38, r * 0.25, r * 0.25, "#ffffff", opacity=0.96)
        + ellipse(x + r * 0.36, y + r * 0.34, r * 0.12, r * 0.12, "#ffffff", opacity=0.55)
    )


def _eye_parts(eye: Eye, skin: Skin, side: int, lid: float, smile: float) -> str:
    def at(dx: float, dy: float) -> Point:
        """From the eye's middle; dx positive is outward."""
        return 500 + side * (eye.x + dx), eye.y + dy

    half, slant = eye.half, eye.slant
    down = eye.down - smile * 6.5
    up = eye.up - smile * 3
    inner, outer = (-half, 5.0 + slant * 0.3), (half, 1.0 - slant)
    # The lid's edge: a curve from corner to corner, which hangs down when it is closed.
    shut = down + 0.5 if not smile else down
    top = -up + lid * (up + shut)

    def edge(height: float, lift: float = 0.0) -> list[Curve]:
        """A curve from the inner to the outer corner through `height` in its middle."""
        peak = 4.0  # the highest point lies a little outward
        a = at(-half * 0.72, inner[1] + (height - inner[1]) * 0.78 + lift)
        b = at(-half * 0.30 + peak * 0.3, height + lift)
        m = at(peak, height + lift)
        c = at(half * 0.42 + peak * 0.3, height + lift)
        d = at(half * 0.84, outer[1] + (height - outer[1]) * 0.66 + lift)
        return [(*a, *b, *m), (*c, *d, *at(*outer))]

    def backward(height: float) -> list[Curve]:
        forward = edge(height)
        (a, b, c, d, mx, my), (e, f, g, h, _, _) = forward
        return [(g, h, e, f, mx, my), (c, d, a, b, *at(*inner))]

    opening = path_data(at(*inner), [*edge(top), *backward(down)])
    white = path_data(at(-half - 4, -up - 6), [
        (*at(-half * 0.4, -up - 8), *at(half * 0.4, -up - 8), *at(half + 4, -up - 6)),
        (*at(half + 6, 0), *at(half + 6, down), *at(half + 4, down + 8)),
        (*at(half * 0.4, down + 10), *at(-half * 0.4, down + 10), *at(-half - 4, down + 8)),
        (*at(-half - 6, down), *at(-half - 6, 0), *at(-half - 4, -up - 6)),
    ])  # fmt: skip
    shadow = path_data(at(*inner), [
        *edge(top - 6),
        (*at(half * 0.84, outer[1] + (top + 7 - outer[1]) * 0.6), *at(half * 0.42, top + 8),
         *at(4, top + 8)),
        (*at(-half * 0.3, top + 8), *at(-half * 0.72, inner[1] + (top + 7 - inner[1]) * 0.78),
         *at(*inner)),
    ])  # fmt: skip
    caruncle = ellipse(*at(-half + 3.5, inner[1] + 0.5), 4.5, 3.5, "#d99a8c", class_="caruncle",
                       opacity=0.75)  # fmt: skip
    w, flick = eye.lash_width, eye.flick
    outer_tip = (half + flick, outer[1] - flick * 0.62 + lid * flick * 1.3)
    lashes = path_data(at(inner[0] - 1.5, inner[1] + 0.5), [
        (*at(-half * 0.72, inner[1] + (top - inner[1]) * 0.78 - w * 0.35),
         *at(-half * 0.30, top - w * 0.62), *at(4, top - w * 0.75)),
        (*at(half * 0.44, top - w * 0.9), *at(half * 0.8, outer[1] + (top - outer[1]) * 0.62 - w),
         *at(*outer_tip)),
        (*at(half + flick * 0.4, outer[1] - flick * 0.1 + lid * 2), *at(half * 0.98, outer[1] + 1),
         *at(outer[0] - 1, outer[1] + 1)),
        (*at(half * 0.84, outer[1] + (top - outer[1]) * 0.66), *at(half * 0.42, top + 0.6),
         *at(4, top + 0.6)),
        (*at(-half * 0.30, top + 0.6), *at(-half * 0.72, inner[1] + (top - inner[1]) * 0.78),
         *at(inner[0] - 1.5, inner[1] + 0.5)),
    ])  # fmt: skip
    # The lid between its edge and its fold: a narrow band when open, all of it when closed.
    fold = -up - eye.lid_height + lid * (eye.lid_height * 0.4 + 5) + smile * 1.5
    lid_shape = path_data(at(inner[0] + 2, inner[1] - 2), [
        *_lid_top(at, half, inner, outer, fold),
        (*at(half * 0.84, outer[1] + (top - outer[1]) * 0.66), *at(half * 0.42, top),
         *at(4, top)),
        (*at(-half * 0.3, top), *at(-half * 0.72, inner[1] + (top - inner[1]) * 0.78),
         *at(inner[0] + 2, inner[1] - 2)),
    ])  # fmt: skip
    fold_line = path_data(
        at(inner[0] + 3, inner[1] - 5), _lid_top(at, half, inner, outer, fold), closed=False
    )
    lower = path_data(at(-half * 0.62, inner[1] + (down - inner[1]) * 0.72), [
        (*at(-half * 0.3, down + 1.2), *at(half * 0.3, down + 1.6),
         *at(half * 0.9, outer[1] + (down - outer[1]) * 0.36)),
    ], closed=False)  # fmt: skip
    bag = path_data(at(-half * 0.78, down + 7 - smile * 2), [
        (*at(-half * 0.3, down + 14 - smile * 4), *at(half * 0.3, down + 14 - smile * 4),
         *at(half * 0.72, down + 6 - smile * 3)),
    ], closed=False)  # fmt: skip
    line = {"stroke_linecap": "round"}
    open_ = 1 - lid
    return (
        path(bag, stroke=skin.shade, stroke_width=3, class_="bag",
             opacity=round(eye.under * (1 + smile), 3), **line)
        + path(lid_shape, skin.lid, class_="lid", opacity=round(0.35 + 0.65 * lid, 3))
        + path(opening, eye.white, class_="opening")
        + group(
            path(white, eye.white, class_="white")
            + caruncle
            + path(shadow, "#3a2420", class_="lid-shadow", opacity=0.26),
            class_="inside",
        )
        + path(fold_line, stroke=skin.crease, stroke_width=2.6, class_="fold",
               opacity=round(eye.fold * (1 - 0.6 * lid), 3), **line)
        + path(lower, stroke=eye.lash, stroke_width=1.8, class_="lower-lashes",
               opacity=round(0.4 * open_ + 0.05, 3), **line)
        + path(lashes, eye.lash, class_="lashes")
    )  # fmt: skip


def _lid_top(at, half: float, inner: Point, outer: Point, fold: float) -> list[Curve]:  # type: ignore[no-untyped-def]
    return [
        (*at(-half * 0.74, inner[1] - 3 + (fold - inner[1]) * 0.74), *at(-half * 0.34, fold),
         *at(3, fold)),
        (*at(half * 0.46, fold), *at(half * 0.88, outer[1] + (fold - outer[1]) * 0.72),
         *at(half + 4, outer[1] - 3)),
    ]  # fmt: skip


def brows_svg(eye: Eye) -> str:
    """A whole `brows.svg`."""
    content = ""
    for side, name in ((-1, "left"), (1, "right")):
        for key, lift, arch, pinch in (
            ("rest", 0.0, 0.0, 0.0), ("raised", -17.0, 5.0, -2.0), ("lowered", 9.0, -5.0, 7.0)
        ):  # fmt: skip
            content += group(
                _brow(eye, side, lift, arch, pinch), id_=f"{name}-{key}", opacity=eye.brow_alpha
            )
    return document(content)


def _brow(eye: Eye, side: int, lift: float, arch: float, pinch: float) -> str:
    def at(dx: float, dy: float) -> Point:
        return 500 + side * (eye.x + dx), eye.y + eye.brow_y + dy + lift

    half, thick = eye.brow_half, eye.brow_thick
    inward = pinch  # a frown draws the inner end down and in
    high = -eye.brow_arch - arch
    inner_top = at(-half - inward * 0.6, 2 + inward * 0.8 - thick * 0.35)
    inner_low = at(-half + 2 - inward * 0.6, 2 + inward * 0.8 + thick * 0.6)
    tip = at(half + 6, 9 + arch * 0.2)
    d = path_data(inner_top, [
        (*at(-half * 0.55, -thick * 0.5 + high * 0.45), *at(-half * 0.1, high - thick * 0.35),
         *at(half * 0.3, high - thick * 0.28)),
        (*at(half * 0.62, high - thick * 0.1), *at(half * 0.9, high * 0.1), *tip),
        (*at(half * 0.84, high * 0.15 + thick * 0.35), *at(half * 0.6, high + thick * 0.5),
         *at(half * 0.28, high + thick * 0.5)),
        (*at(-half * 0.1, high + thick * 0.62), *at(-half * 0.55, thick * 0.55 + high * 0.4),
         *inner_low),
        (*at(-half - 3 - inward * 0.6, 2 + inward * 0.8 + thick * 0.3),
         *at(-half - 3 - inward * 0.6, 2 + inward * 0.8 - thick * 0.1), *inner_top),
    ])  # fmt: skip
    return path(d, eye.brow, class_="brow")


@dataclass
class Avatar:
    """A pack's files by their names."""

    id: str
    manifest: str
    files: dict[str, str] = field(default_factory=dict)
