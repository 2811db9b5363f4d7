"""A sheet of pictures: an avatar in every state, gesture and viseme, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import skia

from greenroom.avatar.motion.motion import Motion
from greenroom.avatar.packs.pack import AvatarPack
from greenroom.avatar.ports import Activity, Gesture, GestureCue, Pixels, Pose
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.visemes import VISEMES, Weights, at_rest

_RATE = 25
_SETTLED = 3.0  # seconds until a state is seen as it is
_CLOSER = 1.7  # how much larger faces are where the mouth is looked at
_LABEL, _GAP = 22, 4  # pixels
_PAPER, _INK = 0xFFFFFFFF, 0xFF303540
_GESTURES: tuple[tuple[Gesture, float], ...] = (
    ("nod", 0.24), ("shake", 0.5), ("smile", 1.2), ("wave", 0.84), ("look", 0.7)
)  # fmt: skip
"""Each with the seconds after which it is seen best."""


@dataclass(frozen=True, slots=True)
class _Cell:
    label: str
    pose: Pose
    closer: bool = False


def draw_sheet(packs: Sequence[AvatarPack], cell: int, columns: int) -> Pixels:
    """Every avatar's cells, `cell` pixels wide, in so many columns; BGRA, shape (height, width, 4).

    Blocks: some hundred milliseconds for each avatar.
    """
    cells = _cells()
    rows = -(-len(cells) // columns)
    height, width = rows * (cell + _LABEL + _GAP), columns * (cell + _GAP)
    sheet = np.zeros((len(packs) * height, width, 4), np.uint8)
    surface = skia.Surface.MakeRasterDirect(
        skia.ImageInfo.Make(
            width,
            len(packs) * height,
            skia.ColorType.kBGRA_8888_ColorType,
            skia.AlphaType.kPremul_AlphaType,
        ),
        sheet,
        sheet.strides[0],
    )
    canvas = surface.getCanvas()
    canvas.clear(_PAPER)
    write = _Writer(canvas)
    for number, pack in enumerate(packs):
        whole = SkiaPuppet(pack, cell, cell)
        close = SkiaPuppet(pack, round(cell * _CLOSER), round(cell * _CLOSER))
        for at, one in enumerate(cells):
            row, column = divmod(at, columns)
            x, y = column * (cell + _GAP), number * height + row * (cell + _LABEL + _GAP)
            sheet[y : y + cell, x : x + cell] = _picture(close if one.closer else whole, one, cell)
            write(f"{pack.manifest.name}: {one.label}", x + 2, y + cell + _LABEL - 7)
    return sheet


def save_png(picture: Pixels, path: Path) -> None:
    """Write BGRA pixels as a PNG file. Raises OSError."""
    image = skia.Image.fromarray(
        np.ascontiguousarray(picture),
        skia.ColorType.kBGRA_8888_ColorType,
        skia.AlphaType.kOpaque_AlphaType,
    )
    path.write_bytes(bytes(image.encodeToData()))


class _Writer:
    """Writes labels in whatever font there is; where there is none, they are left out."""

    def __init__(self, canvas: Any) -> None:
        face = skia.FontMgr.RefDefault().legacyMakeTypeface("", skia.FontStyle.Normal())
        self._font = None if face is None else skia.Font(face, 13)
        self._canvas, self._ink = canvas, skia.Paint(AntiAlias=True, Color=_INK)

    def __call__(self, text: str, x: int, y: int) -> None:
        if self._font is not None:
            self._canvas.drawString(text, x, y, self._font, self._ink)


def _picture(puppet: SkiaPuppet, one: _Cell, cell: int) -> Pixels:
    puppet.draw(one.pose)
    height, width = puppet.pixels.shape[:2]
    left, top = (width - cell) // 2, (height - cell) * 6 // 10
    return puppet.pixels[top : top + cell, left : left + cell]


def _cells() -> list[_Cell]:
    cells = [_Cell("rest", Pose())]
    activities: tuple[Activity, ...] = ("idle", "listening", "thinking", "speaking")
    cells += [_Cell(activity, _after(activity)) for activity in activities]
    cells.append(_Cell("blink", replace(_after("idle"), left_lid=1.0, right_lid=1.0)))
    cells += [
        _Cell(name, _after("idle", GestureCue(name, 0.8, -0.3), seconds))
        for name, seconds in _GESTURES
    ]
    cells += [_Cell(viseme, Pose(visemes=_only(viseme)), closer=True) for viseme in VISEMES]
    return cells


def _after(activity: Activity, cue: GestureCue | None = None, seconds: float = 0.0) -> Pose:
    """The pose that a state has come to, so many seconds after a gesture began; eyes open."""
    motion, step = Motion(1), 1 / _RATE
    weights = _only("aa") if activity == "speaking" else at_rest()
    loudness = -20.0 if activity == "speaking" else -90.0
    pose = Pose()
    for _ in range(round(_SETTLED * _RATE)):
        pose = motion.step(step, weights, loudness, activity, ())
    for at in range(round(seconds * _RATE)):
        cues = (cue,) if cue is not None and at == 0 else ()
        pose = motion.step(step, weights, loudness, activity, cues)
    return replace(pose, left_lid=min(pose.left_lid, 0.15), right_lid=min(pose.right_lid, 0.15))


def _only(viseme: str) -> Weights:
    weights = np.zeros(len(VISEMES), np.float32)
    weights[VISEMES.index(viseme)] = 1.0
    return weights
