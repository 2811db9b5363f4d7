from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.speech.spoken_text import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It costs $89.99.", "It costs 89 dollars and 99 cents."),
        ("$0.99 or £1.01", "99 cents or 1 pound and 1 penny"),
        ("$1,299 or €5.00", "1,299 dollars or 5 euros"),
        ("$50-$100", "50 dollars to 100 dollars"),
        ("$1.5 million", "1.5 million dollars"),
        ("$2.5", "2.5 dollars"),
        ("20 USD, EUR 1", "20 dollars, 1 euro"),
        ("5kg, 1 kg and 32°C", "5 kilograms, 1 kilogram and 32 degrees Celsius"),
        ("a 15-inch screen, 10 in stock, 30% off", "a 15-inch screen, 10 in stock, 30 percent off"),
        ("6ft by 5x10 cm", "6 feet by 5 by 10 centimeters"),
        ("10-12 days, call 555-123", "10 to 12 days, call 555-123"),
        ("4.5/5 stars", "4.5 out of 5 stars"),
        ("size XL & up, e.g. this", "size extra large and up, for example this"),
        ("No. 5 vs. #6", "number 5 versus number 6"),
        ("**Bold** and _slanted_ `code`", "Bold and slanted code"),
        ("snake_case", "snake_case"),
        ("[the shop](https://x.y/z)", "the shop"),
        ("see https://www.example.com/a?b=1 now", "see example.com now"),
        ("# Title\n- one\n2. two", "Title. one. two"),
        ("<break time='1s'/>hi [laughs] there", "hi there"),
        ("nice 🎉👍🏽 day", "nice day"),
        ("a | b\n---|---\n1 | 2", "a, b. 1, 2"),
        ("Hello — world", "Hello, world"),
        ("```python\nprint(1)\n```done", "done"),
        ("me@example.com", "me at example.com"),
    ],
)
def test_writing_becomes_speech(written: str, said: str) -> None:
    assert spoken(written).text == said


@pytest.mark.parametrize("text", ["", "...!", "🎉", "** **", "---"])
def test_nothing_to_say_is_nothing(text: str) -> None:
    assert spoken(text).pieces() == []


def test_each_word_knows_where_it_was_written() -> None:
    written = "**It** costs $89.99 🎉 today"
    result = spoken(written)
    places = {m[0]: result.written_at(m.start()) for m in re.finditer(r"\w+", result.text)}
    assert places["It"] == written.index("It")
    assert places["costs"] == written.index("costs")
    assert places["89"] == written.index("$")
    assert places["cents"] < written.index("today")
    assert places["today"] == written.index("today")


@given(st.text(max_size=300))
def test_any_text_keeps_its_places_in_order_and_in_bounds(written: str) -> None:
    result = spoken(written)
    assert len(result.offsets) == len(result.text)
    assert list(result.offsets) == sorted(result.offsets)
    assert all(0 <= place < len(written) for place in result.offsets)
    assert not any(char in result.text for char in "\0\n*`")


def test_a_long_text_is_cut_after_sentences_or_words_and_nothing_is_lost() -> None:
    sentences = "This is a sentence of some words. " * 40
    pieces = spoken(sentences).pieces(limit=200)
    assert all(len(piece.text) <= 200 and piece.text.endswith(". ") for piece in pieces[:-1])
    assert "".join(piece.text for piece in pieces) == sentences.strip()
    assert [len(p.text) for p in spoken("x" * 500).pieces(limit=200)] == [200, 200, 100]
    assert all(len(p.text) <= 200 for p in spoken("word " * 100).pieces(limit=200))
    first = pieces[1]
    assert sentences[first.written_at(0) :].startswith(first.text)
