"""What is shaped by numbers: the mouth, the eyes, the brows and the waving hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import skia

from greenroom.avatar.packs.key_shapes import KeyShapes
from greenroom.avatar.packs.manifest import HandLayer, Moves, Place, Point
from greenroom.avatar.ports import Pose, Rect
from greenroom.avatar.puppet.blend import Blend, Box, Shares
from greenroom.avatar.puppet.damage import around
from greenroom.avatar.puppet.raster import PHASES, Placement, Raster
from greenroom.avatar.puppet.stance import Stance, matrix_of
from greenroom.avatar.puppet.view import View
from greenroom.avatar.visemes import VISEMES

_TOLERANCE = 0.12  # pixels
_LINEAR = skia.SamplingOptions(skia.FilterMode.kLinear)
_PUCKERED = np.array([viseme in {"PP", "FF", "CH", "oh", "ou"} for viseme in VISEMES], np.float32)


class Feature(Protocol):
    """Something that is drawn. It is given the same Stance object for as long as that is equal."""

    bounds: Rect | None

    def update(self, pose: Pose, stance: Stance) -> bool:
        """Take a pose, and set `bounds`. Returns whether that can be seen."""
        ...

    def draw(self, canvas: Any, clip: Rect) -> None:
        """Draw, in pixels; the canvas clips."""
        ...


class _Shaped:
    """Key shapes at a depth of the head."""

    def __init__(self, shapes: KeyShapes, depth: float, view: View, moves: Moves) -> None:
        self._blend = Blend(shapes, _TOLERANCE / view.scale)
        self._depth, self._view, self._moves = depth, view, moves
        self._stance: Stance | None = None
        self._matrix = skia.Matrix()
        self.bounds: Rect | None = None

    def _move(self, stance: Stance, shares: Shares) -> bool:
        shaped = self._blend.set(shares)
        if stance is self._stance and not shaped:
            return False
        if stance is not self._stance:
            self._stance, neck = stance, self._moves.neck
            self._matrix = matrix_of(
                stance.place("head", self._depth, self._view, neck), self._view, neck
            )
        self.bounds = _mapped(self._matrix, self._blend.box, self._view)
        return True

    def draw(self, canvas: Any, clip: Rect) -> None:  # noqa: ARG002 - the canvas clips
        """Draw, in pixels."""
        canvas.save()
        canvas.concat(self._matrix)
        self._blend.draw(canvas)
        canvas.restore()


class MouthFeature(_Shaped):
    """The mouth of the pose's visemes; a smile is added to it, less where the lips are rounded."""

    def __init__(self, shapes: KeyShapes, depth: float, view: View, moves: Moves) -> None:
        super().__init__(shapes, depth, view, moves)
        self._shares = np.zeros(len(shapes.keys), np.float32)

    def update(self, pose: Pose, stance: Stance) -> bool:
        """See Feature."""
        shares = self._shares
        shares[: len(VISEMES)] = pose.visemes
        if len(shares) > len(VISEMES):
            smile = pose.smile * (1 - 0.7 * float(pose.visemes @ _PUCKERED))
            shares[0] -= smile
            shares[-1] = smile
        return self._move(stance, shares)


class BrowFeature(_Shaped):
    """One brow: between rest, raised and lowered."""

    def __init__(
        self, shapes: KeyShapes, depth: float, view: View, moves: Moves, *, left: bool
    ) -> None:
        super().__init__(shapes, depth, view, moves)
        self._left = left

    def update(self, pose: Pose, stance: Stance) -> bool:
        """See Feature."""
        raised = pose.left_brow if self._left else pose.right_brow
        up, down = max(raised, 0.0), max(-raised, 0.0)
        return self._move(stance, np.array([1 - up - down, up, down], np.float32))


class EyeFeature(_Shaped):
    """One eye: its lids close over the iris, which looks where the pose looks."""

    def __init__(
        self, shapes: KeyShapes, iris: Raster | None, gaze: Point, depth: float, view: View,
        moves: Moves, *, left: bool,
    ) -> None:  # fmt: skip
        super().__init__(shapes, depth, view, moves)
        self._left, self._gaze, self._iris = left, gaze, iris
        self._smiles = len(shapes.keys) > 2
        self._iris_place = Placement()

    def update(self, pose: Pose, stance: Stance) -> bool:
        """See Feature."""
        lid = pose.left_lid if self._left else pose.right_lid
        smile = pose.smile * (1 - lid)
        shares = [1 - lid - smile, lid, smile] if self._smiles else [1 - lid, lid]
        moved = self._move(stance, np.array(shares, np.float32))
        place = self._place_of_iris(pose)
        looked = place != self._iris_place
        self._iris_place = place
        return moved or (looked and lid < 1)

    def _place_of_iris(self, pose: Pose) -> Placement:
        iris = self._iris
        if iris is None:
            return Placement()
        scale, (shift_x, shift_y) = self._view.scale, self._view.shift
        x, y = iris.left + iris.width / 2, iris.top + iris.height / 2
        gaze_x, gaze_y = pose.gaze_x * self._gaze[0], pose.gaze_y * self._gaze[1]
        at = self._matrix.mapXY((x - shift_x) / scale + gaze_x, (y - shift_y) / scale + gaze_y)
        return Placement(round((at.x() - x) * PHASES), round((at.y() - y) * PHASES))

    def draw(self, canvas: Any, clip: Rect) -> None:
        """Draw, in pixels."""
        canvas.save()
        canvas.concat(self._matrix)
        self._blend.draw(canvas, lambda: self._draw_iris(canvas, clip))
        canvas.restore()

    def _draw_iris(self, canvas: Any, clip: Rect) -> None:
        if self._iris is not None:
            canvas.save()
            canvas.resetMatrix()
            self._iris.draw(canvas, self._iris_place, clip)
            canvas.restore()


class HandFeature:
    """A hand that comes up from below and swings about its pivot."""

    def __init__(self, layer: HandLayer, raster: Raster, view: View) -> None:
        self._layer, self._raster, self._view = layer, raster, view
        self._state: tuple[int, ...] | None = None
        self._matrix = skia.Matrix()
        self.bounds: Rect | None = None

    def update(self, pose: Pose, stance: Stance) -> bool:
        """See Feature."""
        layer, scale = self._layer, self._view.scale
        below = layer.rise * (1 - pose.wave)
        x, y = stance.body[0] * scale, (stance.body[1] + below) * scale
        angle = layer.swing * pose.wave_angle * pose.wave
        state = None if pose.wave <= 0 else (round(x * 2), round(y * 2), round(angle * 4))
        if state == self._state:
            return False
        self._state = state
        if state is None:
            self.bounds = None
            return True
        self._matrix = (
            skia.Matrix.Translate(x, y) if angle else skia.Matrix.Translate(round(x), round(y))
        )
        self._matrix.preRotate(angle, *self._view.at(*layer.pivot))
        raster = self._raster
        box = raster.left, raster.top, raster.left + raster.width, raster.top + raster.height
        self.bounds = _mapped(self._matrix, box, self._view)
        return True

    def draw(self, canvas: Any, clip: Rect) -> None:  # noqa: ARG002 - the canvas clips
        """Draw, in pixels."""
        if self._state is None:
            return
        canvas.save()
        canvas.concat(self._matrix)
        canvas.drawImage(self._raster.image(), self._raster.left, self._raster.top, _LINEAR)
        canvas.restore()


class MovedFeature:
    """A drawing that moves as a whole."""

    def __init__(self, raster: Raster, on: Place, depth: float, view: View, moves: Moves) -> None:
        self._raster, self._on, self._depth = raster, on, depth
        self._view, self._moves = view, moves
        self._stance: Stance | None = None
        self._place: Placement | None = None
        self.bounds: Rect | None = None

    def update(self, pose: Pose, stance: Stance) -> bool:  # noqa: ARG002 - the stance says it all
        """See Feature."""
        if stance is self._stance:
            return False
        self._stance = stance
        place = stance.place(self._on, self._depth, self._view, self._moves.neck)
        if place == self._place:
            return False
        self._place, self.bounds = place, self._raster.bounds(place, self._view)
        return True

    def draw(self, canvas: Any, clip: Rect) -> None:
        """Draw what lies in `clip`, in pixels."""
        if self._place is not None and self._raster.lies_in(self._place, clip):
            self._raster.draw(canvas, self._place, clip)


def _mapped(matrix: Any, box: Box, view: View) -> Rect | None:
    rect = matrix.mapRect(skia.Rect(*box))
    return around(rect.left() - 1, rect.top() - 1, rect.right() + 1, rect.bottom() + 1, view.size)


def drawn_in(features: Iterable[Feature], canvas: Any, clip: Rect) -> None:
    """Draw those that lie in a rectangle, to which the canvas is clipped."""
    for feature in features:
        bounds = feature.bounds
        if (
            bounds is not None
            and bounds[0] < clip[2] and clip[0] < bounds[2]
            and bounds[1] < clip[3] and clip[1] < bounds[3]
        ):  # fmt: skip
            feature.draw(canvas, clip)
