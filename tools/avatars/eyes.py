"""Eyes and brows: open, closed and smiling; at rest, raised and lowered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drawing import Curve, Point, Skin, document, ellipse, group, path, path_data, radial, sliver


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
    under: float = 0.0
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
        )
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
    fold_line = sliver(
        at(inner[0] + 3, inner[1] - 5), _lid_top(at, half, inner, outer, fold), 0, 3.2
    )
    lower = sliver(
        at(-half * 0.62, inner[1] + (down - inner[1]) * 0.72),
        [(*at(-half * 0.3, down + 0.6), *at(half * 0.3, down + 1),
          *at(half * 0.9, outer[1] + (down - outer[1]) * 0.36))], 0, 2.4,
    )  # fmt: skip
    bag = sliver(
        at(-half * 0.78, down + 7 - smile * 2),
        [(*at(-half * 0.3, down + 14 - smile * 4), *at(half * 0.3, down + 14 - smile * 4),
          *at(half * 0.72, down + 6 - smile * 3))], 0, 4,
    )  # fmt: skip
    open_ = 1 - lid
    under = round(eye.under * (1 + smile), 3)
    return (
        (path(bag, skin.shade, class_="bag", opacity=under) if eye.under else "")
        + path(lid_shape, skin.lid, class_="lid", opacity=round(0.35 + 0.65 * lid, 3))
        + path(opening, eye.white, class_="opening")
        + group(
            caruncle + path(shadow, "#3a2420", class_="lid-shadow", opacity=0.26),
            class_="inside",
        )
        + path(fold_line, skin.crease, class_="fold", opacity=round(eye.fold * (1 - 0.6 * lid), 3))
        + path(lower, eye.lash, class_="lower-lashes", opacity=round(0.45 * open_ + 0.05, 3))
        + path(lashes, eye.lash, class_="lashes")
    )


def _lid_top(
    at: Callable[[float, float], Point], half: float, inner: Point, outer: Point, fold: float
) -> list[Curve]:
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
    begin = -half - inward * 0.6
    low = -2 + inward * 0.9
    d = path_data(at(begin, low - thick * 0.3), [
        (*at(-half * 0.55, low + high * 0.45 - thick * 0.45),
         *at(-half * 0.1, high - thick * 0.4), *at(half * 0.25, high - thick * 0.36)),
        (*at(half * 0.6, high - thick * 0.25), *at(half * 0.9, high * 0.2), *at(half + 8, 10)),
        (*at(half * 0.84, high * 0.3 + thick * 0.3), *at(half * 0.55, high + thick * 0.36),
         *at(half * 0.25, high + thick * 0.42)),
        (*at(-half * 0.1, high + thick * 0.58), *at(-half * 0.55, low + high * 0.4 + thick * 0.7),
         *at(begin + 3, low + thick * 0.7)),
        (*at(begin - 3, low + thick * 0.5), *at(begin - 4, low), *at(begin, low - thick * 0.3)),
    ])  # fmt: skip
    return path(d, eye.brow, class_="brow")
