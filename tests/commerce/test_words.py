"""Numbers, sizes, sentences as they are heard, and sentences that shoppers say."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.commerce.hearing import normalise
from greenroom.commerce.lexicon import category_of, singular
from greenroom.commerce.numerals import replace_number_words, say_number
from greenroom.commerce.phrases import MAX_SENTENCES, likely_sentences
from greenroom.commerce.ports import Catalogue
from greenroom.commerce.sizes import canonical_color, canonical_size
from greenroom.commerce.wordings import expand, interleave, load_wordings


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("one hundred and fifty", "150"),
        ("a hundred dollars", "100 dollars"),
        ("one twenty", "120"),
        ("two fifty", "250"),
        ("forty nine ninety nine", "49 99"),
        ("ten and a half", "10.5"),
        ("nine point two five", "9.25"),
        ("the second one", "the second one"),
        ("number one", "number 1"),
        ("one of them", "1 of them"),
        ("two thousand three hundred", "2300"),
        ("a hundred and two hundred", "100 and 200"),
        ("a hundred and one fifty", "100 and 150"),
        ("a pair", "a pair"),
        ("no point", "no point"),
    ],
)
def test_number_words_become_digits(spoken: str, written: str) -> None:
    assert " ".join(replace_number_words(spoken.split())) == written


@given(st.integers(0, 999_999))
def test_a_spoken_number_is_read_back(number: int) -> None:
    spoken = say_number(number).split()
    # Alone, "one" may be a pronoun.
    assert replace_number_words(["number", *spoken]) == ["number", str(number)]


@given(st.text(max_size=200))
def test_any_text_can_be_heard(text: str) -> None:
    normalise(text)


def test_a_fraction_is_said_digit_by_digit() -> None:
    assert say_number(Decimal("49.50")) == "forty nine point five"
    assert say_number(Decimal("100.00")) == "one hundred"
    with pytest.raises(ValueError, match="-1"):
        say_number(-1)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ten", "10"), ("10", "10"), ("10.0", "10"), ("10.50", "10.5"), ("ten and a half", "10.5"),
        ("size 9", "9"), ("one", "1"), ("medium", "M"), ("Extra Large", "XL"), ("x-large", "XL"),
        ("xl", "XL"), ("15 pounds", "15 LB"), ("15 lb", "15 LB"), ("Check In", "CHECK IN"),
        ("", ""),
    ],
)  # fmt: skip
def test_sizes_have_one_spelling(written: str, canonical: str) -> None:
    assert canonical_size(written) == canonical


def test_colours_have_one_spelling() -> None:
    assert canonical_color("  Gray ") == canonical_color("grey") == "grey"


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("at the first won to my card", "add the first one to my cart"),
        ("running choose other one hundred dollars", "running shoes under 100 dollars"),
        ("I'll take it, please!", "i will take it please"),
        ("it's $1,299.50", "it is 1299.50 dollars"),
        ("size sighs ten", "size size 10"),
        ("is it in stuck", "is it in stock"),
        ("um hm uh", "hm"),
        ("i want to them", "i want 2 them"),
        ("add too of those", "add 2 of those"),
        ("i want to see them", "i want to see them"),
    ],
)
def test_what_is_misheard_in_a_shop_is_put_right(heard: str, meant: str) -> None:
    assert normalise(heard) == meant


@pytest.mark.parametrize(
    ("words", "one"),
    [("shoes", "shoe"), ("watches", "watch"), ("scarves", "scarf"), ("bodies", "body"),
     ("glass", "glass"), ("bus", "bus"), ("boxes", "box"), ("gas", "gas")],
)  # fmt: skip
def test_plurals_have_a_singular(words: str, one: str) -> None:
    assert singular(words) == one


def test_the_last_word_that_names_a_shelf_decides() -> None:
    assert category_of(["running", "vest"]) == "outerwear"
    assert category_of(["shoe", "bag"]) == "bags"
    assert category_of(["kayak"]) is None


async def test_likely_sentences_are_plain_many_and_always_the_same(catalogue: Catalogue) -> None:
    vocabulary = await catalogue.vocabulary()
    sentences = likely_sentences(vocabulary)
    assert sentences == likely_sentences(vocabulary)
    assert 2_000 <= len(sentences) <= MAX_SENTENCES
    assert len(set(sentences)) == len(sentences)
    assert all(re.fullmatch(r"[a-z']+(?: [a-z']+)*", sentence) for sentence in sentences)
    assert {
        "add the first one to my cart",
        "tell me about the comet running shoe",
        "what's in my cart",
        "do you have it in size ten",
        "tell me about the meadow two person tent",
    } <= set(sentences)
    assert any("running shoes" in sentence and "dollars" in sentence for sentence in sentences)


def test_a_big_vocabulary_does_not_crowd_out_the_cart() -> None:
    many = [f"model {'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]} shoe" for n in range(5_000)]
    sentences = likely_sentences([*many, "10 lb", "", "XL", "100% Wool"])
    assert len(sentences) <= MAX_SENTENCES
    assert "what's in my cart" in sentences


def test_a_shop_without_products_still_has_small_talk() -> None:
    assert "hello" in likely_sentences(())


def test_a_shop_of_another_trade_is_asked_for_its_own_things() -> None:
    sentences = set(
        likely_sentences(["Cedar Bypass Pruner", "Thistle Hedge Trimmer", "terracotta"])
    )
    assert {
        "do you have the cedar bypass pruner",
        "tell me about the thistle hedge trimmer",
        "hedge trimmers",
        "compare the first two",
        "what's your return policy",
    } <= sentences
    words = {word for sentence in sentences for word in sentence.split()}
    assert {"pruners", "terracotta", "cedar"} <= words


def test_the_words_of_many_titles_are_known_within_the_bound() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    brands = [f"{a}o{b}a{c}" for a in letters for b in letters for c in letters]
    sentences = likely_sentences(f"{brand} garden fork" for brand in brands * 6)
    assert len(sentences) <= MAX_SENTENCES
    words = {word for sentence in sentences for word in sentence.split()}
    assert set(brands[:1_500]) <= words
    assert len(words) < 5_000
    assert {"garden forks", "what's in my cart"} <= set(sentences)


def test_a_pattern_stands_for_every_choice() -> None:
    assert list(expand("(show|find) me (it|)")) == [
        "show me it", "show me", "find me it", "find me",
    ]  # fmt: skip
    assert list(expand("plain")) == ["plain"]


def test_groups_take_turns_until_all_are_done() -> None:
    assert list(interleave("abc", "x", "")) == ["a", "x", "b", "c"]


def test_every_section_of_the_wordings_has_patterns_that_can_be_filled() -> None:
    known = {
        "noun", "thing", "single", "one", "other", "color", "size", "wordsize", "price", "low",
        "count",
    }  # fmt: skip
    sections = load_wordings()
    assert len(sections) >= 12
    for name, wordings in sections.items():
        assert wordings, name
        for wording in wordings:
            assert set(re.findall(r"\{(\w+)\}", wording)) <= known, wording
            assert re.fullmatch(r"[a-z' {}]+", wording), wording
