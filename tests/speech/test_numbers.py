from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.speech.numbers import to_digits, to_words


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("under one hundred dollars", "under 100 dollars"),
        ("one hundred and twenty", "120"),
        ("a hundred dollars", "100 dollars"),
        ("a thousand two hundred and five", "1205"),
        ("one fifty", "150"),
        ("seventy five", "75"),
        ("size ten and a half", "size 10.5"),
        ("ten point two five", "10.25"),
        ("two point", "2 point"),
        ("add two of them", "add 2 of them"),
        ("between fifty and one hundred and fifty dollars", "between 50 and 150 dollars"),
        ("between one hundred and two hundred", "between 100 and 200"),
        ("between one hundred and fifty dollars", "between 100 and 50 dollars"),
        (
            "between one hundred and fifty and two hundred dollars",
            "between 150 and 200 dollars",
        ),
        ("black and white", "black and white"),
        ("", ""),
    ],
)
def test_spoken_numbers_are_written_in_digits(said: str, written: str) -> None:
    assert to_digits(said) == written


@pytest.mark.parametrize("text", ["the first one", "which one is cheaper", "the twenty first one"])
def test_a_pronoun_or_an_ordinal_is_no_number(text: str) -> None:
    assert to_digits(text) == text


def test_one_is_a_number_where_only_a_number_fits() -> None:
    assert to_digits("size one for one dollar") == "size 1 for 1 dollar"


@given(st.integers(2, 999_999))
def test_a_number_survives_being_said_and_heard(value: int) -> None:
    assert to_digits(to_words(str(value))) == str(value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0", "zero"),
        ("1,299", "one thousand two hundred ninety nine"),
        ("9.5", "nine and a half"),
        ("9.50", "nine and a half"),
        ("7.25", "seven point two five"),
        ("5551234", "five five five one two three four"),
    ],
)
def test_digits_are_said_as_people_say_them(written: str, said: str) -> None:
    assert to_words(written) == said
