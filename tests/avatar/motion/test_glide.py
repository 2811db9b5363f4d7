"""Movements: exact at both ends, smooth where they are broken off."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.avatar.motion.glide import PEAK, Glide, Track

MS = 0.001


def test_a_movement_begins_and_ends_exactly_and_rests() -> None:
    glide = Glide(0.25)
    glide.to(1.0, 2.0, 0.5)
    assert glide.value(2.0) == 0.25
    assert glide.value(2.25) == pytest.approx(0.625)
    assert [glide.value(at) for at in (2.5, 3.0, 100.0)] == [1.0, 1.0, 1.0]


def test_its_fastest_is_in_the_middle() -> None:
    glide = Glide()
    glide.to(1.0, 0.0, 1.0)
    path = [glide.value(k * MS) for k in range(1001)]
    speeds = [(b - a) / MS for a, b in itertools.pairwise(path)]
    assert max(speeds) == pytest.approx(PEAK, rel=1e-3)
    assert path == sorted(path)


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(0.001, 1.0), st.floats(0.05, 1.0)),
        min_size=1,
        max_size=8,
    )
)
def test_one_that_is_broken_off_goes_on_with_its_speed(
    movements: list[tuple[float, float, float]],
) -> None:
    glide, now = Glide(), 1.0
    for target, wait, seconds in movements:
        tiny = 1e-6
        before = glide.value(now - tiny), glide.value(now)
        glide.to(target, now, seconds)
        assert glide.value(now) == pytest.approx(before[1], abs=1e-9)
        after = glide.value(now + tiny)
        assert after - before[1] == pytest.approx(before[1] - before[0], abs=1e-8)
        now += wait
    assert glide.value(now + 1.0) == movements[-1][0]


def test_a_track_plays_one_movement_after_the_other_however_often_it_is_looked_at() -> None:
    keys = [(0.0, 1.0, 0.2), (0.2, -1.0, 0.3), (0.8, 0.0, 0.1)]
    often, seldom = Track(), Track()
    often.play(keys, 1.0, 0.5)
    seldom.play(keys, 1.0, 0.5)
    path = {k: often.value(1.0 + k * MS) for k in range(1000)}
    places = [path[k] for k in (0, 200, 500, 700, 900, 999)]
    assert places == pytest.approx([0.0, 0.5, -0.5, -0.5, 0.0, 0.0])
    assert [seldom.value(1.0 + k * MS) for k in (330, 870)] == [path[330], path[870]]


def test_a_track_forgets_what_was_to_come_when_it_plays_anew() -> None:
    track = Track()
    track.play([(0.0, 1.0, 0.1), (0.5, 0.0, 0.1)], 0.0)
    assert track.value(0.2) == 1.0
    track.play([(0.3, -1.0, 0.1)], 0.2)
    assert track.value(0.5) == 1.0
    assert track.value(0.6) == -1.0
