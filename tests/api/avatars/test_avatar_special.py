"""What `special` may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from greenroom.api.avatars.special import MAX_CONTENT, MAX_STEPS, Step, read_special
from greenroom.avatar.ports import GestureCue


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        ('<gesture name="nod"/>', [GestureCue("nod")]),
        ('  <gesture name="look" x="0.3" y="-0.2"/>\n', [GestureCue("look", 0.3, -0.2)]),
        ('<?xml version="1.0" encoding="UTF-8"?><gesture name="wave"/>', [GestureCue("wave")]),
        ('<activity name="thinking"/>', ["thinking"]),
        (
            '<special><activity name="listening"/><gesture name="smile"/></special>',
            ["listening", GestureCue("smile")],
        ),
        ('{"gesture": "shake"}', [GestureCue("shake")]),
        ('{"gesture": "look", "x": 1, "y": -1}', [GestureCue("look", 1.0, -1.0)]),
        ('{"activity": "idle"}', ["idle"]),
        ('[{"gesture": "nod"}, {"activity": "thinking"}]', [GestureCue("nod"), "thinking"]),
        ('{"gesture": "nod", "activity": "thinking"}', [GestureCue("nod"), "thinking"]),
        ({"gesture": "nod"}, [GestureCue("nod")]),
        ([{"activity": "listening"}], ["listening"]),
    ],
)
def test_gestures_and_activities_are_known_in_either_form(content: Any, steps: list[Step]) -> None:
    found = read_special(content)
    assert (found.done, found.ignored) == (steps, [])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "neither XML nor JSON"),
        ("nod", "neither XML nor JSON"),
        ("{", "neither XML nor JSON"),
        ("<gesture", "not well-formed"),
        ("<speak>Hello</speak>", "neither a gesture nor an activity"),
        ("<speak><emphasis/></speak>", "neither a gesture nor an activity"),
        ("5", "neither a gesture nor an activity"),
        ("{}", "neither a gesture nor an activity"),
        ({"emotion": "joy"}, "neither a gesture nor an activity"),
        ([["nod"]], "neither a gesture nor an activity"),
        ('<gesture name="dance"/>', "no such gesture; known: nod, shake, smile, wave, look"),
        ("<gesture/>", "no such gesture"),
        ({"gesture": ["nod"]}, "no such gesture"),
        ({"activity": "speaking"}, "no such activity; known: idle, listening, thinking"),
        ({"activity": {}}, "no such activity"),
        ({"gesture": "look", "x": 1.1}, "x must be a number from -1 to 1"),
        ({"gesture": "look", "y": "up"}, "y must be a number from -1 to 1"),
        ({"gesture": "look", "y": None}, "y must be a number from -1 to 1"),
        ({"gesture": "look", "x": 10**400}, "x must be a number from -1 to 1"),
        ('<gesture name="look" x="nan"/>', "x must be a number from -1 to 1"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><gesture name="nod"/>', "must not hold <!"),
        (" " * MAX_CONTENT + "{}", f"more than {MAX_CONTENT} characters"),
    ],
)
def test_what_is_not_understood_is_ignored_with_words_why(content: Any, why: str) -> None:
    found = read_special(content)
    assert found.done == []
    assert len(found.ignored) == 1
    assert why in found.ignored[0]


def test_what_is_understood_is_done_beside_what_is_not() -> None:
    found = read_special('<a><gesture name="nod"/><gesture name="fly"/><b/><c/></a>')
    assert found.done == [GestureCue("nod")]
    assert len(found.ignored) == 2


def test_no_content_has_more_steps_than_can_be_seen() -> None:
    found = read_special([{"gesture": "nod"}] * (MAX_STEPS + 5))
    assert len(found.done) == MAX_STEPS
    assert found.ignored == [f"more than {MAX_STEPS} steps"]
