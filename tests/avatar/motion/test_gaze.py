"""Where the eyes look."""

from __future__ import annotations

from random import Random

import pytest

from greenroom.avatar.motion.gaze import NEAR, Gaze


def at(k: int) -> float:
    return k / 100


@pytest.fixture
def shifts() -> list[float]:
    return []


@pytest.fixture
def gaze(shifts: list[float]) -> Gaze:
    return Gaze(Random(2), shifts.append)


def test_who_thinks_looks_up_and_mostly_to_the_one_side(gaze: Gaze) -> None:
    gaze.change("thinking", -1.0, 0.0)
    seen = [gaze.direction(at(k)) for k in range(6_000)]
    aside = [x for x, y in seen if y < -0.25]
    assert len(aside) > 0.5 * len(seen)
    assert sum(x < 0 for x in aside) > 0.6 * len(aside)


def test_a_listener_looks_at_the_viewer_steadily(gaze: Gaze, shifts: list[float]) -> None:
    gaze.change("listening", 1.0, 0.0)
    seen = [gaze.direction(at(k)) for k in range(6_000)]
    assert sum(abs(x) <= NEAR and abs(y) <= NEAR for x, y in seen) > 0.94 * len(seen)
    assert not shifts


def test_small_saccades_take_less_time_than_large_ones(gaze: Gaze, shifts: list[float]) -> None:
    gaze.look(0.1, 0.0, 0.0, 2.0)
    assert gaze.direction(0.07)[0] == 0.1
    assert not shifts
    gaze.look(-1.0, 0.0, 1.0, 2.0)
    assert gaze.direction(1.07)[0] > -0.5
    assert gaze.direction(1.2) == (-1.0, 0.0)
    assert shifts == [1.0]


def test_a_look_that_was_asked_for_is_held_whatever_else_happens(gaze: Gaze) -> None:
    gaze.look(0.8, 0.5, 0.0, 1.5)
    gaze.direction(0.3)
    gaze.change("thinking", 1.0, 0.5)
    gaze.meet(0.6)
    assert all(gaze.direction(at(k)) == (0.8, 0.5) for k in range(60, 150))
    assert gaze.direction(2.5) != (0.8, 0.5)


def test_the_end_of_a_phrase_brings_the_eyes_back_to_the_viewer(gaze: Gaze) -> None:
    gaze.change("speaking", 1.0, 0.0)
    met = 0
    for second in range(1, 60):
        gaze.meet(float(second))
        x, y = gaze.direction(second + 0.45)
        met += abs(x) <= NEAR and abs(y) <= NEAR
    assert met > 50
