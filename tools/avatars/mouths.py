"""Mouths: one group of parts for each viseme, all of one structure."""

from __future__ import annotations

from dataclasses import dataclass

from drawing import Skin, document, group, path, path_data, sliver


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
    chin: float = 650.0
    chin_half: float = 70.0
    chin_colour: str = ""
    drop: float = 0.42
    folds: float = 1.0
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
    corner: float = -5
    top: float = 0
    bottom: float = 1.2
    over: float = 10
    under: float = 13.5
    teeth: float = -4
    lower_teeth: float = 0
    tongue: float = 0
    fold: float = 0.0


MOUTHS: dict[str, Mouth] = {
    "sil": Mouth(),
    "PP": Mouth(half=46, corner=-2, top=1, bottom=1.6, over=6.5, under=9),
    "FF": Mouth(half=49, corner=-1, top=-5, bottom=4, over=8.5, under=9, teeth=9),
    "TH": Mouth(half=49, top=-6, bottom=8, over=9, under=12, teeth=6, tongue=12),
    "DD": Mouth(half=51, top=-6, bottom=8, over=9, under=12, teeth=8, lower_teeth=4, tongue=3),
    "kk": Mouth(half=50, top=-7, bottom=12, over=9, under=12.5, teeth=7, tongue=8),
    "CH": Mouth(half=37, corner=0, top=-9, bottom=10, over=12, under=15.5, teeth=9, lower_teeth=6),
    "SS": Mouth(half=55, corner=-6, top=-6, bottom=6.5, over=8.5, under=11.5, teeth=7,
                lower_teeth=5.5, fold=0.12),
    "nn": Mouth(half=50, top=-6, bottom=9, over=9, under=12.5, teeth=7, tongue=7),
    "RR": Mouth(half=41, corner=-1, top=-7, bottom=9, over=11, under=14.5, teeth=6, tongue=4),
    "aa": Mouth(half=53, corner=0, top=-11, bottom=35, over=9.5, under=13, teeth=11, tongue=15),
    "E": Mouth(half=58, corner=-5, top=-9, bottom=20, over=9, under=12, teeth=11, tongue=9,
               fold=0.16),
    "ih": Mouth(half=56, corner=-6, top=-7, bottom=12, over=9, under=12, teeth=9, tongue=5,
                fold=0.12),
    "oh": Mouth(half=38, corner=2, top=-14, bottom=24, over=11, under=14, teeth=5, tongue=9),
    "ou": Mouth(half=27, corner=2, top=-8, bottom=11, over=12.5, under=15.5, tongue=3),
    "smile": Mouth(half=67, corner=-17, top=0, bottom=13, over=7.5, under=11, teeth=13, fold=0.42),
}  # fmt: skip


def mouth_svg(lips: Lips, skin: Skin) -> str:
    """A whole `mouth.svg`."""
    groups = "\n".join(
        group(_mouth_parts(lips, skin, shape), id_=key) for key, shape in MOUTHS.items()
    )
    return document(groups)


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

    def fold(side: int) -> str:
        # From beside the nose's wing, around the corner of the mouth.
        a = x + side * (half + 11)
        return sliver((x + side * 36, y - 46), [
            (x + side * 46, y - 34, a - side * 3, corner - 20, a + side * 1, corner - 1),
        ], side * 4.5, -1)  # fmt: skip

    def pocket(side: int) -> str:
        a = x + side * half
        return sliver((a - side * 6, corner + 0.5), [
            (a - side * 1, corner - 1, a + side * 2.5, corner - 2, a + side * 6, corner - 4),
        ], 0, 4.5)  # fmt: skip

    # The chin comes down with the jaw: skin that is drawn below the face's own edge.
    drop = max(0.0, m.bottom - 4) * lips.drop
    chin, wide_chin = lips.chin + drop, lips.chin_half
    jaw = path_data((x - wide_chin, lips.chin - 27), [
        (x - wide_chin * 0.7, lips.chin - 12, x + wide_chin * 0.7, lips.chin - 12,
         x + wide_chin, lips.chin - 27),
        (x + wide_chin * 0.72, chin - 9, x + wide_chin * 0.42, chin, x, chin),
        (x - wide_chin * 0.42, chin, x - wide_chin * 0.72, chin - 9, x - wide_chin,
         lips.chin - 27),
    ])  # fmt: skip
    content = path(jaw, lips.chin_colour or skin.base, class_="jaw",
                   opacity=min(1.0, max(0.0, drop / 3)))  # fmt: skip
    content += path(shade, skin.deep, class_="chin-shade", opacity=0.30)
    if lips.folds:
        content += path(fold(-1) + fold(1), skin.deep, class_="folds",
                        opacity=round(m.fold * 0.6 * lips.folds, 3))  # fmt: skip
    content += path(pocket(-1) + pocket(1), skin.deep, class_="corners", opacity=0.5)
    content += path(opening, lips.inside, class_="opening")
    content += group(
        path(tongue, lips.tongue, class_="tongue")
        + path(lower_teeth, "#e9ded4", class_="lower-teeth")
        + path(teeth, lips.teeth, class_="teeth"),
        class_="inside",
    )
    content += path(lower_lip, lips.lower_colour, class_="lower-lip")
    content += path(upper_lip, lips.upper_colour, class_="upper-lip")
    content += path(shine, "#ffffff", class_="shine", opacity=lips.shine)
    if lips.moustache:
        content += _moustache(lips, x, outer_y, half, corner)
    return content


def _moustache(lips: Lips, x: float, lip: float, half: float, corner: float) -> str:
    content = ""
    roof = lips.y - 25 + 0.3 * (lip - lips.y + 8)  # it hangs from below the nose
    for side, name in ((-1, "left"), (1, "right")):
        tip_x, tip_y = x + side * (half + 13), corner + 8
        d = path_data((x + side * 1, roof), [
            (x + side * 16, roof - 7, x + side * (half * 0.7), roof + 1, x + side * (half + 5),
             corner - 8),
            (x + side * (half + 12), corner - 2, tip_x, corner + 4, tip_x - side * 1, tip_y),
            (x + side * (half + 2), corner + 3, x + side * half * 0.85, lip + 4,
             x + side * half * 0.5, lip + 3.5),
            (x + side * half * 0.25, lip + 3, x + side * 6, lip + 5, x + side * 1, lip + 1),
        ])  # fmt: skip
        content += path(d, lips.moustache, class_=f"{name}-moustache")
        d = path_data((x + side * 5, roof + 2), [
            (x + side * 18, roof - 2, x + side * half * 0.62, roof + 4, x + side * (half + 1),
             corner - 6),
            (x + side * half * 0.6, roof + 8, x + side * 18, roof + 5, x + side * 5, roof + 2),
        ])  # fmt: skip
        content += path(d, lips.moustache_light, class_=f"{name}-moustache-light", opacity=0.7)
    return content
