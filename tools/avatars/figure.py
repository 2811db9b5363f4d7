"""Parts of the figure that the avatars share: noses, ears, necks, a face's shading, hands."""

from __future__ import annotations

from dataclasses import dataclass

from drawing import Skin, clip, document, ellipse, group, linear, path, path_data, smooth, soft


@dataclass(frozen=True)
class Nose:
    """Lengths in units: `tip` is where its tip is, `half` from the middle to a wing's edge."""

    tip: float = 516.0
    half: float = 31.0
    top: float = 428.0
    bridge: float = 0.42
    shade: float = 0.5


def nose_svg(nose: Nose, skin: Skin) -> str:
    """A whole `nose.svg`, lit from the left."""
    tip, half, top = nose.tip, nose.half, nose.top
    base = tip + 15
    content = path(
        smooth([(512, top + 8), (515, top + 40), (522, tip - 26), (500 + half, tip - 2),
                (500 + half - 2, base), (508, base + 3), (509, tip - 20), (504, top + 30)],
               closed=True),
        skin.shade, **soft(6, nose.shade),
    )  # fmt: skip
    content += path(
        smooth([(487, top + 10), (484, top + 44), (476, tip - 20)]),
        stroke=skin.shade, stroke_width=7, **soft(6, nose.shade * 0.45),
    )  # fmt: skip
    content += path(
        smooth([(498, top + 6), (498, top + 50), (499, tip - 8)]),
        stroke=skin.light, stroke_width=12, **soft(6, nose.bridge),
    )  # fmt: skip
    content += path(
        smooth([(500 - half, base - 4), (480, base + 6), (500, base + 10), (520, base + 6),
                (500 + half, base - 4)]),
        stroke=skin.deep, stroke_width=7, **soft(6, 0.5),
    )  # fmt: skip
    content += ellipse(498, tip - 3, 13, 10, skin.light, **soft(6, 0.45))
    content += ellipse(495, tip - 6, 5, 4, "#ffffff", **soft(3, 0.22))
    for side in (-1, 1):
        x = 500 + side * half
        content += path(
            path_data((x - side * 4, tip - 9), [
                (x + side * 2, tip - 4, x + side * 2, base - 4, x - side * 5, base - 1),
            ], closed=False),
            stroke=skin.deep, stroke_width=4, stroke_linecap="round", **soft(3, 0.5),
        )  # fmt: skip
        content += path(
            path_data((500 + side * half * 0.72, base), [
                (500 + side * half * 0.62, base - 6.5, 500 + side * half * 0.3, base - 6,
                 500 + side * half * 0.22, base + 1),
                (500 + side * half * 0.36, base + 2.5, 500 + side * half * 0.56, base + 2.5,
                 500 + side * half * 0.72, base),
            ]),
            skin.deep, opacity="0.85",
        )  # fmt: skip
    return document(content)


def ears(skin: Skin, x: float, y: float, height: float, *, ring: str = "") -> str:
    """Both ears, for behind the face; `x` is from the middle to where they begin."""
    content = ""
    for side in (-1, 1):
        left = 500 + side * x
        outline = smooth([
            (left - side * 8, y - height * 0.42), (left + side * 14, y - height * 0.52),
            (left + side * 29, y - height * 0.34), (left + side * 27, y + height * 0.02),
            (left + side * 17, y + height * 0.36), (left + side * 4, y + height * 0.5),
            (left - side * 9, y + height * 0.4),
        ], closed=True)  # fmt: skip
        content += path(outline, skin.base)
        content += path(
            smooth([(left + side * 2, y - height * 0.3), (left + side * 17, y - height * 0.36),
                    (left + side * 20, y - height * 0.1), (left + side * 12, y + height * 0.18)]),
            stroke=skin.deep, stroke_width=5, stroke_linecap="round", **soft(3, 0.5),
        )  # fmt: skip
        content += ellipse(left + side * 6, y + height * 0.02, 6, height * 0.16, skin.deep,
                           **soft(3, 0.45))  # fmt: skip
        if ring:
            content += ring.format(x=left + side * 6, y=y + height * 0.5)
    return content


def neck_svg(skin: Skin, half: float, *, base: float = 720.0, spread: float = 170.0) -> str:
    """A whole `neck.svg`: a neck with the head's shadow, and the top of the chest."""
    a, b = 500 - half, 500 + half
    outline = path_data((a, 540), [
        (a + 2, 620, a + 2, base - 40, a - 4, base - 8),
        (a - 16, base + 22, a - 60, base + 32, 500 - spread, base + 50),
        (500 - spread + 40, 900, 460, 930, 500, 930),
        (540, 930, 500 + spread - 40, 900, 500 + spread, base + 50),
        (b + 60, base + 32, b + 16, base + 22, b + 4, base - 8),
        (b - 2, base - 40, b - 2, 620, b, 540),
    ])  # fmt: skip
    defs = linear("skin", (a - 8, 0), (b + 8, 0), (0, skin.shade), (0.3, skin.base),
                  (0.62, skin.base), (1, skin.shade))  # fmt: skip
    defs += clip("neck", outline)
    inner = path(f"M{a - 30} 540C{a} 668 450 {base - 12} 500 {base - 8}"
                 f"C550 {base - 12} {b} 668 {b + 30} 540Z", skin.deep, **soft(16, 0.8))  # fmt: skip
    for side in (-1, 1):
        inner += path(
            smooth([(500 + side * (half - 22), base - 40), (500 + side * 34, base + 20),
                    (500 + side * 14, base + 62)]),
            stroke=skin.shade, stroke_width=10, **soft(6, 0.55),
        )  # fmt: skip
        inner += path(
            smooth([(500 + side * (spread - 20), base + 62), (500 + side * 80, base + 58),
                    (500 + side * 14, base + 76)]),
            stroke=skin.light, stroke_width=9, **soft(6, 0.6),
        )  # fmt: skip
        inner += path(
            smooth([(500 + side * (spread - 20), base + 74), (500 + side * 80, base + 71),
                    (500 + side * 12, base + 90)]),
            stroke=skin.deep, stroke_width=7, **soft(6, 0.35),
        )  # fmt: skip
    inner += ellipse(500, base + 84, 12, 12, skin.shade, **soft(6, 0.6))
    return document(path(outline, "url(#skin)") + group(inner, clip_path="url(#neck)"), defs)


def face_shading(skin: Skin, *, eye_x: float = 76, eye_y: float = 430, blush: float = 0.24,
                 chin: float = 650, width: float = 152, glow: float = 0.4) -> str:  # fmt: skip
    """What gives a face its form, to be clipped to its outline: lit from the upper left."""
    inner = ""
    for side in (-1, 1):
        edge = 500 + side * (width + 22)
        inner += path(
            f"M{edge} 240C{500 + side * (width - 18)} 400 {500 + side * (width - 14)} 520"
            f" {500 + side * 62} {chin + 4}L{edge} {chin + 20}Z",
            skin.shade, **soft(16, 0.68 if side > 0 else 0.42),
        )  # fmt: skip
        inner += ellipse(500 + side * (eye_x + 18), 518, 46, 26, skin.blush, **soft(26, blush))
        inner += ellipse(500 + side * (eye_x - 4), eye_y - 8, 52, 30, skin.shade, **soft(10, 0.42))
        inner += ellipse(500 + side * 34, eye_y + 4, 14, 30, skin.shade, **soft(10, 0.38))
        inner += ellipse(500 + side * (eye_x + 8), eye_y + 46, 38, 12, skin.light, **soft(10, glow))
        inner += ellipse(500 + side * eye_x, eye_y - 34, 36, 8, skin.light, **soft(6, 0.4))
    inner += ellipse(476, 318, 88, 62, skin.light, **soft(26, glow))
    inner += ellipse(500, chin - 28, 32, 15, skin.light, **soft(10, 0.5))
    inner += ellipse(500, 548, 10, 10, skin.shade, **soft(6, 0.35))
    inner += path(
        f"M420 {chin - 4}C460 {chin + 14} 540 {chin + 14} 580 {chin - 4}V{chin + 40}H420Z",
        skin.deep, **soft(6, 0.35),
    )  # fmt: skip
    return inner


def hand_svg(skin: Skin, sleeve: str, sleeve_dark: str, cuff: str, *, nail: bool = False) -> str:
    """A whole `hand.svg`: an open palm towards the viewer, on a forearm from below."""
    defs = linear("arm", (752, 0), (890, 0), (0, sleeve), (0.5, sleeve), (1, sleeve_dark))
    defs += linear("palm", (760, 640), (880, 800), (0, skin.light), (0.55, skin.base),
                   (1, skin.shade))  # fmt: skip
    content = ""
    arm = "M778 838C770 960 754 1180 748 1540H912C908 1180 880 960 868 838Z"
    wrist = "M786 770C790 800 786 836 780 862H866C860 836 856 800 862 770Z"
    fingers = (
        ((798, 708), (781, 628), (772, 566), 27),
        ((822, 698), (818, 610), (815, 540), 28),
        ((846, 702), (854, 620), (859, 556), 27),
        ((868, 720), (884, 654), (894, 602), 23),
    )
    thumb = ((796, 772), (760, 724), (734, 676), 28)
    content += path(wrist, skin.base)
    palm = smooth([
        (786, 706), (808, 690), (850, 690), (880, 708), (884, 744), (872, 786), (858, 806),
        (824, 812), (794, 800), (778, 764),
    ], closed=True)  # fmt: skip
    for (ax, ay), (bx, by), (cx, cy), width in (*fingers, thumb):
        d = smooth([(ax, ay), (bx, by), (cx, cy)])
        line = {"stroke_linecap": "round"}
        content += path(d, stroke=skin.shade, stroke_width=width + 3, **line)
        content += path(d, stroke="url(#palm)" if width == 28 and ax < 800 else skin.base,
                        stroke_width=width - 1, **line)  # fmt: skip
        content += path(
            smooth([(ax - 4, ay), (bx - 5, by), (cx - 3, cy + 2)]),
            stroke=skin.light, stroke_width=width * 0.34, stroke_linecap="round", **soft(6, 0.75),
        )  # fmt: skip
        for share in (0.3, 0.62):
            px, py = bx + (cx - bx) * (share * 2 - 0.6), by + (cy - by) * (share * 2 - 0.6)
            if width < 28 or ax > 800:
                content += path(
                    f"M{px - width * 0.3:.1f} {py:.1f}Q{px:.1f} {py + 3:.1f}"
                    f" {px + width * 0.3:.1f} {py:.1f}",
                    stroke=skin.shade, stroke_width=2.4, opacity="0.6", stroke_linecap="round",
                )  # fmt: skip
        if nail:
            content += ellipse(cx, cy - width * 0.36, 4, 2.5, skin.light, opacity="0.6")
    content += path(palm, skin.shade, transform="translate(1.5 2)")
    content += path(palm, "url(#palm)")
    content += ellipse(
        808, 776, 24, 30, skin.light, transform="rotate(-24 808 776)", **soft(10, 0.6)
    )
    content += ellipse(852, 716, 26, 12, skin.light, **soft(6, 0.5))
    crease = {"stroke_linecap": "round", "opacity": "0.5"}
    content += path(
        "M796 730C816 744 846 742 876 722", stroke=skin.shade, stroke_width=3.2, **crease
    )
    content += path("M800 742C822 750 846 760 862 778", stroke=skin.shade, stroke_width=3, **crease)
    content += path(
        "M806 736C826 760 830 784 826 806", stroke=skin.shade, stroke_width=3.4, **crease
    )
    content += path(
        "M784 818C806 828 842 828 864 818", stroke=skin.deep, stroke_width=10, **soft(6, 0.3)
    )
    content += path(arm, "url(#arm)")
    content += path("M790 880C784 1000 776 1180 772 1500", stroke="#ffffff", stroke_width=12,
                    **soft(10, 0.22))  # fmt: skip
    content += path("M852 900C860 1000 872 1180 880 1500", stroke=sleeve_dark, stroke_width=26,
                    **soft(16, 0.7))  # fmt: skip
    content += path("M774 832C800 846 846 846 872 832L874 866C846 880 798 880 772 866Z", cuff)
    content += path("M772 868C798 882 846 882 875 868", stroke=sleeve_dark, stroke_width=4,
                    **soft(3, 0.6))  # fmt: skip
    return document(group(content, transform="translate(-55 0)"), defs, "0 0 1000 1540")
