"""Breathing."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from greenroom.avatar.motion.breath import Breath
from greenroom.avatar.ports import Activity


@pytest.mark.parametrize("activity", ["idle", "listening", "thinking", "speaking"])
def test_breath_goes_in_and_out_twelve_to_eighteen_times_a_minute(activity: Activity) -> None:
    breath = Breath(Random(1))
    breath.change(activity)
    path = [breath.value(k / 50) for k in range(50 * 120)]
    assert sum(a < 0.5 <= b for a, b in itertools.pairwise(path)) / 2 == pytest.approx(15, abs=3)
    assert 0 <= min(path) <= max(path) <= 1


def test_a_speaker_breathes_in_faster_than_out() -> None:
    breath = Breath(Random(1))
    breath.change("speaking")
    path = [breath.value(k / 50) for k in range(50 * 60)]
    rising = sum(b > a for a, b in itertools.pairwise(path))
    falling = sum(b < a for a, b in itertools.pairwise(path))
    assert rising * 3 < falling
