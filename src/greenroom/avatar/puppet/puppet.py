"""A puppet: a pack's artwork at one size, drawn in one pose after the other.

There are two pictures. The base holds what only moves (background, body, head) up to the first
feature; it changes when head or body do. The picture itself is the base with the features (mouth,
eyes, brows, hair in front) on top. A moving mouth so costs the copy of a small rectangle and some
outlines. What does not change at all costs a comparison.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import skia

from greenroom.avatar.packs.manifest import HandLayer, StillLayer
from greenroom.avatar.packs.pack import AvatarPack, Brows, Eyes, Mouth, Still
from greenroom.avatar.ports import Pixels, Pose, Rect
from greenroom.avatar.puppet.artwork import artwork
from greenroom.avatar.puppet.damage import merged
from greenroom.avatar.puppet.features import (
    BrowFeature,
    EyeFeature,
    Feature,
    HandFeature,
    MouthFeature,
    MovedFeature,
    drawn_in,
)
from greenroom.avatar.puppet.stance import Stance
from greenroom.avatar.puppet.view import View


class SkiaPuppet:
    """Draws poses; implements `avatar.ports.Puppet`. For one thread at a time.

    Raises InvalidInput if the pack holds a drawing that Skia can't read.
    """

    def __init__(self, pack: AvatarPack, width: int, height: int) -> None:
        view = View(width, height, pack.manifest.frame)
        self._artwork = art = artwork(pack, view)
        self._moves = pack.manifest.moves
        self._scale = view.scale
        self._stance: Stance | None = None
        self._ground = art.ground
        self._base_parts: list[Feature] = []
        self._features: list[Feature] = []
        for figure, raster in art.figures:
            match figure:
                case Still(HandLayer() as layer):
                    if raster is not None:
                        self._features.append(HandFeature(layer, raster, view))
                case Still(StillLayer() as layer):
                    if raster is not None:
                        moved = MovedFeature(raster, layer.on, layer.depth, view, self._moves)
                        (self._features or self._base_parts).append(moved)
                case Mouth(layer, shapes):
                    self._features.append(MouthFeature(shapes, layer.depth, view, self._moves))
                case Brows(layer, pair):
                    self._features += [
                        BrowFeature(shapes, layer.depth, view, self._moves, left=left)
                        for shapes, left in zip(pair, (True, False), strict=True)
                    ]
                case Eyes(layer, pair):
                    self._features += [
                        EyeFeature(
                            shapes, iris, layer.gaze, layer.depth, view, self._moves, left=left
                        )
                        for shapes, iris, left in zip(pair, art.irises, (True, False), strict=True)
                    ]
        self._base = np.empty((height, width, 4), np.uint8)
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._base_surface, self._base_canvas = _canvas_on(self._base)
        self._surface, self._canvas = _canvas_on(self._pixels)
        self._everything: Rect | None = (0, 0, width, height)

    @property
    def pixels(self) -> Pixels:
        """The picture as it was drawn last: BGRA, shape (height, width, 4), always this memory."""
        return self._pixels

    def draw(self, pose: Pose) -> tuple[Rect, ...]:
        """Draw, and return what has changed, as `avatar.ports.Puppet` says."""
        stance = Stance.of(pose, self._moves, self._scale)
        if stance == self._stance:
            stance = self._stance
        self._stance = stance
        of_base = self._update(self._base_parts, pose, stance)
        of_features = self._update(self._features, pose, stance)
        if self._everything is not None:
            of_base, self._everything = [self._everything], None
        base_damage = merged(of_base)
        for rect in base_damage:
            _copy(self._ground, self._base, rect)
            _draw(self._base_parts, self._base_canvas, rect)
        damage = merged([*base_damage, *of_features])
        for rect in damage:
            _copy(self._base, self._pixels, rect)
            _draw(self._features, self._canvas, rect)
        return damage

    @staticmethod
    def _update(features: list[Feature], pose: Pose, stance: Stance) -> list[Rect | None]:
        """Where these have changed: where they were and where they are."""
        damage: list[Rect | None] = []
        for feature in features:
            before = feature.bounds
            if feature.update(pose, stance):
                damage += [before, feature.bounds]
        return damage


def _canvas_on(pixels: Pixels) -> tuple[Any, Any]:
    info = skia.ImageInfo.Make(
        pixels.shape[1],
        pixels.shape[0],
        skia.ColorType.kBGRA_8888_ColorType,
        skia.AlphaType.kPremul_AlphaType,
    )
    surface = skia.Surface.MakeRasterDirect(info, pixels, pixels.strides[0])
    return surface, surface.getCanvas()


def _copy(source: Pixels, target: Pixels, rect: Rect) -> None:
    left, top, right, bottom = rect
    target[top:bottom, left:right] = source[top:bottom, left:right]


def _draw(features: list[Feature], canvas: Any, rect: Rect) -> None:
    canvas.save()
    canvas.clipRect(skia.Rect(*rect))
    drawn_in(features, canvas, rect)
    canvas.restore()
