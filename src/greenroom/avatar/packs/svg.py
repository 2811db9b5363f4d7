"""SVG files, read with care: bounded, with nothing in them that reaches outside.

A drawing is read into a tree of plain names, of which only what Skia can draw is kept and anything
else is a problem that is told. What is drawn is written out of that tree again, so nothing is drawn
that was not checked.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenroom.avatar.packs.manifest import read_bounded
from greenroom.avatar.packs.problems import Problems

MAX_SVG_BYTES = 512 * 1024
MAX_ELEMENTS = 3_000
MAX_DEPTH = 24
MAX_COST = 30_000
"""Elements that are drawn, with those that others refer to counted each time."""

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_LABEL = "{http://www.inkscape.org/namespaces/inkscape}label"
_SHOWN = frozenset({"g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
_DRAWN = _SHOWN | {
    "svg", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "filter",
    "feGaussianBlur", "feOffset", "feColorMatrix", "feComposite", "feBlend", "feFlood",
}  # fmt: skip
_LEFT_OUT = frozenset({"title", "desc", "metadata"})
_INSTEAD = {
    "text": "text as paths (in Inkscape: Path > Object to Path)",
    "use": "the drawing itself (in Inkscape: Edit > Clone > Unlink Clone)",
    "image": "drawn shapes; pictures can't be part of a pack",
    "style": "presentation attributes or style attributes (in Inkscape: Save as Plain SVG)",
}
_REFERENCE = re.compile(r"url\(\s*['\"]?([^)'\"]*)['\"]?\s*\)")


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG file that was checked. `box`: x, y, width and height that it shows (its viewBox)."""

    name: str
    box: tuple[float, float, float, float]
    root: ET.Element

    def text(self) -> bytes:
        """The drawing as an SVG document."""
        return ET.tostring(self.root)

    def group(self, group_id: str) -> ET.Element | None:
        """The group of this id."""
        for element in self.root.iter("g"):
            if element.get("id") == group_id:
                return element
        return None

    def only(self, group_id: str) -> Drawing:
        """The drawing of one group at the top of the file; what it refers to stays defined."""
        root = ET.Element("svg", self.root.attrib)
        for child in self.root:
            if child.tag not in _SHOWN or child.get("id") == group_id:
                root.append(copy.deepcopy(child))
        return Drawing(f"{self.name} #{group_id}", self.box, root)


def read_drawing(path: Path, problems: Problems) -> Drawing | None:
    """A checked drawing; None, with the problems told, if it can't be used."""
    data = read_bounded(path, MAX_SVG_BYTES, problems)
    if data is None:
        return None
    name, before = path.name, len(problems.found)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        problems.add(name, "has a DOCTYPE or ENTITY", "plain SVG without them")
        return None
    try:
        tree = ET.fromstring(data)  # noqa: S314 - there are no entities, and the size is bounded
    except ET.ParseError as error:
        problems.add(name, f"is not XML: {error}")
        return None
    if tree.tag != f"{_SVG}svg":
        problems.add(name, "is not an SVG drawing", 'xmlns="http://www.w3.org/2000/svg"')
        return None
    root = _Cleaner(name, problems).clean(tree)
    box = _box(name, root, problems)
    if len(problems.found) > before:
        return None
    _check_references(name, root, problems)
    return None if len(problems.found) > before else Drawing(name, box, root)


class _Cleaner:
    """Copies a tree without namespaces and without what other programs keep in it."""

    def __init__(self, name: str, problems: Problems) -> None:
        self._name, self._problems = name, problems
        self._count = 0
        self._told: set[str] = set()

    def clean(self, source: ET.Element) -> ET.Element:
        """The whole drawing."""
        root = self._copy(source, 0)
        for attribute in ("width", "height"):
            root.attrib.pop(attribute, None)
        root.set("xmlns", _SVG[1:-1])
        root.set("xmlns:xlink", _XLINK[1 : _XLINK.index("}")])
        return root

    def _copy(self, source: ET.Element, depth: int) -> ET.Element:
        self._count += 1
        result = ET.Element(source.tag.removeprefix(_SVG), self._attributes(source))
        if depth >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            self._tell("is too complicated", f"{MAX_ELEMENTS} elements, {MAX_DEPTH} deep")
            return result
        for child in source:
            if not isinstance(child.tag, str) or not child.tag.startswith(_SVG):
                continue  # comments, and what editors remember
            tag = child.tag.removeprefix(_SVG)
            if tag in _DRAWN:
                result.append(self._copy(child, depth + 1))
            elif tag not in _LEFT_OUT and not (tag == "style" and not (child.text or "").strip()):
                self._tell(f"has a <{tag}>, which is not drawn", _INSTEAD.get(tag, "no such thing"))
        return result

    def _attributes(self, source: ET.Element) -> dict[str, str]:
        kept = {key: value for key, value in source.attrib.items() if not key.startswith("{")}
        link = kept.pop("href", source.get(_XLINK))
        if link is not None:
            if not link.startswith("#"):
                self._tell("refers to something outside the file", 'href="#an-id-in-the-file"')
            kept["xlink:href"] = link
        if label := source.get(_LABEL):
            kept["label"] = label
        for value in kept.values():
            for target in _REFERENCE.findall(value):
                if not target.startswith("#"):
                    self._tell("refers to something outside the file", "url(#an-id-in-the-file)")
        return kept

    def _tell(self, problem: str, allowed: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            self._problems.add(self._name, problem, allowed)


def _box(name: str, root: ET.Element, problems: Problems) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = map(float, root.get("viewBox", "").replace(",", " ").split())
    except ValueError:
        width = height = x = y = 0.0
    if not (0 < width <= 10_000 and 0 < height <= 10_000 and abs(x) <= 10_000 and abs(y) <= 10_000):
        problems.add(f"{name} viewBox", "is missing or wrong", 'such as viewBox="0 0 1000 1000"')
    return x, y, width, height


def _targets(element: ET.Element) -> Iterator[str]:
    """The ids that an element itself refers to."""
    for key, value in element.attrib.items():
        if key == "xlink:href":
            yield value[1:]
        else:
            for target in _REFERENCE.findall(value):
                yield target[1:]


def _check_references(name: str, root: ET.Element, problems: Problems) -> None:
    """Everything that is referred to exists, nothing refers to itself, and the sum is bounded."""
    by_id = {element.get("id", ""): element for element in root.iter()}
    costs: dict[str, int] = {}
    open_ids: set[str] = set()

    def cost_of(target: str) -> int:
        if target in costs:
            return costs[target]
        if target not in by_id:
            problems.add(name, f"refers to #{target[:40]}, which is not in it")
            costs[target] = 0
        elif target in open_ids or len(open_ids) >= MAX_DEPTH:
            problems.add(f"{name} #{target[:40]}", "refers to itself")
            costs[target] = 0
        else:
            open_ids.add(target)
            costs[target] = cost(by_id[target])
            open_ids.discard(target)
        return costs[target]

    def cost(top: ET.Element) -> int:
        return sum(
            1 + sum(cost_of(target) for target in _targets(element)) for element in top.iter()
        )

    if cost(root) > MAX_COST:
        problems.add(name, "is too complicated", f"at most {MAX_COST} elements to be drawn")
