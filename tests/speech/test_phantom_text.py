"""What a recogniser made up, and what it did not."""

from __future__ import annotations

import pytest

from greenroom.speech.phantom_text import is_phantom


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 1),
        (" ... ♪", 1),
        ("Subtitles by the Amara.org community", 5),
        ("Transcription by CastingWords", 5),
        ("you you you you you you you you you", 3),
        ("Okay. I'll see you. I'll see you. I'll see you. I'll see you. I'll see you.", 6),
        ("One, two, three, four, five, six, seven, eight, nine, ten", 0.3),
        ("ha" * 100, 5),
    ],
)
def test_nobody_says_that(text: str, seconds: float) -> None:
    assert is_phantom(text, seconds, weak=False)


@pytest.mark.parametrize("text", ["Thank you.", "Thanks for watching!", "you", "Bye-bye."])
def test_what_silence_is_often_taken_for_needs_evidence(text: str) -> None:
    assert is_phantom(text, 1.0, weak=True)
    assert not is_phantom(text, 1.0, weak=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("no no no no", 2),
        ("my number is five five five five oh one two", 3),
        ("Show me the red ones, the red ones please, not the blue ones.", 4),
        ("transcribed books", 1),
        ("I'd like a tent for two people, two sleeping bags and a lamp under fifty dollars.", 5),
        ("yes", 0.2),
        ("Ich hätte gern einen Rucksack für die Schule, am liebsten in Blau oder in Grün.", 5),
        ("Покажите мне красные кроссовки", 2),
    ],
)
@pytest.mark.parametrize("weak", [True, False])
def test_people_say_that(text: str, seconds: float, weak: bool) -> None:
    assert not is_phantom(text, seconds, weak=weak)
