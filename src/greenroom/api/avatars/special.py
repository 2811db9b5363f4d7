"""What `special` may ask for: gestures and what the avatar does, written as XML or JSON.

`<gesture name="look" x="0.3" y="-0.2"/>`, `<activity name="thinking"/>`, or several within one
element of any name; `{"gesture": "look", "x": 0.3, "y": -0.2}`, `{"activity": "thinking"}`, or a
list of these. Whatever else is there is ignored, with words why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast
from xml.etree import ElementTree as ET

import orjson

from greenroom.avatar.ports import GESTURES, Activity, GestureCue

ACTIVITIES: tuple[Activity, ...] = ("idle", "listening", "thinking")
"""What can be asked for; an avatar that is heard is `speaking` by itself."""

MAX_CONTENT = 16_384
"""Characters of a content."""
MAX_STEPS = 16
"""Steps of one content that are done."""

Step: TypeAlias = GestureCue | Activity


@dataclass(slots=True)
class Steps:
    """What is to be done, in order; and why the rest is not."""

    done: list[Step] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def add(self, values: Mapping[str, Any]) -> None:
        """Take `gesture` (with `x` and `y`) or `activity`, or both."""
        kinds = [kind for kind in _READERS if kind in values]
        if not kinds:
            self._ignore("neither a gesture nor an activity")
        for kind in kinds:
            if len(self.done) >= MAX_STEPS:
                self._ignore(f"more than {MAX_STEPS} steps")
                return
            try:
                self.done.append(_READERS[kind](values))
            except ValueError as error:
                self._ignore(str(error))

    def _ignore(self, why: str) -> None:
        if why not in self.ignored:
            self.ignored.append(why)


def read_special(content: str | Mapping[str, Any] | list[Any]) -> Steps:
    """What a content asks for. Never fails: what is not understood is ignored."""
    steps = Steps()
    try:
        parts = _parts(content) if isinstance(content, str) else content
    except ValueError as error:
        steps.ignored.append(str(error))
        return steps
    for part in parts if isinstance(parts, list) else [parts]:
        steps.add(part if isinstance(part, dict) else {})
    return steps


def _parts(text: str) -> Any:
    if len(text) > MAX_CONTENT:
        raise ValueError(f"content has more than {MAX_CONTENT} characters")
    text = text.strip()
    if text.startswith("<"):
        return _xml_parts(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("content is neither XML nor JSON") from None


def _xml_parts(text: str) -> list[dict[str, Any]]:
    """One mapping for each known element; the root itself may be one."""
    if "<!" in text:
        # No document types: with them come entities, which can grow without end.
        raise ValueError("content must not hold <!")
    try:
        root = ET.fromstring(text)  # noqa: S314 - no entities can be declared
    except ET.ParseError:
        raise ValueError("content is not well-formed XML") from None
    elements = [root] if root.tag in ("gesture", "activity") else list(root)
    return [{**element.attrib, element.tag: element.get("name", "")} for element in elements] or [
        {}
    ]


def _gesture(values: Mapping[str, Any]) -> GestureCue:
    for name in GESTURES:
        if values["gesture"] == name:
            return GestureCue(name, _place(values, "x"), _place(values, "y"))
    raise ValueError(f"no such gesture; known: {', '.join(GESTURES)}")


def _place(values: Mapping[str, Any], name: str) -> float:
    """A coordinate: -1 to 1, 0 where there is none."""
    value = values.get(name, 0.0)
    try:
        place = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        place = math.nan
    if not -1.0 <= place <= 1.0:
        raise ValueError(f"{name} must be a number from -1 to 1")
    return place


def _activity(values: Mapping[str, Any]) -> Activity:
    if values["activity"] not in ACTIVITIES:
        raise ValueError(f"no such activity; known: {', '.join(ACTIVITIES)}")
    return cast("Activity", values["activity"])


_READERS: dict[str, Callable[[Mapping[str, Any]], Step]] = {
    "gesture": _gesture,
    "activity": _activity,
}
