"""Amara: a woman in her twenties with natural curls, a headband and a mustard jumper."""

from __future__ import annotations

import math
from random import Random

from drawing import (
    ROOMY,
    WIDE,
    Avatar,
    Skin,
    clip,
    document,
    ellipse,
    group,
    linear,
    mirrored,
    path,
    radial,
    smooth,
    soft,
    tapered,
)
from eyes import Eye, brows_svg, eyes_svg
from figure import Nose, ears, face_shading, hand_svg, neck_svg, nose_svg
from mouths import Lips, mouth_svg

SKIN = Skin(
    base="#925b3d", light="#bb8059", shade="#6f4129", deep="#48281b", blush="#b5533f",
    lid="#82503a", crease="#3d2117",
)  # fmt: skip
HAIR, HAIR_LIGHT, HAIR_DARK = "#2a1d1a", "#5c423a", "#170f0e"

FACE = mirrored((0, 214), [
    (92, 214, 146, 266, 152, 350),
    (156, 398, 154, 436, 150, 478),
    (144, 534, 116, 588, 70, 624),
    (46, 642, 24, 648, 0, 648),
])  # fmt: skip

MANIFEST = """\
format = 1
id = "amara"
name = "Amara"
about = "A lively woman in her twenties with natural curls, in a mustard jumper."
author = "Greenroom"
licence = "Apache-2.0"

frame = [60, 35, 880]

[moves]
neck = [500, 700]
turn = 24
pitch = 16

[[layers]]
file = "background.svg"
on = "background"

[[layers]]
file = "hair-back.svg"
on = "head"
depth = -0.3

[[layers]]
file = "neck.svg"
on = "neck"
depth = 0.1

[[layers]]
file = "body.svg"
on = "body"

[[layers]]
file = "ears.svg"
on = "head"
depth = -0.05

[[layers]]
file = "head.svg"
on = "head"
depth = 0.25

[[layers]]
file = "nose.svg"
on = "head"
depth = 1.0

[[layers]]
file = "mouth.svg"
draws = "mouth"
depth = 0.85

[[layers]]
file = "eyes.svg"
draws = "eyes"
depth = 0.75

[[layers]]
file = "brows.svg"
draws = "brows"
depth = 0.75

[[layers]]
file = "hair-front.svg"
on = "head"
depth = 0.35

[[layers]]
file = "hand.svg"
draws = "hand"
pivot = [775, 1060]
rise = 500
swing = 13
"""


def background() -> str:
    defs = linear("wall", (0, 0), (0, 1000), (0, "#dfe9dc"), (0.7, "#c6d8c6"), (1, "#a9c0ac"))
    defs += radial("glow", (240, 230), 640, (0, "#fffbe8/0.95"), (1, "#fffbe8/0"))
    content = path("M-390 0H1390V1000H-390Z", "url(#wall)")
    content += path("M-390 0H1390V1000H-390Z", "url(#glow)")
    content += path("M-250 70L-20 40L-20 620L-250 650Z", "#fffdf2", **soft(26, 0.55))
    for side, x, y, colour in ((1, 1010, 930, "#6f9a78"), (-1, -120, 960, "#84a98a")):
        for dx, dy, width in (
            (-20, -420, 80), (90, -360, 84), (-130, -330, 80), (170, -230, 76), (-210, -190, 72),
            (40, -250, 70),
        ):  # fmt: skip
            leaf = [(x, y), (x + side * dx * 0.45, y + dy * 0.6), (x + side * dx, y + dy)]
            content += path(tapered(leaf, [8, width, 4]), colour, **soft(10, 0.75))
            content += path(smooth(leaf), stroke="#c9dcc5", stroke_width=5, **soft(6, 0.5))
    content += path("M930 900H1090L1070 1010H950Z", "#d08a62", **soft(10, 0.85))
    content += ellipse(1280, 240, 130, 130, "#f6f1d8", **soft(40, 0.8))
    content += path("M-390 930H1390V1000H-390Z", "#8ea78f", **soft(26, 0.6))
    return document(content, defs, WIDE)


def cloud(cx: float, cy: float, rx: float, ry: float, bumps: int, size: float, seed: int) -> str:
    """A rounded outline with bumps, as of curls."""
    random = Random(seed)
    points = []
    for at in range(bumps * 2):
        angle = 2 * math.pi * at / (bumps * 2)
        out = 1 + (size if at % 2 else 0) + random.uniform(-0.022, 0.022)
        points.append((cx + rx * out * math.cos(angle), cy + ry * out * math.sin(angle)))
    return smooth(points, closed=True)


def curls(
    cx: float, cy: float, rx: float, ry: float, count: int, seed: int, *, hole: float = 0.0
) -> str:
    """Little arcs all over an ellipse, lighter where the light is (the upper left)."""
    random = Random(seed)
    content = ""
    for _ in range(count):
        angle, share = random.uniform(0, 2 * math.pi), math.sqrt(random.uniform(hole, 1))
        x, y = cx + rx * share * math.cos(angle), cy + ry * share * math.sin(angle)
        size, turn = random.uniform(9, 17), random.uniform(0, 2 * math.pi)
        points = [
            (x + size * math.cos(turn + step), y + size * math.sin(turn + step))
            for step in (0, 0.9, 1.8, 2.7)
        ]
        lit = 0.5 - 0.5 * ((x - cx) / rx * 0.55 + (y - cy) / ry * 0.75)
        dark = random.random() < 0.4
        content += path(
            smooth(points), stroke=HAIR_DARK if dark else HAIR_LIGHT,
            stroke_width=round(random.uniform(4, 7), 1), stroke_linecap="round",
            opacity=round(0.6 if dark else 0.12 + 0.6 * max(0.0, lit), 2),
        )  # fmt: skip
    return content


def hair_back() -> str:
    outline = cloud(500, 326, 252, 246, 37, 0.028, 4)
    defs = radial("hair", (430, 220), 420, (0, "#3d2b26"), (0.6, HAIR), (1, HAIR_DARK))
    defs += clip("shape", outline)
    inner = curls(500, 330, 262, 258, 330, 7, hole=0.12)
    inner += ellipse(500, 520, 170, 120, "#0d0807", **soft(40, 0.7))
    return document(path(outline, "url(#hair)") + group(inner, clip_path="url(#shape)"), defs)


HOOP = (
    '<ellipse cx="{x}" cy="{y}" rx="15" ry="24" fill="none" stroke="#8a5f1d" stroke-width="7"/>'
    '<ellipse cx="{x}" cy="{y}" rx="15" ry="24" fill="none" stroke="#e0ae4d" stroke-width="5"/>'
    '<ellipse cx="{x}" cy="{y}" rx="13.5" ry="22.5" fill="none" stroke="#fbe2a0"'
    ' stroke-width="1.6" opacity="0.8"/>'
)


def body() -> str:
    jumper = (
        "M404 748C350 776 262 790 216 820C162 854 138 932 124 1160H876C862 932 838 854 784 820"
        "C738 790 650 776 596 748C580 800 540 826 500 826C460 826 420 800 404 748Z"
    )
    defs = linear("wool", (0, 750), (0, 1120), (0, "#e3a83d"), (0.5, "#d19330"), (1, "#a96f1f"))
    defs += clip("jumper", jumper)
    inner = path("M124 1160C140 950 184 890 250 856C222 930 216 1030 224 1120Z", "#7d4d12",
                 **soft(16, 0.6))  # fmt: skip
    inner += path("M876 1160C860 950 816 890 750 856C778 930 784 1030 776 1120Z", "#7d4d12",
                  **soft(16, 0.65))  # fmt: skip
    inner += path("M226 830C286 800 346 794 392 772", stroke="#ffdd92", stroke_width=14,
                  **soft(6, 0.7))  # fmt: skip
    inner += path("M774 830C714 800 654 794 608 772", stroke="#ffdd92", stroke_width=9,
                  **soft(6, 0.5))  # fmt: skip
    inner += path("M380 800C420 900 460 930 470 1120M640 830C590 900 560 960 552 1120",
                  stroke="#a0691c", stroke_width=12, **soft(10, 0.4))  # fmt: skip
    for at in range(28):  # a knitted pattern
        x = 150 + at * 26
        inner += path(f"M{x} 880C{x + 6} 960 {x - 6} 1040 {x} 1120", stroke="#b97c23",
                      stroke_width=4, opacity="0.35")  # fmt: skip
    content = path(jumper, "url(#wool)") + group(inner, clip_path="url(#jumper)")
    collar = smooth([(400, 744), (424, 796), (460, 826), (500, 836), (540, 826), (576, 796),
                     (600, 744)])  # fmt: skip
    content += path(collar, stroke="#8f5c18", stroke_width=36, transform="translate(0 6)",
                    **soft(6, 0.5))  # fmt: skip
    content += path(collar, stroke="#d99c37", stroke_width=34, stroke_linecap="round")
    content += path(collar, stroke="#f0bd5e", stroke_width=10, transform="translate(0 -8)",
                    **soft(3, 0.8))  # fmt: skip
    for at in range(15):
        share = at / 14
        angle = math.pi * (0.03 + 0.94 * share)
        x, y = 500 - 100 * math.cos(angle), 742 + 94 * math.sin(angle)
        dx, dy = -15 * math.cos(angle), 15 * math.sin(angle)
        content += path(f"M{x - dx:.1f} {y - dy:.1f}L{x + dx:.1f} {y + dy:.1f}", stroke="#a56e1f",
                        stroke_width=3.5, opacity="0.5", stroke_linecap="round")  # fmt: skip
    return document(group(content, transform="translate(0 -24)"), defs, ROOMY)


def head() -> str:
    defs = linear("skin", (0, 214), (0, 648), (0, SKIN.light), (0.35, "#a56b4a"), (0.7, SKIN.base),
                  (1, SKIN.base))  # fmt: skip
    defs += clip("face", FACE)
    inner = face_shading(SKIN, chin=648, blush=0.3)
    inner += path("M330 400C346 320 410 282 500 280C590 282 654 320 670 400L700 200H300Z",
                  SKIN.deep, **soft(10, 0.55))  # fmt: skip
    return document(path(FACE, "url(#skin)") + group(inner, clip_path="url(#face)"), defs)


def hair_front() -> str:
    """The hairline's curls, and the headband behind them."""
    outline = smooth([
        (338, 420), (322, 350), (318, 280), (350, 190), (420, 130), (500, 112), (580, 130),
        (650, 190), (682, 280), (678, 350), (662, 420), (656, 372), (640, 330), (616, 306),
        (590, 292), (560, 280), (530, 278), (500, 270), (468, 278), (440, 280), (410, 292),
        (384, 306), (362, 330), (346, 372),
    ], closed=True)  # fmt: skip
    defs = radial("hair", (430, 190), 330, (0, "#443029"), (0.6, HAIR), (1, HAIR_DARK))
    defs += linear("band", (330, 0), (670, 0), (0, "#d65b4a"), (0.4, "#f08a72"), (1, "#b2443a"))
    defs += clip("shape", outline)
    inner = curls(500, 270, 190, 170, 190, 11)
    band = "M304 392C312 230 404 176 500 172C596 176 688 230 696 392"
    inner += path(band, stroke="#120b0a", stroke_width=52, **soft(6, 0.7))
    inner += path(band, stroke="url(#band)", stroke_width=40)
    inner += path("M310 340C328 216 410 168 500 163C590 168 672 216 690 340", stroke="#ffc2ae",
                  stroke_width=5, **soft(3, 0.7))  # fmt: skip
    for at in range(11):  # dots
        angle = math.pi * (0.05 + 0.09 * at)
        inner += ellipse(500 - 188 * math.cos(angle), 330 - 157 * math.sin(angle), 5.5, 5.5,
                         "#ffe9c9", opacity="0.9")  # fmt: skip
    content = path(outline, "url(#hair)") + group(inner, clip_path="url(#shape)")
    # Curls that come out over the forehead's edge.
    random = Random(3)
    for at in range(30):
        angle = math.pi * (0.02 + 0.96 * at / 29)
        x, y = 500 - 164 * math.cos(angle), 404 - 128 * math.sin(angle) ** 0.8
        size = random.uniform(9, 14)
        content += ellipse(x, y, size * 1.1, size, HAIR, opacity="1")
        content += path(
            f"M{x - size * 0.6:.1f} {y:.1f}Q{x:.1f} {y - size:.1f} {x + size * 0.6:.1f} {y:.1f}",
            stroke=HAIR_LIGHT, stroke_width=3, stroke_linecap="round",
            opacity=round(0.3 + 0.4 * (1 - at / 29), 2),
        )  # fmt: skip
    return document(content, defs)


def avatar() -> Avatar:
    eye = Eye(
        half=46, up=26, down=15, iris=24, slant=5, lash="#1a100e", lash_width=8.5, flick=11,
        colours=("#160c08", "#3a2114", "#6e4225", "#0c0605"), white="#f7f1ea", fold=0.7,
        brow="#1f1512", brow_y=-57, brow_half=52, brow_thick=13, brow_arch=15,
    )  # fmt: skip
    lips = Lips(
        y=566, width=1.06, upper=1.25, lower=1.3, upper_colour="#7f3f3c", lower_colour="#a85a55",
        line="#3a1416", inside="#3b1013", tongue="#b0504f", teeth="#fdf8f1", shine=0.22, bow=3.5,
        chin=648,
    )  # fmt: skip
    return Avatar(
        "amara",
        MANIFEST,
        {
            "background.svg": background(),
            "hair-back.svg": hair_back(),
            "neck.svg": neck_svg(SKIN, 74, base=706, spread=92),
            "body.svg": body(),
            "ears.svg": document(ears(SKIN, 148, 448, 78, ring=HOOP)),
            "head.svg": head(),
            "nose.svg": nose_svg(Nose(tip=518, half=38, shade=0.6, bridge=0.3), SKIN),
            "mouth.svg": mouth_svg(lips, SKIN),
            "eyes.svg": eyes_svg(eye, SKIN),
            "brows.svg": brows_svg(eye),
            "hair-front.svg": hair_front(),
            "hand.svg": hand_svg(SKIN, "#d99c37", "#a0691c", "#e8b04a", nail=True),
        },
    )
