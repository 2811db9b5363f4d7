"""Mira: a woman of about thirty with long, wavy dark hair, in a teal blazer."""

from __future__ import annotations

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
from figure import Nose, face_shading, hand_svg, neck_svg, nose_svg
from mouths import Lips, mouth_svg

SKIN = Skin(
    base="#d99a72", light="#efbb94", shade="#bd7a54", deep="#8f5236", blush="#d9705c",
    lid="#c98a66", crease="#8a4f37",
)  # fmt: skip
HAIR, HAIR_LIGHT, HAIR_DARK = "#3b241c", "#6d4433", "#24140f"

FACE = mirrored((0, 212), [
    (92, 212, 146, 268, 152, 350),
    (155, 396, 154, 432, 149, 474),
    (142, 532, 112, 588, 66, 626),
    (44, 643, 22, 650, 0, 650),
])  # fmt: skip

MANIFEST = """\
format = 1
id = "mira"
name = "Mira"
about = "A warm woman of about thirty with long dark hair, in a teal blazer."
author = "Greenroom"
licence = "Apache-2.0"
aliases = ["16cb73e7de08"]

frame = [60, 50, 880]

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
depth = -0.4

[[layers]]
file = "neck.svg"
on = "neck"
depth = 0.1

[[layers]]
file = "body.svg"
on = "body"

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
depth = 0.45

[[layers]]
file = "hand.svg"
draws = "hand"
pivot = [775, 1060]
rise = 500
swing = 13
"""


def background() -> str:
    defs = linear("wall", (0, 0), (0, 1000), (0, "#f3e3d3"), (0.7, "#e9cfba"), (1, "#d9b79f"))
    defs += radial("glow", (210, 260), 620, (0, "#fff6e6/0.95"), (1, "#fff6e6/0"))
    content = path("M-390 0H1390V1000H-390Z", "url(#wall)")
    content += path("M-390 0H1390V1000H-390Z", "url(#glow)")
    # A window's light on the wall, and plants out of focus.
    content += path("M-60 90L150 60L150 560L-60 600Z", "#fffaf0", **soft(26, 0.55))
    content += path("M175 56L330 36L330 528L175 556Z", "#fffaf0", **soft(26, 0.45))
    leaf = "#8fae8b"
    for x, y, dx, dy, width in (
        (960, 720, 60, -260, 60), (960, 720, 130, -190, 62), (960, 720, -30, -240, 56),
        (960, 720, 170, -90, 56), (960, 720, -90, -160, 50),
    ):  # fmt: skip
        content += path(
            tapered([(x, y), (x + dx * 0.5, y + dy * 0.6), (x + dx, y + dy)], [8, width, 4]),
            leaf, **soft(10, 0.75),
        )  # fmt: skip
    content += path("M890 720H1030L1010 880H910Z", "#c98b6b", **soft(10, 0.8))
    content += path("M-390 880H1390V1000H-390Z", "#b98d70", **soft(16, 0.55))
    content += ellipse(-210, 700, 90, 170, "#c7a58b", **soft(26, 0.6))
    content += ellipse(1260, 330, 120, 120, "#fbeedd", **soft(26, 0.7))
    return document(content, defs, WIDE)


BACK = mirrored((0, 140), [
    (112, 138, 194, 204, 208, 316),
    (218, 396, 206, 460, 224, 548),
    (242, 622, 262, 660, 246, 740),
    (238, 800, 250, 826, 214, 856),
    (120, 900, 40, 880, 0, 880),
])  # fmt: skip


def hair_back() -> str:
    defs = linear("hair", (0, 140), (0, 880), (0, HAIR), (0.5, HAIR_DARK), (1, HAIR))
    defs += clip("mass", BACK)
    inner = ellipse(500, 560, 150, 300, "#140a07", **soft(40, 0.6))
    for side in (-1, 1):
        for dx, drop in ((182, 0), (208, 20), (156, 40)):
            line = [
                (500 + side * (dx - 20), 560 + drop), (500 + side * (dx + 26), 650 + drop),
                (500 + side * (dx + 2), 740 + drop), (500 + side * (dx + 14), 820 + drop),
            ]  # fmt: skip
            inner += path(tapered(line, [4, 16, 18, 4]), HAIR_LIGHT, **soft(6, 0.4))
    return document(path(BACK, "url(#hair)") + group(inner, clip_path="url(#mass)"), defs)


def body() -> str:
    jacket = (
        "M398 742C340 772 262 788 214 818C160 852 136 930 122 1120H878C864 930 840 852 786 818"
        "C738 788 660 772 602 742L560 800L500 960L440 800Z"
    )
    defs = linear("cloth", (0, 740), (0, 1120), (0, "#2f8580"), (0.5, "#246e6b"), (1, "#1a5553"))
    defs += linear("lapel", (0, 740), (0, 1000), (0, "#3a958f"), (1, "#226763"))
    defs += linear("blouse", (0, 780), (0, 1000), (0, "#fdf3e4"), (1, "#e9d6c0"))
    defs += clip("jacket", jacket)
    # A blouse with a deep collar, open at the neck.
    content = path("M404 770C440 830 470 880 500 900C530 880 560 830 596 770L640 1120H360Z",
                   "url(#blouse)")  # fmt: skip
    content += path("M410 776C446 838 474 884 500 906", stroke="#cdb39a", stroke_width=5,
                    **soft(3, 0.8))  # fmt: skip
    content += path("M590 776C554 838 526 884 500 906L500 1000", stroke="#cdb39a", stroke_width=5,
                    **soft(3, 0.8))  # fmt: skip
    content += path(jacket, "url(#cloth)")
    inner = path("M122 1120C140 950 180 880 250 850C220 920 214 1020 222 1120Z", "#0f3d3c",
                 **soft(16, 0.55))  # fmt: skip
    inner += path("M878 1120C860 950 820 880 750 850C780 920 786 1020 778 1120Z", "#0f3d3c",
                  **soft(16, 0.55))  # fmt: skip
    inner += path("M226 826C280 798 340 790 390 764", stroke="#62b5ad", stroke_width=12,
                  **soft(6, 0.75))  # fmt: skip
    inner += path("M774 826C720 798 660 790 610 764", stroke="#62b5ad", stroke_width=8,
                  **soft(6, 0.5))  # fmt: skip
    inner += path("M300 900C310 980 306 1040 300 1120M705 900C694 980 698 1040 704 1120",
                  stroke="#174b4a", stroke_width=8, **soft(6, 0.5))  # fmt: skip
    content += group(inner, clip_path="url(#jacket)")
    for side in (-1, 1):
        lapel = [
            (104, 742), (150, 800), (172, 842), (128, 858), (150, 884), (0, 1010), (52, 880),
            (86, 790),
        ]  # fmt: skip
        points = [(500 + side * x, y) for x, y in lapel]
        d = "M" + "L".join(f"{x} {y}" for x, y in points) + "Z"
        content += path(d, "#123f3e", transform=f"translate({side * 4} 7)", **soft(6, 0.5))
        content += path(d, "url(#lapel)", stroke="#3a958f", stroke_width=5, stroke_linejoin="round")
        content += path(
            f"M{500 + side * 106} 746L{500 + side * 150} 802L{500 + side * 170} 842",
            stroke="#7cc9c0", stroke_width=3, stroke_linecap="round", opacity="0.6",
        )  # fmt: skip
    return document(content, defs, ROOMY)


def head() -> str:
    defs = linear("skin", (0, 210), (0, 650), (0, SKIN.light), (0.35, "#e4a97f"), (0.7, SKIN.base),
                  (1, SKIN.base))  # fmt: skip
    defs += clip("face", FACE)
    inner = face_shading(SKIN)
    # The hair's shadow on the forehead.
    inner += path("M330 440C344 330 410 290 452 250C530 284 640 330 668 440L700 200H310Z",
                  SKIN.deep, **soft(10, 0.5))  # fmt: skip
    return document(path(FACE, "url(#skin)") + group(inner, clip_path="url(#face)"), defs)


# Parted on the left; each side falls in waves over the shoulder and ends in a curl.
LEFT_LOCK = smooth([
    (470, 196), (436, 240), (398, 300), (366, 372), (348, 446), (354, 516), (344, 590), (312, 664),
    (318, 736), (338, 800), (312, 862), (262, 876), (286, 836), (262, 786), (240, 720), (262, 634),
    (290, 556), (286, 470), (286, 366), (318, 246), (388, 166), (452, 140), (490, 150),
], closed=True)  # fmt: skip
RIGHT_LOCK = smooth([
    (462, 142), (446, 180), (446, 224), (502, 258), (566, 284), (622, 330), (650, 396),
    (654, 470), (644, 540),
    (664, 616), (692, 684), (676, 752), (656, 806), (684, 866), (742, 872), (716, 830), (744, 778),
    (764, 708), (736, 624), (708, 546), (716, 464), (714, 360), (684, 242), (612, 160), (530, 130),
], closed=True)  # fmt: skip


def hair_front() -> str:
    defs = linear("left", (250, 0), (500, 0), (0, HAIR_DARK), (0.45, HAIR), (1, "#4a2e23"))
    defs += linear("right", (480, 0), (752, 0), (0, "#4d3025"), (0.5, HAIR), (1, HAIR_DARK))
    defs += clip("locks", LEFT_LOCK + RIGHT_LOCK)
    content = path(LEFT_LOCK, "url(#left)") + path(RIGHT_LOCK, "url(#right)")
    inner = ""
    for shift, alpha in ((0, 0.75), (22, 0.5), (44, 0.4)):
        inner += path(
            tapered(
                [(470 - shift, 186), (404 - shift * 0.8, 240), (352 - shift * 0.6, 330),
                 (330 - shift * 0.5, 430), (330 - shift * 0.5, 520)],
                [3, 16, 22, 14, 3],
            ), HAIR_LIGHT, **soft(6, alpha * 0.7),
        )  # fmt: skip
        inner += path(
            tapered(
                [(500 + shift, 180), (590 + shift * 0.7, 232), (646 + shift * 0.5, 330),
                 (670 + shift * 0.4, 430), (668 + shift * 0.4, 520)],
                [3, 18, 24, 14, 3],
            ), HAIR_LIGHT, **soft(6, alpha),
        )  # fmt: skip
    for points in (
        [(352, 540), (306, 620), (296, 700), (306, 800)],
        [(650, 540), (700, 630), (706, 720), (704, 810)],
        [(330, 600), (280, 690), (276, 760), (290, 830)],
        [(676, 600), (726, 690), (728, 770), (712, 836)],
    ):  # fmt: skip
        inner += path(tapered(points, [3, 14, 14, 3]), HAIR_LIGHT, **soft(6, 0.6))
    for points in (
        [(480, 184), (420, 214), (364, 290), (336, 400)],
        [(492, 180), (570, 210), (640, 290), (676, 400)],
        [(440, 178), (370, 240), (322, 340), (312, 470)],
        [(560, 172), (640, 240), (686, 350), (694, 470)],
    ):  # fmt: skip
        inner += path(smooth(points), stroke=HAIR_DARK, stroke_width=4, **soft(3, 0.55))
    inner += path("M462 140C446 164 440 196 446 222", stroke="#1a0d09", stroke_width=5,
                  **soft(3, 0.7))  # fmt: skip
    return document(content + group(inner, clip_path="url(#locks)"), defs)


def avatar() -> Avatar:
    eye = Eye(half=46, up=26, down=15, iris=24, lash_width=8, flick=10, brow_y=-56, brow_half=52)
    return Avatar(
        "mira",
        MANIFEST,
        {
            "background.svg": background(),
            "hair-back.svg": hair_back(),
            "neck.svg": neck_svg(SKIN, 74),
            "body.svg": body(),
            "head.svg": head(),
            "nose.svg": nose_svg(Nose(), SKIN),
            "mouth.svg": mouth_svg(Lips(), SKIN),
            "eyes.svg": eyes_svg(eye, SKIN),
            "brows.svg": brows_svg(eye),
            "hair-front.svg": hair_front(),
            "hand.svg": hand_svg(SKIN, "#2f8580", "#1a5553", "#fdf3e4", nail=True),
        },
    )
