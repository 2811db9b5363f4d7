"""A pack's drawings at one size. They are shared by all puppets of a process that look alike."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from greenroom.avatar.packs.manifest import HandLayer
from greenroom.avatar.packs.pack import AvatarPack, Brows, Eyes, Figure, Mouth, Still
from greenroom.avatar.puppet.raster import Raster, background, rasterise
from greenroom.avatar.puppet.view import View

KEPT = 4
"""Packs at a size that are kept though no puppet may use them: some 50 to 100 MB each."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Artwork:
    """`ground`: the background's pixels. `rasters` and `irises` are those of the pack's figures."""

    ground: Any
    figures: tuple[tuple[Figure, Raster | None], ...]
    irises: tuple[Raster | None, Raster | None]


_shared: WeakValueDictionary[tuple[AvatarPack, View], Artwork] = WeakValueDictionary()
_kept: OrderedDict[tuple[AvatarPack, View], Artwork] = OrderedDict()


def artwork(pack: AvatarPack, view: View) -> Artwork:
    """The artwork of a pack in a view, made once for all that use it at a time.

    Making it blocks for about a second of CPU at 720 lines. What was used last is kept for a while.
    """
    key = pack, view
    art = _shared.get(key)
    if art is None:
        art = _shared[key] = _made(pack, view)
    _kept[key] = art
    _kept.move_to_end(key)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return art


def _made(pack: AvatarPack, view: View) -> Artwork:
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
