"""Kenji: a man in his twenties with short black hair, in a hooded jacket."""

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
from figure import Nose, ears, face_shading, hand_svg, neck_svg, nose_svg
from mouths import Lips, mouth_svg

SKIN = Skin(
    base="#efc49c", light="#fde0bf", shade="#d29b70", deep="#9a6240", blush="#e4886a",
    lid="#e2b089", crease="#9b6544",
)  # fmt: skip
HAIR, HAIR_LIGHT, HAIR_DARK = "#22222a", "#50525f", "#121217"

FACE = mirrored((0, 210), [
    (94, 210, 148, 264, 153, 350),
    (157, 400, 156, 440, 153, 482),
    (148, 540, 124, 596, 78, 632),
    (52, 650, 26, 656, 0, 656),
])  # fmt: skip

MANIFEST = """\
format = 1
id = "kenji"
name = "Kenji"
about = "A friendly man in his twenties with short black hair, in a hooded jacket."
author = "Greenroom"
licence = "Apache-2.0"

frame = [60, 55, 880]

[moves]
neck = [500, 705]
turn = 24
pitch = 16

[[layers]]
file = "background.svg"
on = "background"

[[layers]]
file = "hood.svg"
on = "body"

[[layers]]
file = "neck.svg"
on = "neck"
depth = 0.1

[[layers]]
file = "body.svg"
on = "body"

[[layers]]
file = "head-back.svg"
on = "head"
depth = -0.1

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
    defs = linear("wall", (0, 0), (0, 1000), (0, "#d9dcf0"), (0.7, "#c3c6e2"), (1, "#a8aacb"))
    defs += radial("glow", (800, 260), 560, (0, "#fff3df/0.95"), (1, "#fff3df/0"))
    content = path("M-390 0H1390V1000H-390Z", "url(#wall)")
    content += path("M-390 0H1390V1000H-390Z", "url(#glow)")
    # A lamp on the right, a framed picture on the left, out of focus.
    content += path("M900 300L1060 300L1100 440H860Z", "#fff6e2", **soft(10, 0.9))
    content += path("M976 440H986V900H976Z", "#8a8bb0", **soft(6, 0.7))
    content += path("M-200 150H80V470H-200Z", "#f4f4fb", **soft(6, 0.85))
    content += path("M-170 180H50V440H-170Z", "#9fb2d8", **soft(6, 0.8))
    content += path("M-170 440L-80 320L-20 390L20 350L50 400V440Z", "#7d92c0", **soft(6, 0.8))
    content += ellipse(-10, 240, 26, 26, "#ffe6b8", **soft(6, 0.9))
    content += path("M-390 890H1390V1000H-390Z", "#8f90b6", **soft(26, 0.6))
    content += ellipse(1250, 700, 110, 190, "#9a9cc2", **soft(26, 0.6))
    return document(content, defs, WIDE)


def hood() -> str:
    """The hood that lies behind the neck."""
    shape = smooth([
        (330, 800), (336, 730), (372, 676), (430, 650), (500, 644), (570, 650), (628, 676),
        (664, 730), (670, 800), (500, 860),
    ], closed=True)  # fmt: skip
    defs = linear("cloth", (0, 644), (0, 830), (0, "#6f9a86"), (0.35, "#4d7a66"), (1, "#2b4d40"))
    return document(
        path(shape, "url(#cloth)") + ellipse(500, 760, 116, 84, "#1f3a30", **soft(16, 0.85)),
        defs, ROOMY,
    )  # fmt: skip


def body() -> str:
    jacket = (
        "M392 752C336 784 252 796 206 828C150 866 130 946 118 1120H882C870 946 850 866 794 828"
        "C748 796 664 784 608 752C598 800 560 850 536 880L520 1120H480L464 880"
        "C440 850 402 800 392 752Z"
    )
    defs = linear("cloth", (0, 750), (0, 1120), (0, "#5f8f7a"), (0.5, "#4a7562"), (1, "#345646"))
    defs += linear("shirt", (0, 760), (0, 1000), (0, "#fbfaf6"), (1, "#dcdcd8"))
    defs += clip("jacket", jacket)
    content = path("M392 770C430 808 470 822 500 822C530 822 570 808 608 770L640 1120H360Z",
                   "url(#shirt)")  # fmt: skip
    content += path("M408 778C440 812 470 828 500 828C530 828 560 812 592 778", stroke="#c3c2bc",
                    stroke_width=5, **soft(3, 0.9))  # fmt: skip
    content += path(jacket, "url(#cloth)")
    inner = path("M118 1120C136 950 176 890 246 858C218 930 212 1030 220 1120Z", "#213a2f",
                 **soft(16, 0.6))  # fmt: skip
    inner += path("M882 1120C864 950 824 890 754 858C782 930 788 1030 780 1120Z", "#213a2f",
                  **soft(16, 0.6))  # fmt: skip
    inner += path("M218 836C276 806 336 800 382 778", stroke="#9cc6b2", stroke_width=12,
                  **soft(6, 0.6))  # fmt: skip
    inner += path("M782 836C724 806 664 800 618 778", stroke="#9cc6b2", stroke_width=9,
                  **soft(6, 0.6))  # fmt: skip
    inner += path("M300 920C316 1000 306 1060 310 1120M700 920C684 1000 694 1060 690 1120",
                  stroke="#2c4a3d", stroke_width=12, **soft(10, 0.5))  # fmt: skip
    content += group(inner, clip_path="url(#jacket)")
    for side in (-1, 1):
        edge = [
            (500 + side * 124, 716), (500 + side * 108, 770), (500 + side * 72, 836),
            (500 + side * 38, 884), (500 + side * 26, 960), (500 + side * 20, 1120),
        ]  # fmt: skip
        content += path(smooth(edge), stroke="#1f372d", stroke_width=34, **soft(6, 0.45))
        content += path(smooth(edge[:4]), stroke="#5c8b76", stroke_width=36,
                        stroke_linecap="round")  # fmt: skip
        content += path(smooth(edge[:4]), stroke="#8cb9a4", stroke_width=8,
                        transform=f"translate({side * 9} -4)", **soft(6, 0.7))  # fmt: skip
        content += path(smooth(edge[3:]), stroke="#d8dbd6", stroke_width=5)
        cord = [(500 + side * 44, 872), (500 + side * 54, 930), (500 + side * 48, 1000)]
        content += path(smooth(cord), stroke="#24382f", stroke_width=8, **soft(3, 0.5))
        content += path(smooth(cord), stroke="#f1efe8", stroke_width=6, stroke_linecap="round")
    return document(content, defs, ROOMY)


def head_back() -> str:
    hair = smooth([
        (346, 480), (336, 400), (338, 310), (370, 222), (430, 168), (500, 156), (570, 168),
        (630, 222), (662, 310), (664, 400), (654, 480), (500, 510),
    ], closed=True)  # fmt: skip
    return document(path(hair, HAIR_DARK) + ears(SKIN, 150, 446, 86))


def head() -> str:
    defs = linear("skin", (0, 210), (0, 656), (0, SKIN.light), (0.35, "#f6d1ab"), (0.7, SKIN.base),
                  (1, SKIN.base))  # fmt: skip
    defs += clip("face", FACE)
    inner = face_shading(SKIN, chin=656, width=153, blush=0.26)
    inner += path("M330 420C340 340 372 300 430 290C490 292 560 276 612 288C646 310 660 350 670 420"
                  "L700 190H300Z", SKIN.deep, **soft(10, 0.5))  # fmt: skip
    return document(path(FACE, "url(#skin)") + group(inner, clip_path="url(#face)"), defs)


HAIR_SHAPE = (
    "M350 446C342 404 334 352 336 306C337 284 340 262 346 240C338 214 350 184 374 166"
    "C372 142 400 118 430 118C452 92 496 82 528 94C556 80 600 92 618 116C648 122 668 152 664 184"
    "C676 212 672 240 662 262C668 312 664 394 650 446C651 412 649 376 643 344"
    "C641 318 636 300 626 284C606 268 584 262 560 262C552 270 540 276 526 278"
    "C524 272 520 266 516 262C500 274 480 282 460 284C458 276 454 270 450 266"
    "C430 272 408 282 390 296C370 312 360 342 357 374C354 402 352 424 350 446Z"
)


def hair_front() -> str:
    defs = linear("hair", (0, 90), (0, 450), (0, "#3b3c47"), (0.4, HAIR), (1, "#1b1b21"))
    defs += clip("shape", HAIR_SHAPE)
    inner = ""
    # The sides are cut short: skin shines through.
    for side, alpha in ((-1, 0.42), (1, 0.3)):
        inner += path(
            smooth([(500 + side * 150, 300), (500 + side * 156, 380), (500 + side * 150, 450)]),
            stroke=SKIN.deep, stroke_width=34, **soft(10, alpha),
        )  # fmt: skip
    for points, width, colour, alpha in (
        ([(392, 290), (400, 220), (446, 152), (520, 116)], 22, HAIR_LIGHT, 0.8),
        ([(452, 270), (456, 214), (500, 160), (570, 124)], 22, HAIR_LIGHT, 0.8),
        ([(520, 268), (520, 220), (556, 170), (616, 146)], 20, HAIR_LIGHT, 0.65),
        ([(574, 262), (584, 226), (612, 192), (652, 180)], 16, HAIR_LIGHT, 0.5),
        ([(362, 320), (356, 250), (384, 184), (440, 134)], 16, HAIR_LIGHT, 0.7),
        ([(620, 284), (634, 250), (648, 230), (664, 220)], 10, HAIR_LIGHT, 0.4),
        ([(420, 276), (424, 216), (470, 152), (544, 110)], 7, HAIR_DARK, 0.95),
        ([(484, 276), (486, 220), (526, 164), (596, 132)], 7, HAIR_DARK, 0.95),
        ([(548, 266), (552, 226), (582, 184), (640, 162)], 7, HAIR_DARK, 0.95),
        ([(376, 306), (376, 240), (412, 172), (474, 122)], 7, HAIR_DARK, 0.95),
        ([(600, 268), (612, 240), (632, 214), (664, 200)], 6, HAIR_DARK, 0.9),
    ):
        inner += path(tapered(points, [2, width, width, 2]), colour, **soft(3, alpha))
    inner += path("M700 300C690 220 650 150 580 110L710 90Z", "#08080b", **soft(16, 0.45))
    content = path(HAIR_SHAPE, "url(#hair)") + group(inner, clip_path="url(#shape)")
    for points, width in (
        ([(440, 250), (430, 286), (404, 314)], 14), ([(474, 256), (472, 290), (452, 312)], 13),
        ([(540, 256), (536, 280), (520, 298)], 11),
    ):  # fmt: skip
        content += path(tapered(points, [4, width, 1]), HAIR)
    return document(content, defs)


def avatar() -> Avatar:
    eye = Eye(
        y=432, half=43, up=19.5, down=12.5, slant=6, iris=21.5, lash="#1d1512", lash_width=5.5,
        flick=4, colours=("#1a0f0a", "#3d2617", "#6d4527", "#0e0806"), white="#fbf7f2", fold=0.4,
        lid_height=6, brow="#22201f", brow_thick=13, brow_arch=7, brow_y=-52,
        brow_half=51,
    )  # fmt: skip
    lips = Lips(
        y=572, width=1.0, upper=0.7, lower=0.78, upper_colour="#bf7f68", lower_colour="#d3957c",
        line="#7b3a30", shine=0.22, chin=656, chin_half=76,
    )  # fmt: skip
    return Avatar(
        "kenji",
        MANIFEST,
        {
            "background.svg": background(),
            "hood.svg": hood(),
            "neck.svg": neck_svg(SKIN, 82, base=722, spread=120),
            "body.svg": body(),
            "head-back.svg": head_back(),
            "head.svg": head(),
            "nose.svg": nose_svg(Nose(tip=518, half=33, shade=0.5), SKIN),
            "mouth.svg": mouth_svg(lips, SKIN),
            "eyes.svg": eyes_svg(eye, SKIN),
            "brows.svg": brows_svg(eye),
            "hair-front.svg": hair_front(),
            "hand.svg": hand_svg(SKIN, "#5c8b76", "#2f5546", "#4a7562"),
        },
    )
