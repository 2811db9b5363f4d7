"""Mira: a woman of about thirty with long, wavy dark hair, in a teal blazer."""

from __future__ import annotations

from kit import (
    ROOMY,
    WIDE,
    Avatar,
    Eye,
    Lips,
    Skin,
    brows_svg,
    clip,
    document,
    ellipse,
    eyes_svg,
    group,
    linear,
    mirrored,
    mouth_svg,
    path,
    radial,
    smooth,
    soft,
    tapered,
)

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
pivot = [800, 1010]
rise = 520
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


BACK = mirrored((0, 148), [
    (110, 146, 186, 210, 200, 320),
    (210, 400, 196, 470, 214, 560),
    (230, 640, 250, 690, 236, 770),
    (226, 830, 190, 862, 150, 880),
    (100, 890, 40, 880, 0, 880),
])  # fmt: skip


def hair_back() -> str:
    defs = linear("hair", (0, 150), (0, 880), (0, HAIR), (0.5, HAIR_DARK), (1, HAIR))
    defs += clip("mass", BACK)
    content = path(BACK, "url(#hair)")
    inner = ellipse(500, 560, 150, 300, "#140a07", **soft(40, 0.55))
    for side in (-1, 1):
        for dx, drop in ((176, 0), (200, 20), (150, 40)):
            line = [
                (500 + side * (dx - 20), 560 + drop), (500 + side * (dx + 22), 660 + drop),
                (500 + side * (dx + 6), 760 + drop), (500 + side * (dx - 34), 850 + drop),
            ]  # fmt: skip
            inner += path(tapered(line, [4, 16, 18, 4]), HAIR_LIGHT, **soft(6, 0.35))
    return document(content + group(inner, clip_path="url(#mass)"), defs)


def neck() -> str:
    outline = (
        "M428 560C430 640 432 690 424 716C412 742 372 756 330 770L400 860L600 860L670 770"
        "C628 756 588 742 576 716C568 690 570 640 572 560Z"
    )
    defs = linear("skin", (420, 0), (590, 0), (0, SKIN.shade), (0.35, SKIN.base), (0.7, SKIN.base),
                  (1, SKIN.shade))  # fmt: skip
    defs += clip("neck", outline)
    content = path(outline, "url(#skin)")
    inner = path("M400 540C420 690 470 706 500 706C540 706 590 690 600 540Z", SKIN.deep,
                 **soft(16, 0.75))  # fmt: skip
    inner += path("M452 700C458 740 470 770 486 784", stroke=SKIN.deep, stroke_width=9,
                  **soft(6, 0.35))  # fmt: skip
    inner += path("M548 700C542 740 530 770 514 784", stroke=SKIN.deep, stroke_width=9,
                  **soft(6, 0.35))  # fmt: skip
    inner += path("M352 786C410 772 462 784 492 800M648 786C590 772 538 784 508 800",
                  stroke=SKIN.light, stroke_width=9, **soft(6, 0.6))  # fmt: skip
    inner += path("M352 796C410 784 462 796 490 812M648 796C590 784 538 796 510 812",
                  stroke=SKIN.deep, stroke_width=7, **soft(6, 0.35))  # fmt: skip
    return document(content + group(inner, clip_path="url(#neck)"), defs)


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
                  (1, "#cf8e66"))  # fmt: skip
    defs += clip("face", FACE)
    content = path(FACE, "url(#skin)")
    inner = ""
    for side in (-1, 1):
        inner += path(
            f"M{500 + side * 168} 260C{500 + side * 128} 400 {500 + side * 132} 520"
            f" {500 + side * 58} 652L{500 + side * 190} 660Z",
            SKIN.shade, **soft(16, 0.6 if side > 0 else 0.42),
        )  # fmt: skip
        inner += ellipse(500 + side * 92, 516, 44, 30, SKIN.blush, **soft(16, 0.42))
        inner += ellipse(500 + side * 74, 426, 50, 30, SKIN.shade, **soft(10, 0.38))
        inner += ellipse(500 + side * 80, 476, 40, 12, SKIN.light, **soft(10, 0.55))
    inner += ellipse(480, 310, 90, 60, "#fbd3b0", **soft(26, 0.6))
    inner += ellipse(500, 622, 34, 16, SKIN.light, **soft(10, 0.5))
    # The hair's shadow on the forehead.
    inner += path("M340 420C350 300 420 250 478 222C560 240 640 300 660 420L690 200H320Z",
                  SKIN.deep, **soft(10, 0.42))  # fmt: skip
    inner += path("M425 650C460 668 540 668 575 650L575 690H425Z", SKIN.deep, **soft(6, 0.4))
    return document(content + group(inner, clip_path="url(#face)"), defs)


def nose() -> str:
    content = path("M512 446C520 480 530 500 530 520C530 532 520 536 508 536L504 470Z", SKIN.shade,
                   **soft(6, 0.55))  # fmt: skip
    content += path("M474 452C470 470 470 486 468 500", stroke=SKIN.shade, stroke_width=8,
                    **soft(6, 0.25))  # fmt: skip
    content += path("M497 400C499 440 501 480 500 516", stroke="#fbd8b8", stroke_width=11,
                    **soft(6, 0.6))  # fmt: skip
    content += ellipse(499, 514, 12, 9, "#fde2c8", **soft(6, 0.8))
    content += path("M470 524C466 514 470 504 476 502M530 524C534 514 530 504 524 502",
                    stroke=SKIN.deep, stroke_width=3, stroke_linecap="round", opacity="0.42")  # fmt: skip
    content += path("M480 531C484 525 491 526 494 532C490 534 484 534 480 531Z", SKIN.deep,
                    opacity="0.72")  # fmt: skip
    content += path("M520 531C516 525 509 526 506 532C510 534 516 534 520 531Z", SKIN.deep,
                    opacity="0.72")  # fmt: skip
    content += path("M474 530C486 542 514 542 526 530", stroke=SKIN.deep, stroke_width=5,
                    stroke_linecap="round", **soft(3, 0.4))  # fmt: skip
    return document(content)


LEFT_LOCK = smooth([
    (486, 196), (436, 222), (384, 286), (358, 372), (342, 452), (346, 540), (330, 620), (318, 700),
    (334, 780), (316, 846), (268, 850), (250, 780), (264, 690), (286, 590), (296, 470), (300, 350),
    (330, 240), (400, 168), (486, 150),
], closed=True)  # fmt: skip
RIGHT_LOCK = smooth([
    (476, 190), (540, 214), (604, 268), (640, 350), (656, 440), (650, 530), (668, 620), (684, 700),
    (668, 780), (690, 848), (734, 846), (752, 770), (738, 680), (714, 590), (704, 470), (700, 350),
    (672, 240), (604, 166), (520, 144), (476, 154),
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
        [(352, 540), (306, 620), (296, 700), (306, 800)], [(650, 540), (700, 630), (706, 720), (704, 810)],
        [(330, 600), (280, 690), (276, 760), (290, 830)], [(676, 600), (726, 690), (728, 770), (712, 836)],
    ):  # fmt: skip
        inner += path(tapered(points, [3, 14, 14, 3]), HAIR_LIGHT, **soft(6, 0.6))
    for points in (
        [(480, 184), (420, 214), (364, 290), (336, 400)], [(492, 180), (570, 210), (640, 290), (676, 400)],
        [(440, 178), (370, 240), (322, 340), (312, 470)], [(560, 172), (640, 240), (686, 350), (694, 470)],
    ):  # fmt: skip
        inner += path(smooth(points), stroke=HAIR_DARK, stroke_width=4, **soft(3, 0.55))
    inner += path("M480 150C480 176 480 190 482 204", stroke="#1a0d09", stroke_width=5,
                  **soft(3, 0.7))  # fmt: skip
    return document(content + group(inner, clip_path="url(#locks)"), defs)


def hand() -> str:
    return document(
        path("M740 1120V860C740 800 860 800 860 860V1120Z", "#246e6b")
        + ellipse(800, 760, 60, 80, SKIN.base), box="0 0 1000 1540",
    )  # fmt: skip


def avatar() -> Avatar:
    eye = Eye(lash_width=7.5, flick=9)
    return Avatar(
        "mira",
        MANIFEST,
        {
            "background.svg": background(),
            "hair-back.svg": hair_back(),
            "neck.svg": neck(),
            "body.svg": body(),
            "head.svg": head(),
            "nose.svg": nose(),
            "mouth.svg": mouth_svg(Lips(), SKIN),
            "eyes.svg": eyes_svg(eye, SKIN),
            "brows.svg": brows_svg(eye),
            "hair-front.svg": hair_front(),
            "hand.svg": hand(),
        },
    )
