from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.conversation.sentences import MAX_SENTENCE, SentenceSplitter


def split(*pieces: str) -> list[str]:
    splitter = SentenceSplitter()
    sentences = [sentence for piece in pieces for sentence in splitter.push(piece)]
    return sentences + splitter.finish()


def test_a_sentence_is_given_as_soon_as_what_follows_shows_its_end() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("I found three. The fir") == ["I found three."]
    assert splitter.push("st costs $3.50") == []
    assert splitter.push("!") == []
    assert splitter.push(" ") == ["The first costs $3.50!"]
    assert splitter.finish() == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Martens are here. Good!", ["Dr. Martens are here.", "Good!"]),
        ("By J. R. Smith, e.g. this one. Yes", ["By J. R. Smith, e.g. this one.", "Yes"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("Well... maybe?! Yes", ["Well...", "maybe?!", "Yes"]),
        ("Two:\n\n1. Red ones\n2. Blue ones\n", ["Two:", "1. Red ones", "2. Blue ones"]),
        ("It is size M.\nNext", ["It is size M.", "Next"]),
        ("It costs 3.50 now.", ["It costs 3.50 now."]),
        ("--- ... !\n*** \n", []),
        ("", []),
    ],
)
def test_text_is_cut_where_a_reader_would_breathe(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_an_endless_sentence_is_cut_after_a_clause() -> None:
    text = "and " * 60 + "so, " + "on " * 60
    first = split(text)[0]
    assert first.endswith("so,")
    assert len(first) <= MAX_SENTENCE


def test_an_endless_word_is_cut_anywhere() -> None:
    assert [len(part) for part in split("a" * 700)] == [MAX_SENTENCE, MAX_SENTENCE, 140]


def test_a_long_line_of_dashes_is_not_spoken() -> None:
    assert split("-" * 700) == []


TEXT = st.lists(
    st.sampled_from(
        [*"ab1.,;!?\n \"')…-", "Dr.", "e.g.", "word ", "1. ", "Well. ", "long " * 30, "x" * 100]
    ),
    max_size=60,
).map("".join)


@settings(max_examples=40, deadline=None, database=None)
@given(TEXT, st.data())
def test_the_sentences_do_not_depend_on_how_the_text_came(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = split(text)
    assert split(*pieces) == whole
    assert split(*text) == whole
    assert all(0 < len(sentence) <= MAX_SENTENCE for sentence in whole)
    said = [c for c in "".join(whole) if c.isalnum()]
    assert said == [c for c in text if c.isalnum()]
