from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.speech.plausibility import plausible


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("show me running shoes under a hundred dollars", 2.4),
        ("no", 0.2),
        ("no no no no no not that one", 2.0),
        ("yes yes", 0.4),
        ("very very very very expensive", 1.5),
        ("thank you thank you thank you", 1.5),
        ("my number is zero zero zero zero zero zero zero zero zero", 4.0),
        ("5 5 5 5 5 5 5 5 5 5", 4.0),
        ("oh 800 oh 800 oh 800 oh 800", 4.0),
        ("I want the red one and the blue one and the green one and the black one", 4.0),
        ("", 0.0),
        ("supercalifragilisticexpialidocious", 0.6),
    ],
)
def test_what_can_have_been_said_passes_as_it_is(text: str, seconds: float) -> None:
    assert plausible(text, seconds) == text


def test_words_out_of_silence_are_not_believed() -> None:
    assert plausible("Thanks for watching!", 3.0, silent=True) == ""


def test_more_words_than_the_sound_has_room_for_are_not_believed() -> None:
    text = "Subtitles were made by the community of people who like to make subtitles for films"
    assert plausible(text, 0.5) == ""
    assert plausible(text, 4.0) == text
    assert plausible("word " * 100_000, 60.0) == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Thank you. " * 9, "Thank you."),
        ("so so so so so so so so so so", "so"),
        ("I want shoes, I want shoes, I want shoes, I want shoes,", "I want shoes"),
        ("Show me a tent and then " + "and then " * 5, "Show me a tent and then"),
        ("please " + "go on " * 6 + "with it", "please go on with it"),
    ],
)
def test_a_loop_is_left_once(text: str, left: str) -> None:
    assert plausible(text, 5.0) == left


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(st.sampled_from(["a", "b", "two", "7", "go,"]), max_size=60), st.floats(0, 80))
def test_what_is_believed_was_in_what_was_heard(words: list[str], seconds: float) -> None:
    believed = plausible(" ".join(words), seconds)
    heard = [word.strip(",") for word in words]
    rest = iter(heard)
    assert all(word.strip(",") in rest for word in believed.split())


def test_a_long_text_is_judged_in_no_time() -> None:
    text = "the a " * 800
    began = time.process_time()
    plausible(text, 75.0)
    assert time.process_time() - began < 0.05
