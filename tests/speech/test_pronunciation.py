from __future__ import annotations

import pytest

from greenroom.speech.pronunciation import Pronunciations, words_of

KNOWN = {
    "ultra": ["AH L T R AH"],
    "boost": ["B UW S T"],
    "ear": ["IY R"],
    "bud": ["B AH D"],
    "buds": ["B AH D Z"],
    "hood": ["HH UH D"],
    "race": ["R EY S"],
    "jog": ["JH AA G"],
    "show": ["SH OW"],
    "t-shirt": ["T IY SH ER T"],
    "read": ["R IY D", "R EH D"],
}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("read", ["R IY D", "R EH D"]),
        ("ultraboost", ["AH L T R AH B UW S T"]),
        ("earbuds", ["IY R B AH D Z"]),
        ("hoodie", ["HH UH D IY"]),
        ("hoodies", ["HH UH D IY Z"]),
        ("races", ["R EY S IH Z"]),
        ("boosts", ["B UW S T S"]),
        ("buddy", ["B AH D IY"]),
        ("boosted", ["B UW S T IH D"]),
        ("raced", ["R EY S T"]),
        ("showed", ["SH OW D"]),
        ("jogs", ["JH AA G Z"]),
        ("xl", ["EH K S EH L"]),
        ("zoke", ["Z OW K"]),
        ("cyno", ["S IY N OW"]),
        ("yeti", ["Y EH T IH"]),
        ("tibble", ["T IH B L"]),
        ("", ["AH"]),
    ],
)
def test_a_word_has_the_pronunciation_that_fits_best(word: str, said: list[str]) -> None:
    assert Pronunciations(KNOWN).of(word) == said


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("Show me 10 T-shirts, under $99!", "show me ten t shirts under ninety nine"),
        ("a T-shirt & size 9.5", "a t-shirt and size nine and a half"),
        ("what\u2019s the kids' size", "what's the kids size"),
        ("", ""),
    ],
)
def test_a_sentence_becomes_words_that_can_be_heard(sentence: str, words: str) -> None:
    assert words_of(sentence, Pronunciations(KNOWN)) == words
