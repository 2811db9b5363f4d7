"""What is written of what is said, and how it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.duplex.ports import Said
from greenroom.duplex.transcript import (
    CHARACTER,
    MAX_SENTENCE,
    MAX_SHOWN,
    PAUSE,
    TranscriptKeeper,
    shown,
)
from greenroom.sessions.model import TranscriptEntry


class Book:
    def __init__(self) -> None:
        self.entries: list[TranscriptEntry] = []
        self.keeper = TranscriptKeeper(self.entries.append, "a")

    def say(self, *pieces: str, t: float = 0.0, step: float = 0.3) -> float:
        for piece in pieces:
            self.keeper.ai_words(piece, t)
            t += step
        return t

    @property
    def shown(self) -> list[tuple[str, str, float]]:
        return [(said.speaker, said.text, said.t) for said in shown(self.entries)]

    @property
    def sentences(self) -> dict[str, str]:
        return {entry.turn_id: entry.text for entry in self.entries}


def test_pieces_join_to_sentences_and_sentences_to_one_entry() -> None:
    book = Book()
    book.say("Hello", "!", " What", " would", " you", " like?", t=0.0)
    assert list(book.sentences.values()) == ["Hello!", "What would you like?"]
    assert book.shown == [("ai", "Hello! What would you like?", 0.0)]


def test_a_sentence_is_shown_while_it_grows() -> None:
    book = Book()
    book.say("I", t=1.0)
    assert book.shown == [("ai", "I", 1.0)]
    book.say(" am", " here", t=1.2)
    assert book.shown == [("ai", "I am here", 1.0)]
    assert len(book.sentences) == 1


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["3", ".", "5 metres"], ["3.5 metres"]),
        (["Yes. ", "No."], ["Yes.", "No."]),
        (["こんにちは。", "元気?"], ["こんにちは。", "元気?"]),
        (["One", " ", "two"], ["One two"]),
        ([" ", "", "\n"], []),
        (['"Stop!"', " he said"], ['"Stop!"', "he said"]),
        (["lone \ud800 half"], ["lone ? half"]),
    ],
)
def test_a_sentence_ends_where_a_space_follows_its_end(
    pieces: list[str], sentences: list[str]
) -> None:
    book = Book()
    book.say(*pieces, step=0.05)
    assert list(book.sentences.values()) == sentences


def test_the_ais_words_after_a_silence_are_an_entry_of_their_own() -> None:
    book = Book()
    book.say("Well", t=0.0)
    late = 4 * CHARACTER + PAUSE + 0.1
    book.say(" then", t=late)
    assert book.shown == [("ai", "Well", 0.0), ("ai", "then", round(late, 4))]


def test_what_the_person_says_between_two_sentences_divides_them() -> None:
    book = Book()
    book.say("That is one.", t=0.0)
    book.say(" That is two.", t=1.0)
    assert book.shown == [("ai", "That is one. That is two.", 0.0)]
    book.keeper.user_words(" yes ", 0.6)  # told late: it had to be recognised
    assert book.shown == [
        ("ai", "That is one.", 0.0),
        ("user", "yes", 0.6),
        ("ai", "That is two.", 1.0),
    ]


def test_two_sides_that_speak_at_once_are_both_kept_in_the_order_of_their_beginnings() -> None:
    book = Book()
    book.say("I was", " about to say", t=2.0)
    book.keeper.user_words("but wait", 2.1)
    book.keeper.user_words("a moment", 1.9)
    assert [text for _, text, _ in book.shown] == [
        "a moment",
        "I was about to say",
        "but wait",
    ]


def test_the_persons_pieces_are_entries_of_their_own() -> None:
    book = Book()
    book.keeper.user_words("I want a dashboard", 0.0)
    book.keeper.user_words("for my sensors", 3.0)
    assert shown(book.entries) == (
        Said("user", "I want a dashboard", 0.0),
        Said("user", "for my sensors", 3.0),
    )
    book.keeper.user_words("   ", 4.0)
    assert len(book.entries) == 2


def test_a_reply_that_is_cut_ends_where_its_listener_stopped_hearing_it() -> None:
    book = Book()
    book.keeper.ai_words("Red shoes and blue shoes", 1.0)
    book.keeper.cut(1.0 + 11 * CHARACTER)
    (said,) = shown(book.entries)
    assert said.text == "Red shoes and"
    assert said.duration == pytest.approx(11 * CHARACTER, abs=1e-3)
    assert book.entries[-1].full_text == "Red shoes and blue shoes"
    book.say(" Sorry", t=2.0)
    assert [text for _, text, _ in book.shown] == ["Red shoes and Sorry"]
    assert len(book.sentences) == 2


def test_what_was_heard_is_not_cut() -> None:
    book = Book()
    book.say("Red", " shoes", " ", t=0.0)
    count = len(book.entries)
    book.keeper.cut(0.6)
    book.keeper.cut(0.7)
    assert len(book.entries) == count
    assert book.shown == [("ai", "Red shoes", 0.0)]


def test_an_entry_that_was_cut_to_nothing_is_not_shown() -> None:
    entries = [
        TranscriptEntry("1", "assistant", "Hm", reply_id="1", start_ms=0.0),
        TranscriptEntry("1", "assistant", "", reply_id="1", start_ms=0.0, full_text="Hm"),
    ]
    assert shown(entries) == ()


def test_a_long_turn_is_divided_between_its_sentences() -> None:
    book = Book()
    t = 0.0
    for _ in range(8):
        t = book.say(" This sentence has", " about fifty characters in it.", t=t, step=1.5)
    assert len(book.shown) == 2
    assert all(len(text) <= MAX_SHOWN for _, text, _ in book.shown)


def test_nobody_says_two_things_at_once() -> None:
    book = Book()
    book.say("A rather long sentence that was hurried through.", t=0.0)
    book.say(" And " + "x" * (MAX_SHOWN - 10), t=0.5)
    first, second = shown(book.entries)
    assert first.duration == 0.5
    assert second.t == 0.5


def test_a_model_without_full_stops_gets_its_words_divided() -> None:
    book = Book()
    book.say(*[" word"] * 300, step=0.01)
    assert all(len(text) <= MAX_SENTENCE + 5 for text in book.sentences.values())
    book = Book()
    book.say("x" * 5_000, step=0.0)
    assert sum(map(len, book.sentences.values())) == 5_000
    assert max(map(len, book.sentences.values())) <= 2 * MAX_SENTENCE


def test_it_is_known_whether_the_ai_is_in_the_middle_of_a_sentence() -> None:
    book = Book()
    keeper = book.keeper
    assert not keeper.is_speaking(0.0)
    assert keeper.begins_sentence("Good", 0.0)
    keeper.ai_words("Good", 0.0)
    assert keeper.is_speaking(0.5)
    assert not keeper.begins_sentence(" day.", 0.5)
    keeper.ai_words(" day.", 0.5)
    assert keeper.is_speaking(0.5 + 4 * CHARACTER - 0.01)
    assert not keeper.is_speaking(0.5 + 4 * CHARACTER + 0.01)
    assert keeper.begins_sentence(" Now", 0.9)


_PIECES = st.lists(
    st.tuples(st.text(max_size=30), st.floats(0, 3), st.sampled_from(["ai", "user", "cut"])),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(_PIECES)
def test_whatever_is_said_is_shown_in_order_and_nothing_is_lost(
    pieces: list[tuple[str, float, str]],
) -> None:
    book, t = Book(), 0.0
    words = ""
    for text, step, kind in pieces:
        t += step
        match kind:
            case "ai":
                book.keeper.ai_words(text, t)
                words += text
            case "user":
                book.keeper.user_words(text, t)
                words += text
            case _:
                # Long after: all was heard.
                t += 10.0
                book.keeper.cut(t)
    said = shown(book.entries)
    assert [entry.t for entry in said] == sorted(entry.t for entry in said)
    found = "".join("".join(entry.text.split()) for entry in said)
    expected = "".join(words.encode(errors="replace").decode().split())
    assert sorted(found) == sorted(expected)
