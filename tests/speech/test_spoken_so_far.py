from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.speech.ports import SpeechChunk
from greenroom.speech.spoken_so_far import SpokenSoFar

RATE = 1_000
"""So that a sample is a millisecond."""

TEXT = "I have two pairs of running shoes"
WORDS = ((0, 0), (2, 100), (7, 400), (11, 600), (17, 1_000), (20, 1_100), (28, 1_600))


def after(samples: int, words: tuple[tuple[int, int], ...], text: str = TEXT) -> int | None:
    said = SpokenSoFar(text, RATE)
    said.add(SpeechChunk(np.zeros(samples, np.int16), words))
    assert said.samples == samples
    return said.resume_at()


def test_a_word_that_broke_off_is_spoken_again_and_no_other() -> None:
    assert after(800, WORDS) == TEXT.index("pairs")
    assert after(580, WORDS) == TEXT.index("pairs"), "'two' is as good as over"
    assert after(450, WORDS) == TEXT.index("two")


def test_where_the_next_word_is_not_known_the_pace_tells_whether_the_last_was_over() -> None:
    told = WORDS[:4]  # 600 ms for 11 characters
    assert after(700, told) == TEXT.index("pairs")
    assert after(900, told) == TEXT.index("of")
    assert after(1_600, told) == TEXT.index("shoes")
    assert after(4_000, told) == len(TEXT)


def test_without_a_pace_a_typical_one_is_taken() -> None:
    assert after(20, ((0, 0),)) == TEXT.index("have")
    assert after(20, ((2, 0),)) == TEXT.index("have")
    assert after(300, ((2, 0),)) == TEXT.index("two")


def test_silence_before_the_first_word_is_nothing_said() -> None:
    assert after(50, ((0, 60), (2, 160))) == 0


def test_sound_without_words_tells_nothing() -> None:
    assert after(500, ()) is None


@pytest.mark.parametrize("text", ["word", "two  words ", "", "…"])
def test_the_end_of_the_text_is_the_end(text: str) -> None:
    assert after(100_000, ((0, 0),), text) == len(text)


@settings(max_examples=40, deadline=None, database=None)
@given(st.integers(0, 3_000), st.integers(0, 7))
def test_it_goes_on_at_a_word_and_never_before_one_that_is_over(samples: int, told: int) -> None:
    where = after(samples, WORDS[:told])
    if where is None:
        assert told == 0
        return
    assert where in {*(offset for offset, _ in WORDS), len(TEXT)}
    over = [offset for (offset, _), (_, end) in pairwise(WORDS) if end <= samples]
    if told == len(WORDS):
        assert where > max(over, default=-1)
