"""Key shapes blended and drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import skia

from greenroom.avatar.packs.key_shapes import OPENING, KeyShapes, Part
from greenroom.avatar.packs.paints import Gradient, Paint

Shares: TypeAlias = npt.NDArray[np.float32]
"""How much of each key: shape (keys,), sum 1; single ones may lie outside 0 to 1."""
Box: TypeAlias = tuple[float, float, float, float]


class Blend:
    """One set of key shapes, as it is between its keys."""

    def __init__(self, shapes: KeyShapes, tolerance: float) -> None:
        """Movements of less than `tolerance` units are left out."""
        self._parts = shapes.parts
        self._keys = shapes.points.reshape(len(shapes.keys), -1)
        self._alpha_keys = shapes.alphas
        self._tolerance = tolerance
        self.box: Box = (0.0, 0.0, 0.0, 0.0)
        """Around everything, in units: left, top, right, bottom."""
        self._shares = b""
        self._points = np.full(self._keys.shape[1], np.inf, np.float32)
        self._alphas = np.zeros(len(shapes.parts), np.float32)
        self._paths = [skia.Path() for _ in shapes.parts]
        self._paints = [[_paint(one) for one in part.paints] for part in shapes.parts]
        self._strongest = [[one.colour[3] for one in part.paints] for part in shapes.parts]
        self._margin = 0.5 * max(
            (one.width for part in shapes.parts for one in part.paints), default=0.0
        )
        names = [part.name for part in shapes.parts]
        self._opening = names.index(OPENING) if OPENING in names else 0

    def set(self, shares: Shares) -> bool:
        """Take this shape. Returns whether that can be seen."""
        key = shares.tobytes()
        if key == self._shares:
            return False
        self._shares = key
        points, alphas = shares @ self._keys, shares @ self._alpha_keys
        if (
            float(np.abs(points - self._points).max()) < self._tolerance
            and float(np.abs(alphas - self._alphas).max()) < 0.02
        ):
            return False
        self._points, self._alphas = points, alphas
        values = points.tolist()
        xs, ys, margin = values[0::2], values[1::2], self._margin
        self.box = min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin
        at = 0
        for part, path in zip(self._parts, self._paths, strict=True):
            at = _trace(path, part, values, at)
        for paints, strongest, alpha in zip(
            self._paints, self._strongest, np.clip(alphas, 0, 1).tolist(), strict=True
        ):
            for paint, most in zip(paints, strongest, strict=True):
                paint.setAlphaf(most * alpha)
        return True

    def draw(self, canvas: Any, inside: Callable[[], None] | None = None) -> None:
        """Draw all parts; `inside` draws what lies first in the opening, clipped to it."""
        clipped = False
        for part, path, paints in zip(self._parts, self._paths, self._paints, strict=True):
            if part.inside != clipped:
                if clipped:
                    canvas.restore()
                else:
                    canvas.save()
                    canvas.clipPath(self._paths[self._opening], doAntiAlias=True)
                    if inside is not None:
                        inside()
                clipped = part.inside
            for paint in paints:
                if paint.getAlpha():
                    canvas.drawPath(path, paint)
        if clipped:
            canvas.restore()


def _trace(path: Any, part: Part, values: list[float], at: int) -> int:
    path.rewind()
    cubic = path.cubicTo
    for curves, closed in zip(part.curves, part.closed, strict=True):
        path.moveTo(values[at], values[at + 1])
        at += 2
        for _ in range(curves):
            cubic(*values[at : at + 6])
            at += 6
        if closed:
            path.close()
    return at


def _paint(paint: Paint) -> Any:
    result = skia.Paint(AntiAlias=True)
    result.setColor4f(skia.Color4f(*paint.colour))
    if paint.gradient is not None:
        result.setShader(_shader(paint.gradient))
    if paint.width:
        result.setStyle(skia.Paint.kStroke_Style)
        result.setStrokeWidth(paint.width)
        result.setStrokeJoin(skia.Paint.kRound_Join)
        if paint.round_ends:
            result.setStrokeCap(skia.Paint.kRound_Cap)
    return result


def _shader(gradient: Gradient) -> Any:
    offsets = [offset for offset, _ in gradient.stops]
    colours = [skia.Color4f(*colour).toColor() for _, colour in gradient.stops]
    if len(colours) == 1:
        offsets, colours = [0.0, 1.0], colours * 2
    matrix = skia.Matrix()
    matrix.set9(gradient.matrix.ravel().tolist())
    clamp = skia.TileMode.kClamp
    if gradient.radius:
        return skia.GradientShader.MakeTwoPointConical(
            gradient.end, 0.0, gradient.start, gradient.radius, colours, offsets, clamp, 0, matrix
        )
    ends = [gradient.start, gradient.end]
    return skia.GradientShader.MakeLinear(ends, colours, offsets, clamp, 0, matrix)
