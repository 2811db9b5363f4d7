"""When the person's sound was spoken."""

from __future__ import annotations

import pytest

from greenroom.duplex import user_time
from greenroom.duplex.user_time import UserTime

RATE = 1_000


def test_sound_was_spoken_when_its_end_was_heard() -> None:
    time = UserTime(RATE)
    time.heard(80, 5.08)
    time.heard(80, 5.16)
    assert time.time_of(0.0, 9.0) == pytest.approx(5.0)
    assert time.time_of(0.12, 9.0) == pytest.approx(5.12)


def test_sound_that_wavers_on_its_way_has_no_gaps() -> None:
    time = UserTime(RATE)
    time.heard(100, 1.1)
    time.heard(100, 1.3)  # 0.1 late
    time.heard(100, 1.3)
    assert time.time_of(0.25, 9.0) == pytest.approx(1.25)


def test_sound_that_was_not_sent_leaves_a_gap() -> None:
    time = UserTime(RATE)
    time.heard(100, 1.1)
    time.heard(100, 4.1)
    assert time.time_of(0.05, 9.0) == pytest.approx(1.05)
    assert time.time_of(0.15, 9.0) == pytest.approx(4.05)
    assert time.time_of(0.02, 9.0) == pytest.approx(1.02)


def test_sound_faster_than_speech_is_spoken_one_piece_after_the_other_but_not_in_the_future() -> (
    None
):
    time = UserTime(RATE)
    time.heard(10_000, 1.0)
    assert time.time_of(0.5, 3.0) == pytest.approx(0.5)
    assert time.time_of(9.0, 3.0) == 3.0


def test_without_sound_it_was_spoken_now() -> None:
    assert UserTime(RATE).time_of(0.0, 2.5) == 2.5


def test_only_so_many_gaps_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_time, "MAX_GAPS", 2)
    time = UserTime(RATE)
    for second in range(1, 5):
        time.heard(100, float(second))
    assert time.time_of(0.0, 9.0) == 9.0
    assert time.time_of(0.35, 9.0) == pytest.approx(3.95)
