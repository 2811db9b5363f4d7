"""Drawings as pixels, at any quarter of a pixel.

This is what makes a moving puppet cheap. Skia copies an image quickly where it lies on whole
pixels; in between, turned or sheared it computes each pixel anew, ten to eighty times slower. So a
raster keeps itself sixteen times, each shifted by quarters of a pixel (made when they are first
asked for), and is only ever copied. A leaning head is drawn in strips of rows, each of which is
shifted by a quarter of a pixel against the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import skia  # type: ignore[import-not-found,import-untyped,unused-ignore]

from greenroom.avatar.packs.svg import Drawing
from greenroom.avatar.ports import Rect
from greenroom.avatar.puppet.damage import around
from greenroom.avatar.puppet.view import View
from greenroom.errors import InvalidInput

PHASES = 4
"""Positions in a pixel, each way."""
LEANS = 2048
"""A lean is told in steps of one pixel aside in so many rows."""
ROLL = 0.85
"""How much of a lean moves left and right up and down; most drawings only lean to the side."""
_TILE = 16
_WIDE = 1.6
_FINE = 2  # pixels of a drawing that is not yet shifted, for each pixel of the picture
_MARGIN = 120.0  # units that a drawing may move into the picture from outside

_NEAREST = skia.SamplingOptions(skia.FilterMode.kNearest)
_LINEAR = skia.SamplingOptions(skia.FilterMode.kLinear)
_FAST = skia.Canvas.SrcRectConstraint.kFast_SrcRectConstraint


class Placement(NamedTuple):
    """Where a raster lies: shifted by quarters of a pixel, leaning by LEANS-ths about a point.

    A positive lean shifts what is above the row `about_y` to the right.
    """

    x: int = 0
    y: int = 0
    lean: int = 0
    about_x: int = 0
    about_y: int = 0


@dataclass(slots=True)
class Raster:
    """A drawing in a view; `left` and `top` are where it lies when it is not shifted."""

    left: int
    top: int
    width: int
    height: int
    _fine: Any
    _seen: npt.NDArray[np.bool_]
    """Whether there is anything in each tile of _TILE pixels, and in those around it."""
    _shifted: dict[tuple[int, int], Any]

    @property
    def _wide(self) -> bool:
        """Whether its left and right are seen to go up and down when it leans, as of glasses."""
        return self.width > _WIDE * self.height

    def bounds(self, place: Placement, view: View) -> Rect | None:
        """What it covers of the picture."""
        left, top = self.left + place.x / PHASES, self.top + place.y / PHASES
        right, bottom = left + self.width, top + self.height
        lean = place.lean / LEANS
        aside = [(place.about_y - y) * lean for y in (top, bottom)]
        drop = [(x - place.about_x) * lean * ROLL for x in (left, right)] if self._wide else [0.0]
        return around(
            left + min(aside) - 1, top + min(drop) - 1,
            right + max(aside) + 2, bottom + max(drop) + 2, view.size,
        )  # fmt: skip

    def lies_in(self, place: Placement, rect: Rect) -> bool:
        """Whether there may be anything of it in a rectangle of the picture."""
        aside = [(place.about_y - y) * place.lean / LEANS for y in (rect[1], rect[3])]
        left, top = self.left + place.x / PHASES, self.top + place.y / PHASES
        tiles = self._seen[
            max(0, int(rect[1] - top) // _TILE) : max(0, int(rect[3] - top) // _TILE + 1),
            max(0, int(rect[0] - left - max(aside)) // _TILE) : max(
                0, int(rect[2] - left - min(aside)) // _TILE + 1
            ),
        ]
        return bool(tiles.any())

    def draw(self, canvas: Any, place: Placement, clip: Rect, strip: int = 1) -> None:
        """Draw what lies in `clip`; strips are shifted by `strip` PHASES against each other."""
        if place.lean == 0:
            self._copy(canvas, place.x, place.y)
        elif self._wide:
            self._draw_columns(canvas, place, clip, strip)
        else:
            self._draw_rows(canvas, place, clip, strip)

    def _copy(self, canvas: Any, x: int, y: int) -> None:
        image, left, top = self._image(x, y), self.left + x // PHASES, self.top + y // PHASES
        canvas.drawImage(image, left, top, _NEAREST)

    def _draw_rows(self, canvas: Any, place: Placement, clip: Rect, strip: int) -> None:
        """Each strip of rows is shifted aside."""
        top = self.top + place.y // PHASES
        slope = -place.lean * PHASES / LEANS
        rows = max(clip[1], top), min(clip[3], top + self.height + 1)
        for first, end, shift in _strips(rows, place.about_y, slope, strip):
            x = place.x + shift
            source = skia.Rect.MakeXYWH(0, first - top, self.width + 1, end - first)
            target = source.makeOffset(self.left + x // PHASES, top)
            canvas.drawImageRect(self._image(x, place.y), source, target, _NEAREST, None, _FAST)

    def _draw_columns(self, canvas: Any, place: Placement, clip: Rect, strip: int) -> None:
        """Each strip of columns is shifted down; all of it aside, by what its middle is."""
        middle = self.top + self.height / 2
        x = place.x + round((place.about_y - middle) * place.lean * PHASES / LEANS)
        left = self.left + x // PHASES
        slope = place.lean * ROLL * PHASES / LEANS
        columns = max(clip[0], left), min(clip[2], left + self.width + 1)
        for first, end, shift in _strips(columns, place.about_x, slope, strip):
            y = place.y + shift
            source = skia.Rect.MakeXYWH(first - left, 0, end - first, self.height + 1)
            target = source.makeOffset(left, self.top + y // PHASES)
            canvas.drawImageRect(self._image(x, y), source, target, _NEAREST, None, _FAST)

    def image(self) -> Any:
        """The drawing as it is when it lies on whole pixels."""
        return self._image(0, 0)

    def _image(self, x: int, y: int) -> Any:
        phase = x % PHASES, y % PHASES
        image = self._shifted.get(phase)
        if image is None:
            surface = skia.Surface(self.width + 1, self.height + 1)
            target = skia.Rect.MakeXYWH(
                phase[0] / PHASES, phase[1] / PHASES, self.width, self.height
            )
            source = skia.Rect.MakeWH(self.width * _FINE, self.height * _FINE)
            surface.getCanvas().drawImageRect(self._fine, source, target, _LINEAR, None, _FAST)
            image = surface.makeImageSnapshot().makeRasterImage()
            self._shifted[phase] = image
        return image


def _strips(
    lines: tuple[int, int], about: int, slope: float, strip: int
) -> Iterator[tuple[int, int, int]]:
    """Runs of lines (first, end) with one shift in PHASES, a multiple of `strip`.

    The shift grows by `slope` PHASES from line to line, and is 0 at `about`.
    """
    slope /= strip
    upward = 1 if slope > 0 else -1
    line, last = lines
    step = round((line - about) * slope)
    while line < last:
        end = math.floor(about + (step + upward / 2) / slope) + 1
        end = min(max(end, line), last)
        if end > line:
            yield line, end, step * strip
        line, step = end, step + upward


def rasterise(drawing: Drawing, view: View, rise: float = 0.0) -> Raster | None:
    """A drawing at a view's size; None where nothing of it can be seen.

    `rise`: units that it is drawn from below. Raises InvalidInput if Skia can't read it.
    """
    scale = view.scale
    x, y, width, height = drawing.box
    margin = _MARGIN * scale
    left, top = view.at(x, y)
    right, bottom = view.at(x + width, y + height)
    left, top = max(left, -margin), max(top, -margin)
    right = min(right, view.width + margin)
    bottom = min(bottom, view.height + margin + rise * scale)
    if left >= right or top >= bottom:
        return None
    corner = int(np.floor(left)), int(np.floor(top))
    size = int(np.ceil(right)) - corner[0], int(np.ceil(bottom)) - corner[1]
    pixels = _rendered(drawing, view, corner, size, _FINE, 0)
    return _trimmed(pixels, corner)


def background(drawing: Drawing, view: View) -> Any:
    """A drawing that fills the whole picture: BGRA pixels, shape (height, width, 4), opaque."""
    return _rendered(drawing, view, (0, 0), view.size, 1, 255)


def _rendered(
    drawing: Drawing,
    view: View,
    corner: tuple[int, int],
    size: tuple[int, int],
    fine: int,
    ground: int,
) -> Any:
    """Premultiplied BGRA, `fine` times as large, on a ground of nothing (0) or of white (255)."""
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream(drawing.text(), True))
    if dom is None:
        raise InvalidInput(drawing.name, "can't be drawn by Skia", "plain SVG")
    x, y, width, height = drawing.box
    dom.setContainerSize(skia.Size(width, height))
    pixels = np.full((size[1] * fine, size[0] * fine, 4), ground, np.uint8)
    surface = skia.Surface.MakeRasterDirect(_info(pixels), pixels, pixels.strides[0])
    canvas = surface.getCanvas()
    canvas.scale(fine, fine)
    left, top = view.at(x, y)
    canvas.translate(left - corner[0], top - corner[1])
    canvas.scale(view.scale, view.scale)
    dom.render(canvas)
    return pixels


def _trimmed(pixels: Any, corner: tuple[int, int]) -> Raster | None:
    seen = pixels[:, :, 3] > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    # A pixel of the picture's more on all sides, so that shifting blends the edge with nothing.
    top, bottom = int(rows[0]) // _FINE - 1, int(rows[-1]) // _FINE + 2
    left, right = int(columns[0]) // _FINE - 1, int(columns[-1]) // _FINE + 2
    trimmed = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE, 4), np.uint8)
    inner = pixels[max(0, top * _FINE) : bottom * _FINE, max(0, left * _FINE) : right * _FINE]
    y, x = max(0, -top * _FINE), max(0, -left * _FINE)
    trimmed[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
    return Raster(
        corner[0] + left,
        corner[1] + top,
        right - left,
        bottom - top,
        _image_of(trimmed),
        _tiles(trimmed[:, :, 3]),
        {},
    )


def _tiles(alpha: Any) -> npt.NDArray[np.bool_]:
    side = _TILE * _FINE
    rows, columns = -(-alpha.shape[0] // side), -(-alpha.shape[1] // side)
    padded = np.zeros((rows * side, columns * side), np.bool_)
    padded[: alpha.shape[0], : alpha.shape[1]] = alpha > 0
    here = np.pad(padded.reshape(rows, side, columns, side).any(axis=(1, 3)), 1)
    seen = np.zeros((rows, columns), np.bool_)
    for y in range(3):
        for x in range(3):
            seen |= here[y : y + rows, x : x + columns]
    return seen


def _info(pixels: Any) -> Any:
    return skia.ImageInfo.Make(
        pixels.shape[1],
        pixels.shape[0],
        skia.ColorType.kBGRA_8888_ColorType,
        skia.AlphaType.kPremul_AlphaType,
    )


def _image_of(pixels: Any) -> Any:
    return skia.Image.fromarray(
        np.ascontiguousarray(pixels),
        skia.ColorType.kBGRA_8888_ColorType,
        skia.AlphaType.kPremul_AlphaType,
    )
