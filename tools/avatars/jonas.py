"""Jonas: a man of about sixty with grey hair, a short beard and glasses, in a navy cardigan."""

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
    base="#eebd9b", light="#fbdcc2", shade="#d3946f", deep="#a4623f", blush="#e08468",
    lid="#dfa585", crease="#a56a4a",
)  # fmt: skip
HAIR, HAIR_LIGHT, HAIR_DARK = "#a9a7a5", "#d9d7d4", "#767472"
BEARD, BEARD_LIGHT = "#b7b2ad", "#dedad5"

FACE = mirrored((0, 206), [
    (98, 206, 152, 262, 158, 352),
    (161, 400, 161, 440, 158, 486),
    (154, 546, 138, 594, 96, 630),
    (64, 654, 30, 660, 0, 660),
])  # fmt: skip

MANIFEST = """\
format = 1
id = "jonas"
name = "Jonas"
about = "A kind man of about sixty with grey hair, a beard and glasses, in a navy cardigan."
author = "Greenroom"
licence = "Apache-2.0"

frame = [55, 55, 890]

[moves]
neck = [500, 710]
turn = 24
pitch = 16

[[layers]]
file = "background.svg"
on = "background"

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
depth = 0.8

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
depth = 0.3

[[layers]]
file = "glasses.svg"
on = "head"
depth = 0.8

[[layers]]
file = "hand.svg"
draws = "hand"
pivot = [775, 1060]
rise = 500
swing = 13
"""


def background() -> str:
    defs = linear("wall", (0, 0), (0, 1000), (0, "#dfe6ea"), (0.7, "#c9d5dc"), (1, "#b3c2cb"))
    defs += radial("glow", (760, 220), 620, (0, "#fdfaf2/0.9"), (1, "#fdfaf2/0"))
    content = path("M-390 0H1390V1000H-390Z", "url(#wall)")
    content += path("M-390 0H1390V1000H-390Z", "url(#glow)")
    # Shelves with books, out of focus.
    for y, books in (
        (300, ((-340, 46, 150, "#7f99a8"), (-285, 40, 128, "#c59a7d"), (-236, 52, 160, "#8aa394"),
               (-176, 36, 136, "#d8c4a4"), (-132, 44, 150, "#a27e77"), (-60, 90, 70, "#9fb3bd"),
               (60, 44, 140, "#c7a98a"), (112, 38, 156, "#7c95a3"))),
        (620, ((-350, 50, 150, "#c7a98a"), (-292, 40, 166, "#8396a8"), (-244, 44, 140, "#a8b8a0"),
               (-150, 110, 90, "#b98f7a"), (-20, 40, 150, "#7f99a8"), (28, 46, 134, "#d2bfa3"))),
    ):  # fmt: skip
        for x, width, height, colour in books:
            content += path(f"M{x} {y - height}H{x + width}V{y}H{x}Z", colour, **soft(6, 0.7))
        content += path(f"M-390 {y}H190V{y + 20}H-390Z", "#a3856c", **soft(6, 0.75))
    content += path("M930 120L1190 96L1190 560L930 590Z", "#fffdf6", **soft(26, 0.5))
    content += path("M-390 900H1390V1000H-390Z", "#93a3ac", **soft(26, 0.6))
    return document(content, defs, WIDE)


def body() -> str:
    cardigan = (
        "M388 752C330 782 246 798 200 830C146 868 124 950 112 1120H888C876 950 854 868 800 830"
        "C754 798 670 782 612 752L566 820L500 1010L434 820Z"
    )
    defs = linear("wool", (0, 750), (0, 1120), (0, "#3a4f74"), (0.5, "#2c3d5e"), (1, "#202d48"))
    defs += linear("shirt", (0, 740), (0, 1000), (0, "#f3f7fb"), (1, "#cfdbe6"))
    defs += clip("cardigan", cardigan)
    content = path("M390 750L500 770L610 750L660 1120H340Z",
                   "url(#shirt)")  # fmt: skip
    content += path("M500 860V1120", stroke="#aebfcd", stroke_width=4, **soft(3, 0.9))
    for y in (930, 985):
        content += ellipse(506, y, 6, 6, "#b9c8d4")
    content += path(cardigan, "url(#wool)")
    inner = path("M112 1120C130 960 170 890 240 860C212 930 206 1030 214 1120Z", "#141d33",
                 **soft(16, 0.6))  # fmt: skip
    inner += path("M888 1120C870 960 830 890 760 860C788 930 794 1030 786 1120Z", "#141d33",
                  **soft(16, 0.6))  # fmt: skip
    inner += path("M212 838C266 808 326 800 376 776", stroke="#6f8ab8", stroke_width=12,
                  **soft(6, 0.7))  # fmt: skip
    inner += path("M788 838C734 808 674 800 624 776", stroke="#6f8ab8", stroke_width=8,
                  **soft(6, 0.5))  # fmt: skip
    for at in range(10):  # ribs of the knit
        x = 236 + at * 12
        inner += path(f"M{x} {880 + at * 2}V1120M{1000 - x} {880 + at * 2}V1120",
                      stroke="#1b2742", stroke_width=3, opacity="0.3")  # fmt: skip
    content += group(inner, clip_path="url(#cardigan)")
    for side in (-1, 1):
        band = [
            (500 + side * 112, 752), (500 + side * 84, 790), (500 + side * 52, 850),
            (500 + side * 14, 966), (500 + side * 4, 1010),
        ]  # fmt: skip
        content += path(smooth(band), stroke="#1b2742", stroke_width=30, **soft(6, 0.5))
        content += path(smooth(band), stroke="#34486d", stroke_width=24)
        content += path(smooth([(x - side * 6, y) for x, y in band]), stroke="#5672a3",
                        stroke_width=3, opacity="0.8")  # fmt: skip
        collar = [
            (500 + side * 92, 716), (500 + side * 126, 752), (500 + side * 100, 830),
            (500 + side * 60, 846), (500, 800), (500 + side * 40, 776),
        ]  # fmt: skip
        d = "M" + "L".join(f"{x} {y}" for x, y in collar) + "Z"
        content += path(d, "#8797a6", transform="translate(0 7)", **soft(6, 0.55))
        content += path(d, "#f6f9fc", stroke="#f6f9fc", stroke_width=8, stroke_linejoin="round")
        content += path(
            f"M{500 + side * 96} 826L{500 + side * 60} 842L{500 + side * 6} 802",
            stroke="#c3d0db", stroke_width=3, stroke_linejoin="round",
        )  # fmt: skip
    return document(content, defs, ROOMY)


def head_back() -> str:
    """Ears, and the hair behind them."""
    hair = smooth([
        (340, 470), (330, 400), (334, 310), (364, 226), (430, 170), (500, 158), (570, 170),
        (636, 226), (666, 310), (670, 400), (660, 470), (500, 500),
    ], closed=True)  # fmt: skip
    return document(path(hair, HAIR_DARK) + ears(SKIN, 154, 448, 92))


BEARD_SHAPE = (
    "M340 440C344 476 346 504 358 530C378 560 414 560 440 552C462 544 480 541 500 543"
    "C520 541 538 544 560 552C586 560 622 560 642 530C654 504 656 476 660 440"
    "C668 520 660 582 618 632C588 664 540 678 500 678C460 678 412 664 382 632"
    "C340 582 332 520 340 446Z"
)


def head() -> str:
    defs = linear("skin", (0, 206), (0, 660), (0, SKIN.light), (0.35, "#f4caab"), (0.7, SKIN.base),
                  (1, SKIN.base))  # fmt: skip
    defs += linear("beard", (0, 450), (0, 680), (0, "#a5a19d"), (0.35, BEARD), (1, "#a39e99"))
    defs += clip("face", FACE) + clip("beard-clip", BEARD_SHAPE)
    inner = face_shading(SKIN, eye_x=76, eye_y=428, width=158, blush=0.3, chin=660)
    inner += path("M330 330C360 268 430 236 500 240C570 236 640 268 670 330L700 180H300Z",
                  SKIN.deep, **soft(16, 0.5))  # fmt: skip
    for y, half in ((292, 62), (316, 72)):  # lines on the forehead
        inner += path(f"M{500 - half} {y}C{480} {y - 7} {520} {y - 7} {500 + half} {y}",
                      stroke=SKIN.shade, stroke_width=3.5, **soft(3, 0.45))  # fmt: skip
    for side in (-1, 1):  # crow's feet
        for dy in (-10, 2, 14):
            inner += path(
                f"M{500 + side * 128} {428 + dy * 0.5}Q{500 + side * 140} {426 + dy * 0.8}"
                f" {500 + side * 148} {428 + dy * 1.3}",
                stroke=SKIN.shade, stroke_width=3, **soft(3, 0.6),
            )  # fmt: skip
    content = path(FACE, "url(#skin)") + group(inner, clip_path="url(#face)")
    content += path(BEARD_SHAPE, SKIN.deep, **soft(6, 0.25))
    content += path(BEARD_SHAPE, "url(#beard)", **soft(3))
    strands = ""
    for side in (-1, 1):
        for at in range(16):
            x = 500 + side * (8 + at * 9.4)
            top = 600 - max(0, at - 5) * 11
            lean = side * (2 + at * 0.7)
            strands += path(
                tapered([(x, top), (x + lean * 0.2, top + 32), (x - lean, top + 66)], [2, 6, 1.5]),
                BEARD_LIGHT if at % 2 else "#8d8884", opacity="0.34",
            )  # fmt: skip
    strands += path("M430 560C450 600 550 600 570 560C560 640 440 640 430 560Z", "#8d8884",
                    **soft(10, 0.5))  # fmt: skip
    strands += path("M660 440C668 520 660 600 600 660L690 660V440Z", "#6f6b67", **soft(16, 0.5))
    content += group(strands, clip_path="url(#beard-clip)")
    return document(content, defs)


HAIR_SHAPE = smooth([
    (344, 452), (334, 392), (326, 320), (342, 250), (376, 192), (430, 150), (500, 132),
    (566, 138), (622, 168), (660, 226), (676, 300), (668, 384), (656, 452), (648, 400),
    (644, 344), (622, 290), (580, 262), (528, 262), (470, 250), (420, 256), (384, 284), (360, 330),
    (354, 392),
], closed=True)  # fmt: skip


def hair_front() -> str:
    defs = linear("hair", (0, 130), (0, 450), (0, "#c4c2bf"), (0.45, HAIR), (1, HAIR_DARK))
    defs += clip("shape", HAIR_SHAPE)
    inner = ""
    for points, width, colour, alpha in (
        ([(404, 262), (430, 206), (500, 168), (580, 176)], 16, HAIR_LIGHT, 0.85),
        ([(440, 256), (470, 214), (530, 190), (610, 214)], 16, HAIR_LIGHT, 0.75),
        ([(500, 262), (530, 226), (584, 216), (640, 260)], 12, HAIR_LIGHT, 0.7),
        ([(374, 290), (384, 230), (430, 176), (500, 148)], 12, "#e6e4e1", 0.7),
        ([(350, 330), (350, 270), (376, 214), (420, 172)], 10, HAIR_LIGHT, 0.6),
        ([(346, 420), (340, 370), (338, 320), (350, 270)], 9, HAIR_LIGHT, 0.5),
        ([(654, 420), (660, 360), (656, 310), (640, 262)], 9, HAIR_LIGHT, 0.4),
        ([(390, 270), (410, 214), (470, 166), (560, 156)], 5, HAIR_DARK, 0.7),
        ([(424, 258), (450, 210), (516, 178), (600, 194)], 5, HAIR_DARK, 0.7),
        ([(470, 254), (504, 218), (560, 202), (632, 236)], 5, HAIR_DARK, 0.7),
        ([(536, 264), (570, 244), (610, 244), (652, 290)], 5, HAIR_DARK, 0.6),
    ):
        inner += path(tapered(points, [2, width, width, 2]), colour, **soft(3, alpha))
    inner += path("M690 300C680 230 650 170 580 140L700 120Z", "#5f5d5b", **soft(16, 0.45))
    return document(path(HAIR_SHAPE, "url(#hair)") + group(inner, clip_path="url(#shape)"), defs)


def glasses() -> str:
    defs = linear("glass", (380, 390), (480, 480), (0, "#ffffff/0.28"), (0.5, "#ffffff/0.05"),
                  (1, "#ffffff/0.12"))  # fmt: skip
    content = ""
    for side in (-1, 1):
        x = 500 + side * 77
        lens = (
            f"M{x - 55} 404C{x - 40} 392 {x + 40} 392 {x + 55} 404C{x + 62} 430 {x + 52} 470"
            f" {x + 30} 478C{x + 10} 484 {x - 10} 484 {x - 30} 478C{x - 52} 470 {x - 62} 430"
            f" {x - 55} 404Z"
        )
        content += path(lens, "url(#glass)")
        content += path(lens, stroke=SKIN.deep, stroke_width=7, transform="translate(2 6)",
                        **soft(3, 0.35))  # fmt: skip
        content += path(lens, stroke="#3b2e2a", stroke_width=7)
        content += path(f"M{x - 50} 402C{x - 36} 394 {x + 36} 394 {x + 50} 402", stroke="#7a625a",
                        stroke_width=2.4, opacity="0.9")  # fmt: skip
        end = 500 + side * 168
        content += path(f"M{500 + side * 134} 414L{end} 420", stroke="#3b2e2a", stroke_width=7,
                        stroke_linecap="round")  # fmt: skip
    content += path("M478 420C488 410 512 410 522 420", stroke="#3b2e2a", stroke_width=7)
    return document(content, defs)


def avatar() -> Avatar:
    eye = Eye(
        y=430, half=42, up=21, down=13.5, slant=0, iris=21.5, lash="#5b4136", lash_width=4, flick=2,
        colours=("#274355", "#4f7f99", "#94bfd0", "#131c22"), white="#f8f4ef", fold=0.6, under=0.55,
        lid_height=8, brow="#8b8783", brow_thick=14, brow_arch=7, brow_y=-54, brow_half=50,
    )  # fmt: skip
    lips = Lips(
        y=572, width=0.98, upper=0.72, lower=0.8, upper_colour="#b9705d", lower_colour="#cc8370",
        shine=0.18, moustache=BEARD, moustache_light=BEARD_LIGHT, chin=678, chin_half=86,
        chin_colour="#a8a39e", drop=0.36, folds=0.0,
    )  # fmt: skip
    return Avatar(
        "jonas",
        MANIFEST,
        {
            "background.svg": background(),
            "neck.svg": neck_svg(SKIN, 88, base=726, spread=104),
            "body.svg": body(),
            "head-back.svg": head_back(),
            "head.svg": head(),
            "nose.svg": nose_svg(Nose(tip=520, half=37, shade=0.6), SKIN),
            "mouth.svg": mouth_svg(lips, SKIN),
            "eyes.svg": eyes_svg(eye, SKIN),
            "brows.svg": brows_svg(eye),
            "hair-front.svg": hair_front(),
            "glasses.svg": glasses(),
            "hand.svg": hand_svg(SKIN, "#34486d", "#202d48", "#f3f7fb"),
        },
    )
