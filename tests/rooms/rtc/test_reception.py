"""What is known of how a stream arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.reception import Reception

INFINITY = float("inf")


def reception(*sequences: int) -> Reception:
    """A stream of which these packets came, 20 ms apart."""
    made = Reception(5, sequences[0], 48_000)
    for number, sequence in enumerate(sequences):
        made.accept(sequence & 0xFFFF, number * 0.02)
    return made


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 400), min_size=1, max_size=80))
def test_each_packet_is_taken_once_and_losses_are_those_that_never_came(
    start: int, offsets: list[int]
) -> None:
    made = Reception(5, start, 48_000)
    base = made.accept(start, 0.0)
    came = {0}
    for offset in offsets:
        number = made.accept((start + offset) & 0xFFFF, 0.0)
        assert (number >= 0) == (offset not in came)
        if number >= 0:
            assert number == base + offset
        came.add(offset)
    assert made.lost == max(came) + 1 - len(came)
    assert set(made.missing) == {base + n for n in range(max(came)) if n not in came}
    assert list(made.missing) == sorted(made.missing)


def test_what_was_recovered_is_not_missing_and_not_taken_again() -> None:
    made = reception(10, 13)
    assert made.recover(11) == 0x10000 + 11
    assert made.recover(11) == -1
    assert made.recover(10) == -1
    assert made.recover(14) == -1
    assert made.accept(11, 1.0) == -1
    assert made.duplicates == 1


def test_numbers_are_extended_past_the_wraparound() -> None:
    made = reception(65_534)
    assert made.accept(2, 0.0) == 0x20002
    assert made.accept(65_535, 0.0) == 0x1FFFF
    assert made.recover(0) == 0x20000


def test_a_stray_packet_changes_nothing_and_two_in_a_row_start_anew() -> None:
    made = reception(100, 101)
    assert made.accept(40_000, 0.1) == -1
    assert made.accept(102, 0.1) == 0x10000 + 102
    assert made.restarts == 0
    assert made.accept(50_000, 0.1) == -1
    assert made.accept(50_001, 0.1) == 0x20000 + 50_001
    assert made.restarts == 1
    assert made.lost == 0


def test_what_may_be_missing_is_bounded() -> None:
    made = reception(0)
    for number in range(1, 20_000, 40):
        made.accept(number & 0xFFFF, 0.0)
    assert len(made.missing) <= 512
    assert min(made.missing) >= made.highest - 512


def test_missing_packets_are_asked_for_after_a_moment_and_again() -> None:
    made = reception(10)
    made.accept(13, 1.0)
    ask = {"interval": 0.1, "tries": 3, "age": 1.0}
    assert made.requests(1.005, **ask) == ([], pytest.approx(1.01))
    assert made.requests(1.01, **ask) == ([11, 12], pytest.approx(1.11))
    assert made.requests(1.02, **ask) == ([], pytest.approx(1.11))
    made.recover(12)
    assert made.requests(1.12, **ask) == ([11], pytest.approx(1.22))
    assert made.requests(1.23, **ask)[0] == [11]
    assert made.requests(1.4, **ask) == ([], INFINITY)


def test_packets_too_old_are_given_up() -> None:
    made = reception(10)
    made.accept(13, 1.0)
    assert made.requests(3.0, interval=0.1, tries=3, age=1.0) == ([], INFINITY)


def test_a_report_tells_what_was_lost_since_the_last() -> None:
    made = reception(0, 1, 2, 4)
    first = made.report(1.0)
    assert (first.ssrc, first.lost, first.fraction_lost) == (5, 1, 256 // 5)
    assert first.highest == 0x10004
    assert (first.last_report, first.delay) == (0, 0)
    made.accept(5, 1.0)
    made.last_report, made.last_report_at = 77, 1.0
    second = made.report(1.5)
    assert (second.lost, second.fraction_lost) == (1, 0)
    assert (second.last_report, second.delay) == (77, 32_768)


def test_a_packet_that_came_late_after_a_report_gives_no_negative_fraction() -> None:
    made = reception(0, 2)
    made.report(1.0)
    made.accept(1, 1.0)
    made.accept(3, 1.0)
    report = made.report(2.0)
    assert (report.lost, report.fraction_lost) == (0, 0)


def test_a_steady_stream_has_no_jitter() -> None:
    made = reception(0)
    for number in range(100):
        made.measure((0xFFFFFF00 + 960 * number) & 0xFFFFFFFF, 7 + 0.02 * number)
    assert made.jitter == pytest.approx(0, abs=1e-6)


def test_jitter_is_the_mean_deviation_of_the_transit() -> None:
    made = reception(0)
    for number in range(400):
        made.measure(960 * number, 0.02 * number + (0.005 if number % 2 else 0))
    assert made.jitter == pytest.approx(0.005, rel=0.01)
    assert made.report(9.0).jitter == pytest.approx(240, rel=0.01)


def test_packets_of_one_picture_count_once() -> None:
    made = reception(0)
    made.measure(0, 1.0)
    made.measure(0, 1.5)
    made.measure(960, 1.02)
    assert made.jitter == pytest.approx(0, abs=1e-6)


def test_a_silence_is_no_jitter() -> None:
    made = reception(0)
    made.measure(0, 1.0)
    made.measure(960, 31.0)
    assert made.jitter == 0
