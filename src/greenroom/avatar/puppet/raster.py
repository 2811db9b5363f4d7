"""Drawings as pixels, at any quarter of a pixel.

This is what makes a moving puppet cheap. Skia copies an image quickly where it lies on whole
pixels; in between, turned or sheared it computes each pixel anew, ten to eighty times slower. So a
raster keeps itself sixteen times, each shifted by quarters of a pixel (made when they are first
asked for), and is only ever copied. A leaning head is drawn in bands of a few rows, each of them
shifted a little further than the one below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import skia

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
_BANDS = (8, 4)  # lines of a band, for a small and for a large lean
_LARGE = round(LEANS * 0.04)  # 2.3 degrees, a third of a pixel in eight lines
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
    _images: dict[tuple[int, int], Any] = field(default_factory=dict)
    _banded: dict[tuple[int, int, int], list[Any]] = field(default_factory=dict)

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

    def draw(self, canvas: Any, place: Placement, clip: Rect) -> None:
        """Draw what lies in `clip`."""
        if place.lean == 0:
            x, y = self.left + place.x // PHASES, self.top + place.y // PHASES
            canvas.drawImage(self._image(place.x, place.y), x, y, _NEAREST)
        elif self._wide:
            self._draw_columns(canvas, place, clip)
        else:
            self._draw_rows(canvas, place, clip)

    def _draw_rows(self, canvas: Any, place: Placement, clip: Rect) -> None:
        """Each band of rows is shifted aside."""
        band = _BANDS[abs(place.lean) > _LARGE]
        top = self.top + place.y // PHASES
        slope = place.lean * PHASES / LEANS
        start = place.x + (place.about_y - top - band / 2) * slope
        phases = [self._bands(x, place.y, band) for x in range(PHASES)]
        draw, left = canvas.drawImage, self.left
        for at in _bands_in(clip[1] - top, clip[3] - top, self.height, band):
            row = at * band
            x = round(start - row * slope)
            draw(phases[x % PHASES][at], left + x // PHASES, top + row, _NEAREST)

    def _draw_columns(self, canvas: Any, place: Placement, clip: Rect) -> None:
        """Each band of columns is shifted down; all of it aside, by what its middle is."""
        band = _BANDS[abs(place.lean) > _LARGE]
        middle = self.top + self.height / 2
        x = place.x + round((place.about_y - middle) * place.lean * PHASES / LEANS)
        left = self.left + x // PHASES
        slope = place.lean * ROLL * PHASES / LEANS
        start = place.y - (place.about_x - left - band / 2) * slope
        phases = [self._bands(x, y, band) for y in range(PHASES)]
        draw, top = canvas.drawImage, self.top
        for at in _bands_in(clip[0] - left, clip[2] - left, self.width, band):
            column = at * band
            y = round(start + column * slope)
            draw(phases[y % PHASES][at], left + column, top + y // PHASES, _NEAREST)

    def image(self) -> Any:
        """The drawing as it is when it lies on whole pixels."""
        return self._image(0, 0)

    def _image(self, x: int, y: int) -> Any:
        phase = x % PHASES, y % PHASES
        image = self._images.get(phase)
        if image is None:
            image = self._images[phase] = self._shifted(*phase)
        return image

    def _bands(self, x: int, y: int, band: int) -> list[Any]:
        key = x % PHASES, y % PHASES, band
        bands = self._banded.get(key)
        if bands is None:
            image = self._shifted(*key[:2])
            width, height = image.width(), image.height()
            if self._wide:
                boxes = [(at, 0, min(band, width - at), height) for at in range(0, width, band)]
            else:
                boxes = [(0, at, width, min(band, height - at)) for at in range(0, height, band)]
            bands = [image.makeSubset(skia.IRect.MakeXYWH(*box)) for box in boxes]
            self._banded[key] = bands
        return bands

    def _shifted(self, x: int, y: int) -> Any:
        surface = skia.Surface(self.width + 1, self.height + 1)
        target = skia.Rect.MakeXYWH(x / PHASES, y / PHASES, self.width, self.height)
        source = skia.Rect.MakeWH(self.width * _FINE, self.height * _FINE)
        surface.getCanvas().drawImageRect(self._fine, source, target, _LINEAR, None, _FAST)
        return surface.makeImageSnapshot().makeRasterImage()


def _bands_in(first: int, end: int, length: int, band: int) -> range:
    """The bands of `length` + 1 lines that have any of the lines from `first` to `end`."""
    return range(max(0, first) // band, -(-min(max(0, end), length + 1) // band))


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
