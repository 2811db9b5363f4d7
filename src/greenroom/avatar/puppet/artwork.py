"""A pack's drawings at one size. They are shared by all puppets of a process that look alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from greenroom.avatar.packs.manifest import HandLayer
from greenroom.avatar.packs.pack import AvatarPack, Brows, Eyes, Figure, Mouth, Still
from greenroom.avatar.puppet.raster import Raster, background, rasterise
from greenroom.avatar.puppet.view import View

KEPT = 6
"""Packs at a size that are kept though no puppet may use them: some 20 to 60 MB each."""


@dataclass(frozen=True, slots=True)
class Artwork:
    """`ground`: the background's pixels. `rasters` and `irises` are those of the pack's figures."""

    ground: Any
    figures: tuple[tuple[Figure, Raster | None], ...]
    irises: tuple[Raster | None, Raster | None]


@lru_cache(maxsize=KEPT)
def artwork(pack: AvatarPack, view: View) -> Artwork:
    """The artwork of a pack in a view: made once, which takes some hundred milliseconds."""
    first, *others = pack.figures
    assert isinstance(first, Still)  # noqa: S101 - the manifest was checked
    figures: list[tuple[Figure, Raster | None]] = []
    irises: tuple[Raster | None, Raster | None] = (None, None)
    for figure in others:
        match figure:
            case Still(layer, drawing):
                rise = layer.rise if isinstance(layer, HandLayer) else 0.0
                figures.append((figure, rasterise(drawing, view, rise)))
            case Eyes():
                left, right = figure.irises
                irises = rasterise(left, view), rasterise(right, view)
                figures.append((figure, None))
            case Mouth() | Brows():
                figures.append((figure, None))
    return Artwork(background(first.drawing, view), tuple(figures), irises)
