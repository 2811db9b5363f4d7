"""Partial results are told once they are settled; the final one completes them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.duplex.cascade.turn_pieces import LONGEST_MS, Piece, TurnPieces

SENTENCE = "the quick brown fox jumps over the lazy dog and runs on through the dark wood"
WORDS = SENTENCE.split()


def told(pieces: Sequence[Piece]) -> str:
    return " ".join(piece.text for piece in pieces)


def test_a_short_turn_is_one_piece() -> None:
    turn = TurnPieces(1_000)
    assert turn.partial("hello", 1_500) == []
    assert turn.partial("hello there", 2_000) == []
    assert turn.final("Hello there.", 2_200) == [Piece("Hello there.", 1_000)]


def test_words_on_which_two_results_agree_are_told_after_two_seconds() -> None:
    turn = TurnPieces(0)
    assert turn.partial("one two", 800) == []
    assert turn.partial("one two three four", 1_600) == []
    assert turn.partial("one two three for five", 2_400) == [Piece("one two three", 0)]
    assert turn.final("one two three four five", 3_000) == [Piece("four five", 1_600)]


def test_the_last_word_may_still_grow() -> None:
    turn = TurnPieces(0)
    turn.partial("a dash", 1_000)
    assert turn.partial("a dash", 2_500) == [Piece("a", 0)]
    assert turn.final("a dashboard", 2_600) == [Piece("dashboard", 1_000)]


def test_capitals_and_marks_make_no_other_word() -> None:
    turn = TurnPieces(0)
    turn.partial("hello there my", 1_000)
    assert turn.partial("Hello, there my friend", 2_500) == [Piece("Hello, there my", 0)]
    assert turn.final("Hello there, my friend.", 2_600) == [Piece("friend.", 1_000)]


@pytest.mark.parametrize(
    ("final", "rest"),
    [
        ("I want to make a dashboard for sensors", "for sensors"),
        ("I want to bake a dashboard for sensors", "for sensors"),
        ("I wanted make a dashboard for sensors", "for sensors"),
        ("Well I do want to make a dashboard for sensors", "for sensors"),
        ("I want to make a dash board for sensors", "board for sensors"),
        ("I want to make a dashboard", ""),
        ("I want", ""),
        ("", ""),
    ],
)
def test_the_final_result_goes_on_behind_what_was_told_though_that_reads_otherwise(
    final: str, rest: str
) -> None:
    turn = TurnPieces(0)
    turn.partial("I want to make a dashboard for", 1_000)
    pieces = turn.partial("I want to make a dashboard four", 2_200)
    assert told(pieces) == "I want to make a dashboard"
    assert told(turn.final(final, 3_000)) == rest


def test_rare_partial_results_are_divided() -> None:
    turn = TurnPieces(0)
    turn.partial(" ".join(WORDS), 6_000)
    pieces = turn.partial(" ".join([*WORDS, "again"]), 6_500)
    assert told(pieces) == " ".join(WORDS)
    assert len(pieces) == 3
    assert pieces[0].began_ms == 0
    for piece, following in zip(pieces, [*pieces[1:], Piece("", 6_000)], strict=True):
        assert 0 < following.began_ms - piece.began_ms <= LONGEST_MS


def test_a_turn_without_partial_results_is_divided_by_its_length() -> None:
    pieces = TurnPieces(500).final(" ".join(WORDS), 10_500)
    assert told(pieces) == " ".join(WORDS)
    assert len(pieces) == 4
    assert max(len(piece.text) for piece in pieces) <= 30


@given(cuts=st.lists(st.integers(1, 5), max_size=40), interval=st.integers(100, 2_000))
def test_whatever_the_last_words_of_partial_results_are_nothing_is_lost_nor_doubled(
    cuts: list[int], interval: int
) -> None:
    said: list[str] = []
    turn = TurnPieces(0)
    pieces: list[Piece] = []
    now = 0.0
    for number, count in enumerate(cuts):
        said += [WORDS[(number + i) % len(WORDS)] + str(number) for i in range(count)]
        now += interval
        # The last word of each result is misheard.
        pieces += turn.partial(" ".join([*said[:-1], f"noise{number}"]), now)
    pieces += turn.final(" ".join(said), now)
    assert told(pieces) == " ".join(said)
    times = [piece.began_ms for piece in pieces]
    assert times == sorted(times)


@given(results=st.lists(st.lists(st.sampled_from(["abc", "d.", "E"]), max_size=50), max_size=12))
def test_any_results_give_words_of_theirs_in_order_of_time(results: list[list[str]]) -> None:
    turn = TurnPieces(0)
    pieces: list[Piece] = []
    for number, words in enumerate(results):
        pieces += turn.partial(" ".join(words), 700.0 * number)
    pieces += turn.final("abc d.", 700.0 * len(results))
    assert all(piece.text.strip() for piece in pieces)
    times = [piece.began_ms for piece in pieces]
    assert times == sorted(times)
