"""The words of the trade, out of many sentences."""

from __future__ import annotations

from greenroom.speech.hint_words import hint_words

NAMES = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}lander" for i in range(300)]


def test_the_most_frequent_words_of_the_trade_come_first() -> None:
    sentences = ["show me a backpack", "a backpack please", "do you have jackets in 38"]
    assert hint_words(sentences, max_characters=100, max_words=10) == ["backpack", "jackets"]


def test_words_of_the_language_are_left_out_where_sentences_are_many() -> None:
    sentences = [f"search cheapest {name}" for name in NAMES]
    found = hint_words(sentences, max_characters=10_000, max_words=1_000)
    assert found == sorted(NAMES)


def test_both_bounds_hold() -> None:
    assert len(hint_words(NAMES, max_characters=10_000, max_words=7)) == 7
    found = hint_words(NAMES, max_characters=100, max_words=1_000)
    assert 80 < len(", ".join(found)) <= 100


def test_nothing_is_said_of_nothing() -> None:
    assert hint_words((), max_characters=100, max_words=10) == []
