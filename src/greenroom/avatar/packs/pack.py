"""An avatar pack in memory: its manifest, its drawings and its key shapes, all of them checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from greenroom.avatar.packs.key_shapes import KeyShapes, read_key_shapes
from greenroom.avatar.packs.manifest import (
    MANIFEST,
    BrowsLayer,
    EyesLayer,
    Frame,
    HandLayer,
    Layer,
    Manifest,
    MouthLayer,
    StillLayer,
    read_manifest,
)
from greenroom.avatar.packs.problems import Problems
from greenroom.avatar.packs.svg import Drawing, read_drawing
from greenroom.avatar.visemes import VISEMES
from greenroom.errors import InvalidInput

WIDEST = 16 / 9
"""Of the pictures: a background reaches as far to both sides of the square."""


@dataclass(frozen=True, slots=True)
class Still:
    """A drawing that moves as a whole."""

    layer: StillLayer | HandLayer
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Mouth:
    """Keys: the visemes in their order, then `smile` if there is one."""

    layer: MouthLayer
    shapes: KeyShapes


@dataclass(frozen=True, slots=True)
class Eyes:
    """Left and right, as the viewer sees them. Keys: open, closed, then smile if there is one."""

    layer: EyesLayer
    shapes: tuple[KeyShapes, KeyShapes]
    irises: tuple[Drawing, Drawing]


@dataclass(frozen=True, slots=True)
class Brows:
    """Left and right, as the viewer sees them. Keys: rest, raised, lowered."""

    layer: BrowsLayer
    shapes: tuple[KeyShapes, KeyShapes]


Figure: TypeAlias = Still | Mouth | Eyes | Brows


@dataclass(frozen=True, slots=True)
class AvatarPack:
    """A pack. `figures` are its layers in their order; packs of one `digest` are the same."""

    digest: str
    manifest: Manifest = field(compare=False)
    figures: tuple[Figure, ...] = field(compare=False)

    @property
    def id(self) -> str:
        """The avatar's id."""
        return self.manifest.id


def load_pack(folder: Path) -> AvatarPack:
    """Read a pack. Blocks: it reads files, and takes some ten milliseconds.

    Raises InvalidInput, whose field is the file and what in it, and which says what would be right.
    """
    problems = Problems()
    pack = _read(folder, problems)
    problems.raise_first()
    assert pack is not None  # noqa: S101 - where there is no pack there are problems
    return pack


def check_pack(folder: Path) -> tuple[InvalidInput, ...]:
    """Everything that is wrong with a pack."""
    problems = Problems()
    _read(folder, problems)
    return tuple(problems.found)


def _read(folder: Path, problems: Problems) -> AvatarPack | None:
    if not folder.is_dir():
        problems.add(str(folder), "is not a folder", f"a folder with {MANIFEST} in it")
        return None
    manifest = read_manifest(folder, problems)
    if manifest is None:
        return None
    digest = hashlib.sha256(manifest.model_dump_json().encode())
    drawings: dict[str, Drawing | None] = {}
    figures = []
    for layer in manifest.layers:
        if layer.file not in drawings:
            drawings[layer.file] = read_drawing(folder / layer.file, problems)
        drawing = drawings[layer.file]
        if drawing is None:
            continue
        digest.update(drawing.text())
        if layer is manifest.layers[0]:
            _check_background(drawing, manifest.frame, problems)
        figure = _figure(layer, drawing, problems)
        if figure is not None:
            figures.append(figure)
    if problems.found:
        return None
    return AvatarPack(digest.hexdigest(), manifest, tuple(figures))


def _figure(layer: Layer, drawing: Drawing, problems: Problems) -> Figure | None:
    match layer:
        case StillLayer() | HandLayer():
            return Still(layer, drawing)
        case MouthLayer():
            mouth = read_key_shapes(drawing, VISEMES, ("smile",), problems)
            return None if mouth is None else Mouth(layer, mouth)
        case EyesLayer():
            eyes = _pair(drawing, ("open", "closed"), ("smile",), problems)
            irises = _iris(drawing, "left", problems), _iris(drawing, "right", problems)
            return None if eyes is None else Eyes(layer, eyes, irises)
        case BrowsLayer():
            brows = _pair(drawing, ("rest", "raised", "lowered"), (), problems)
            return None if brows is None else Brows(layer, brows)


def _pair(
    drawing: Drawing, required: tuple[str, ...], optional: tuple[str, ...], problems: Problems
) -> tuple[KeyShapes, KeyShapes] | None:
    left, right = (
        read_key_shapes(
            drawing,
            [f"{side}-{key}" for key in required],
            [f"{side}-{key}" for key in optional],
            problems,
        )
        for side in ("left", "right")
    )
    return None if left is None or right is None else (left, right)


def _iris(drawing: Drawing, side: str, problems: Problems) -> Drawing:
    group = f"{side}-iris"
    if not any(child.get("id") == group for child in drawing.root):
        problems.add(drawing.name, f"has no group with id {group!r} at the top", "the iris")
    return drawing.only(group)


def _check_background(drawing: Drawing, frame: Frame, problems: Problems) -> None:
    x, y, width, height = drawing.box
    left, top, size = frame
    side = size * (WIDEST - 1) / 2
    if x > left - side or x + width < left + size + side or y > top or y + height < top + size:
        needed = f"{left - side:.0f} {top:.0f} {size + 2 * side:.0f} {size:.0f}"
        problems.add(
            f"{drawing.name} viewBox", "does not fill a wide picture", f"at least {needed}"
        )
