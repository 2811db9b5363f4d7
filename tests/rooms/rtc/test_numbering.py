"""Renumbering of packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.numbering import DROPPED, JUMPED, Renumbering, timestamp_distance


@pytest.mark.parametrize(
    ("later", "earlier", "distance"),
    [(5, 3, 2), (3, 5, -2), (1, 0xFFFFFFFF, 2), (0xFFFFFFFF, 1, -2), (0, 0, 0)],
)
def test_timestamps_wrap(later: int, earlier: int, distance: int) -> None:
    assert timestamp_distance(later, earlier) == distance


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(1, 200)), min_size=1, max_size=40))
def test_pieces_of_any_numbering_are_put_together_without_gaps(
    pieces: list[tuple[int, int]],
) -> None:
    numbers = Renumbering(64)
    expected = (numbers.highest + 1) & 0xFFFF
    for start, length in pieces:
        numbers.begin(start)
        for offset in range(length):
            assert numbers.place((start + offset) & 0xFFFF) == expected
            assert numbers.highest == expected
            expected = (expected + 1) & 0xFFFF


def test_the_first_numbers_are_small() -> None:
    for _ in range(50):
        numbers = Renumbering(64)
        numbers.begin(60_000)
        assert 1 <= numbers.place(60_000) <= 0x8000


@given(st.integers(0, 0xFFFF), st.integers(1, 2999), st.integers(0, 4000))
def test_a_packet_behind_the_newest_gets_the_number_that_was_left(
    start: int, skipped: int, behind: int
) -> None:
    numbers = Renumbering(512)
    numbers.begin(start)
    first = numbers.place(start)
    newest = numbers.place((start + skipped) & 0xFFFF)
    assert newest == (first + skipped) & 0xFFFF
    placed = numbers.place((start + skipped - behind) & 0xFFFF)
    if behind == 0 or 512 <= behind <= 3000 or skipped < behind <= 3000:
        assert placed == DROPPED
    elif behind > 3000:
        assert placed == JUMPED
    else:
        assert placed == (newest - behind) & 0xFFFF
    assert numbers.highest == newest


def test_a_long_way_from_the_beginning_late_packets_still_fit() -> None:
    numbers = Renumbering(512)
    numbers.begin(0)
    first = numbers.place(0)
    for number in range(1, 200_000):
        if number != 199_990:
            numbers.place(number & 0xFFFF)
    assert numbers.place(199_990 & 0xFFFF) == (first + 199_990) & 0xFFFF


def test_a_jump_is_told_and_changes_nothing() -> None:
    numbers = Renumbering(512)
    numbers.begin(100)
    placed = numbers.place(100)
    assert numbers.place(30_000) == JUMPED
    assert numbers.place(101) == (placed + 1) & 0xFFFF
