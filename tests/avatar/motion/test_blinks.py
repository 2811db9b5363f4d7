"""Blinks have people's lengths and pauses."""

from __future__ import annotations

import itertools
from random import Random
from statistics import fmean

import pytest

from greenroom.avatar.motion.blinks import Blinks
from greenroom.avatar.ports import Activity

MS = 0.001


def blinks_of(blinks: Blinks, begin: float, end: float) -> list[tuple[float, float, float]]:
    """When each began, was shut, and was over."""
    found, began, shut = [], None, None
    for k in range(round(begin / MS), round(end / MS)):
        lid = blinks.value(k * MS)
        if lid > 0 and began is None:
            began, shut = k * MS, None
        if lid == 1.0 and shut is None:
            shut = k * MS
        if lid == 0 and began is not None:
            assert shut is not None, "a blink that did not shut the eye"
            found.append((began, shut, k * MS))
            began = None
    return found


@pytest.mark.parametrize("activity", ["idle", "listening", "thinking", "speaking"])
def test_blinks_are_quick_close_faster_than_they_open_and_come_every_few_seconds(
    activity: Activity,
) -> None:
    blinks = Blinks(Random(5))
    blinks.change(activity)
    found = blinks_of(blinks, 0, 300)
    for began, shut, over in found:
        assert 0.1 <= over - began <= 0.2
        assert shut - began < (over - shut)
    pauses = [b[0] - a[2] for a, b in itertools.pairwise(found)]
    doubles = [pause for pause in pauses if pause < 0.5]
    assert 0.03 < len(doubles) / len(found) < 0.25
    assert all(0.05 < pause < 0.16 for pause in doubles)
    assert all(2.0 <= pause <= 6.001 for pause in pauses if pause not in doubles)


def test_who_speaks_blinks_more() -> None:
    def mean(activity: Activity) -> float:
        blinks = Blinks(Random(1))
        blinks.change(activity)
        found = blinks_of(blinks, 0, 200)
        return fmean(b[0] - a[0] for a, b in itertools.pairwise(found))

    assert mean("speaking") < 0.85 * mean("idle")


def test_a_cause_brings_a_blink_but_not_right_after_another() -> None:
    blinks = Blinks(Random(3))
    _, _, over = blinks_of(blinks, 0, 4)[0]
    blinks.suggest(over + 0.2, 1.0)
    assert not blinks_of(blinks, over + 0.2, over + 1.0)
    blinks.suggest(over + 1.0, 0.0)
    assert not blinks_of(blinks, over + 1.0, over + 1.4)
    blinks.suggest(over + 1.4, 1.0)
    assert len(blinks_of(blinks, over + 1.4, over + 1.8)) == 1
