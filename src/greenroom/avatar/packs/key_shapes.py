"""Key shapes: the same parts drawn several times, between which a puppet blends point by point.

A file holds one group for each key (`aa`, `PP`, `left-open`). Each group holds the same parts in
the same order, as paths, circles or ellipses of the same structure. A part's name is its `class`,
or the name that Inkscape shows for the object. What lies in a group named `inside` is seen only
within the part before it that is named `opening`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from greenroom.avatar.packs.outlines import Outline, ellipse, parse_path
from greenroom.avatar.packs.paints import Paint, Style, opacity_of, paints_of, style_of
from greenroom.avatar.packs.problems import Problems
from greenroom.avatar.packs.svg import Drawing
from greenroom.avatar.packs.transforms import IDENTITY, Matrix, parse_transform

MAX_PARTS = 40
MAX_CURVES = 200
"""In all parts of one key: they are drawn many times a second."""

OPENING, INSIDE = "opening", "inside"


@dataclass(frozen=True, slots=True)
class Part:
    """One outline of a key shape: its structure and its paint, which all keys share."""

    name: str
    curves: tuple[int, ...]
    closed: tuple[bool, ...]
    inside: bool
    paints: tuple[Paint, ...]


@dataclass(frozen=True)
class KeyShapes:
    """`points`: shape (keys, n, 2), all parts' points one after the other; `alphas`: (keys, parts).

    Both are float32 and in the order of `keys`.
    """

    keys: tuple[str, ...]
    parts: tuple[Part, ...]
    points: npt.NDArray[np.float32]
    alphas: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A part as one key has it."""

    name: str
    inside: bool
    outline: Outline
    opacity: float
    style: Style


def read_key_shapes(
    drawing: Drawing, required: Sequence[str], optional: Sequence[str], problems: Problems
) -> KeyShapes | None:
    """The key shapes of a drawing, all `required` ones and what there is of the `optional`.

    The first required key gives names and paints. None, with the problems told, if they don't fit.
    """
    before = len(problems.found)
    keys, found = [], []
    for key in (*required, *optional):
        group = drawing.group(key)
        if group is not None:
            keys.append(key)
            found.append(list(_parts(drawing, key, group, problems)))
        elif key in required:
            problems.add(drawing.name, f"has no group with id {key!r}", f'<g id="{key}">')
    if len(problems.found) > before:
        return None
    base = found[0]
    for key, drawn in zip(keys, found, strict=True):
        _compare(f"{drawing.name} #{key}", base, drawn, keys[0], problems)
    parts = _painted(drawing, keys[0], base, problems)
    if len(problems.found) > before:
        return None
    points = [np.concatenate([part.outline.points for part in drawn]) for drawn in found]
    alphas = [[part.opacity for part in drawn] for drawn in found]
    return KeyShapes(tuple(keys), parts, np.array(points, np.float32), np.array(alphas, np.float32))


def _parts(drawing: Drawing, key: str, group: ET.Element, problems: Problems) -> Iterator[_Drawn]:
    where = f"{drawing.name} #{key}"
    try:
        yield from _walk(group, *_context(drawing.root, group), inside=False)
    except ValueError as error:
        problems.add(where, str(error))


def _context(root: ET.Element, group: ET.Element) -> tuple[Style, Matrix, float]:
    """What a group has from the groups around it: style, transform and opacity."""
    parents = {child: parent for parent in root.iter() for child in parent}
    chain, at = [], group
    while at is not root:
        at = parents[at]
        chain.append(at)
    style: Style = {}
    matrix, opacity = IDENTITY, 1.0
    for element in reversed(chain):
        style = style_of(element, style)
        matrix = matrix @ parse_transform(element.get("transform", ""))
        opacity *= opacity_of(style)
    return style, matrix, opacity


def _walk(
    element: ET.Element, style: Style, matrix: Matrix, opacity: float, *, inside: bool
) -> Iterator[_Drawn]:
    style = style_of(element, style)
    opacity *= opacity_of(style)
    matrix = matrix @ parse_transform(element.get("transform", ""))
    name = element.get("class") or element.get("label") or element.tag
    if element.tag == "g":
        for child in element:
            yield from _walk(child, style, matrix, opacity, inside=inside or name == INSIDE)
        return
    outline = _outline(element)
    points = outline.points @ matrix[:2, :2].T + matrix[:2, 2]
    moved = Outline(outline.curves, outline.closed, points)
    yield _Drawn(name, inside, moved, opacity, style)


def _outline(element: ET.Element) -> Outline:
    def number(name: str) -> float:
        return float(element.get(name, "0"))

    if element.tag == "path":
        return parse_path(element.get("d", ""))
    if element.tag == "circle":
        return ellipse(number("cx"), number("cy"), number("r"), number("r"))
    if element.tag == "ellipse":
        return ellipse(number("cx"), number("cy"), number("rx"), number("ry"))
    raise ValueError(f"<{element.tag}> can't be blended; make it a path")


def _compare(
    where: str, base: list[_Drawn], parts: list[_Drawn], base_key: str, problems: Problems
) -> None:
    if len(base) != len(parts):
        names = ", ".join(part.name for part in base)
        problems.add(where, f"has {len(parts)} parts", f"{len(base)} as in #{base_key}: {names}")
        return
    for one, other in zip(base, parts, strict=True):
        if one.inside != other.inside:
            problems.add(f"{where} {one.name}", "is not inside as in the first key")
        if not one.outline.same_structure(other.outline):
            problems.add(
                f"{where} {one.name}",
                f"is made of {other.outline.describe()}",
                f"{one.outline.describe()}, as in #{base_key}",
            )


def _painted(
    drawing: Drawing, key: str, base: list[_Drawn], problems: Problems
) -> tuple[Part, ...]:
    where = f"{drawing.name} #{key}"
    curves = sum(sum(part.outline.curves) for part in base)
    if not base or len(base) > MAX_PARTS or curves > MAX_CURVES:
        problems.add(
            where,
            f"has {len(base)} parts with {curves} curves",
            f"1 to {MAX_PARTS} parts, at most {MAX_CURVES} curves",
        )
        return ()
    names = [part.name for part in base]
    first_inside = next((at for at, part in enumerate(base) if part.inside), None)
    if first_inside is not None and OPENING not in names[:first_inside]:
        problems.add(where, "has parts inside but no opening before them", 'class="opening"')
    parts = []
    for part in base:
        try:
            paints = paints_of(part.style, drawing.root)
        except ValueError as error:
            problems.add(f"{where} {part.name}", str(error))
            continue
        shape = part.outline
        parts.append(Part(part.name, shape.curves, shape.closed, part.inside, paints))
    return tuple(parts)
