"""Words are told when they begin to be heard, and turns in their order."""

from __future__ import annotations

import pytest

from greenroom.duplex.openai_realtime.reply import MS_PER_CHARACTER, Heard, Reply
from greenroom.duplex.openai_realtime.user_turns import MAX_OPEN, UserTurns
from greenroom.duplex.openai_realtime.voices import realtime_voice
from greenroom.duplex.voices import VOICES
from greenroom.errors import InvalidInput


def test_words_wait_for_their_sound() -> None:
    reply = Reply()
    reply.words("Good")
    assert reply.begun(0) == ""
    reply.sound("i", 0, 500)
    assert reply.begun(0) == "Good"
    reply.words(" morning")
    reply.sound("i", 0, 500)
    assert reply.begun(499) == ""
    assert reply.begun(500) == " morning"


def test_words_that_come_all_at_once_are_spread_at_the_pace_of_quick_speech() -> None:
    reply = Reply()
    for word in ("one ", "two ", "three"):
        reply.words(word)
    reply.sound("i", 0, 1_000)
    assert reply.begun(0) == "one "
    assert reply.begun(4 * MS_PER_CHARACTER) == "two "
    reply.words(" four")
    reply.complete()
    assert reply.begun(1_000) == "three four"


def test_words_without_enough_sound_are_told_at_its_end() -> None:
    reply = Reply()
    reply.words("a long word ")
    reply.words("or two")
    reply.sound("i", 0, 100)
    reply.complete()
    assert reply.begun(99) == "a long word "
    assert reply.begun(100) == "or two"


def test_an_interruption_says_how_much_of_which_item_was_heard() -> None:
    reply = Reply()
    reply.sound("a", 0, 400)
    reply.sound("a", 0, 400)
    reply.sound("b", 0, 1_000)
    reply.sound("c", 1, 300)
    assert reply.cut(1_000.6) == [Heard("b", 0, 200), Heard("c", 1, 0)]
    assert reply.cut(2_100) == []
    assert Reply().cut(0) == []


class Told(list[tuple[str, float]]):
    def __call__(self, text: str, began: float) -> None:
        self.append((text, round(began, 2)))


def test_turns_are_told_in_their_order_in_pieces_of_three_seconds() -> None:
    told = Told()
    turns = UserTurns(told)
    turns.started("a", 1_000)
    assert turns.speaking
    turns.stopped("a", 7_000)
    turns.committed("a", 7_100)
    turns.started("b", 8_000)
    turns.stopped("b", 9_000)
    assert not turns.speaking
    turns.known("b", "second")
    assert told == []
    turns.known("a", " ".join(["word"] * 12))
    assert [began for _, began in told] == [1.0, 3.0, 5.0, 8.0]
    assert all(text == "word word word word" for text, _ in told[:3])
    assert turns.open == 0
    turns.known("unknown", "x")
    turns.stopped("unknown", 1)
    assert len(told) == 4


def test_a_turn_that_is_ended_by_hand_gets_another_item() -> None:
    told = Told()
    turns = UserTurns(told)
    turns.started("a", 500)
    turns.committed("b", 1_500)
    turns.known("b", "done")
    assert told == [("done", 0.5)]


def test_a_turn_whose_words_never_come_does_not_hold_up_the_others_for_ever() -> None:
    told = Told()
    turns = UserTurns(told)
    turns.started("lost", 0)
    for n in range(MAX_OPEN):
        turns.started(str(n), 1_000 * n)
        turns.known(str(n), "x")
    assert len(told) == MAX_OPEN
    turns.started("more", 9_000)
    turns.give_up()
    assert turns.open == 0


def test_every_voice_is_a_womans_or_a_mans_as_its_name_says() -> None:
    women = {realtime_voice(name) for name in VOICES if name[3] == "F"}
    men = {realtime_voice(name) for name in VOICES if name[3] == "M"}
    assert len(women) == len(men) == 5
    assert not women & men
    with pytest.raises(InvalidInput, match="voice_prompt"):
        realtime_voice("alloy")
