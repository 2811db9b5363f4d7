"""What Whisper heard, and what it made up."""

from __future__ import annotations

import math

import pytest

from greenroom.speech.whisper_guards import (
    Decoding,
    confidence_of,
    judge,
    stability,
    unended,
    without_loops,
)
from greenroom.speech.whisper_hints import MAX_CHARACTERS, names_of


def decoding(
    text: str, *, logprob: float = -0.2, no_speech: float = 0.05, voiced: float = 2.0
) -> Decoding:
    return Decoding(text, logprob, no_speech, voiced)


def test_clear_speech_is_believed_with_its_confidence() -> None:
    text, confidence = judge(decoding("Show me running shoes under $100."))
    assert text == "Show me running shoes under $100."
    assert confidence == pytest.approx(math.exp(-0.2))


@pytest.mark.parametrize(
    "made_up",
    [
        decoding("Show me shoes.", voiced=0.05),
        decoding("Show me shoes.", logprob=-2.0),
        decoding("Show me shoes.", no_speech=0.8, logprob=-1.1),
        decoding("I would like to have three pairs of these blue shoes please.", voiced=0.3),
        decoding(""),
        decoding(" . "),
        decoding("[Music]"),
        decoding("♪♪ (applause)"),
        decoding("ha" * 200),
        decoding("Hello.", logprob=math.nan),
    ],
)
def test_what_the_sound_does_not_bear_out_is_no_words(made_up: Decoding) -> None:
    assert judge(made_up) == ("", 0.0)


@pytest.mark.parametrize("phrase", ["Thanks for watching!", "Thank you.", "you", "Bye-bye."])
def test_a_phrase_that_silence_is_known_for_needs_good_evidence(phrase: str) -> None:
    assert judge(decoding(phrase))[0] == phrase
    assert judge(decoding(phrase, no_speech=0.5)) == ("", 0.0)
    assert judge(decoding(phrase, logprob=-0.8)) == ("", 0.0)
    assert judge(decoding(phrase, voiced=0.15)) == ("", 0.0)


def test_an_echo_of_the_prompt_needs_good_evidence() -> None:
    prompt = {"quick", "feet", "jump", "rope"}
    assert judge(decoding("Quick Feet jump rope"), prompt)[0]
    assert judge(decoding("Quick Feet jump rope", logprob=-0.9), prompt) == ("", 0.0)
    assert judge(decoding("the jump rope please", logprob=-0.9), prompt)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no no no", "no no no"),
        ("no, no, no, no, no", "no,"),
        ("add it to the cart. " * 6, "add it to the cart."),
        ("so add it add it Add it add it please", "so add it please"),
        ("my number is 5 5 5 5", "my number is 5 5 5 5"),
        ("", ""),
    ],
)
def test_a_loop_is_said_once(text: str, expected: str) -> None:
    assert without_loops(text) == expected


def test_what_two_decodings_agree_on_is_stable() -> None:
    assert stability("", "show me") == 0
    assert stability("Show me.", "show me running shoes") == 0.5
    assert stability("show me shoes", "Show me shoes") == 1
    assert stability("show him", "show me the shoes") == 0.25
    assert stability("anything", "") == 0


def test_a_full_stop_that_only_marks_the_end_of_the_sound_goes() -> None:
    assert unended("Show me shoes under...") == "Show me shoes under"
    assert unended("Is it in stock?") == "Is it in stock?"


def test_confidence_is_a_probability() -> None:
    assert confidence_of(0.5) == 1
    assert confidence_of(-math.inf) == 0


def test_names_of_things_are_found_among_likely_sentences() -> None:
    names = ("quick feet jump rope", "fox trail shoe")
    ways = ("{}", "show me the {}", "how much is the {}", "{} please")
    sentences = [way.format(name) for name in names for way in ways]
    sentences += ["the first one", "add the first one", "show me the first one", "first one"]
    assert names_of(sentences) == names
    many = [way.format(f"thing{n} of glass") for n in range(1_000) for way in ways]
    assert 100 < len(", ".join(names_of(many))) <= MAX_CHARACTERS
    assert names_of(()) == ()
