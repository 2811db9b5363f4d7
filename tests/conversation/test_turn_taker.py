"""The floor, without sound, time or tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.audio.pcm import samples_of
from greenroom.audio.speech_gate import SpeechGate
from greenroom.conversation.turn_taker import (
    MAX_QUESTIONS_IN_A_ROW,
    WRITTEN,
    Action,
    AskAgain,
    CutReply,
    DropTurn,
    EndTurn,
    HoldReply,
    OpenTurn,
    ResumeReply,
    StartReply,
    TurnTaker,
    asks_for_more,
)
from greenroom.settings import TurnSettings

WINDOW = 512


class Floor:
    """A turn taker behind the real gate, with a user who is heard in windows of 32 ms."""

    def __init__(self, **settings: float) -> None:
        chosen = TurnSettings(**settings)
        self.turns = TurnTaker(chosen)
        self.gate = SpeechGate(chosen)
        self.at = 0

    def hear(self, ms: float, *, voice: bool) -> list[Action]:
        actions: list[Action] = []
        for _ in range(round(samples_of(ms) / WINDOW)):
            actions += self.window(voice=voice)
        return actions

    def window(self, *, voice: bool) -> Sequence[Action]:
        self.at += WINDOW
        speaking = self.gate.update(1.0 if voice else 0.0, self.at)
        return self.turns.voice(speaking, self.gate.onset, self.gate.voiced_until, self.at)

    def say(self, ms: float) -> list[Action]:
        return self.hear(ms, voice=True)

    def quiet(self, ms: float) -> list[Action]:
        return self.hear(ms, voice=False)

    def reply(self) -> None:
        """Have a turn, and an answer that is being spoken."""
        self.say(1_000)
        ended = [a for a in self.quiet(700) if isinstance(a, EndTurn)]
        assert self.turns.transcript(ended[0].turn, "hello", 16_000) == (StartReply(ended[0].turn),)


def kinds(actions: Sequence[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def test_a_turn_opens_at_the_onset_of_speech_with_the_pre_roll_before_it() -> None:
    floor = Floor()
    floor.quiet(1_024)
    assert floor.say(1_024) == [OpenTurn(1, 32 * WINDOW - samples_of(400))]


def test_the_first_turn_reaches_back_to_the_first_sample_at_most() -> None:
    assert Floor().say(512) == [OpenTurn(1, 0)]


def test_a_turn_ends_after_a_silence_and_says_where_speech_was() -> None:
    floor = Floor()
    floor.quiet(320)
    floor.say(640)
    assert floor.quiet(500) == []
    assert floor.quiet(96) == [EndTurn(1, 10 * WINDOW, 30 * WINDOW)]


def test_a_pause_for_breath_does_not_end_a_turn() -> None:
    floor = Floor()
    floor.say(640)
    assert floor.quiet(480) == []
    assert floor.say(640) == []
    assert kinds(floor.quiet(700)) == ["EndTurn"]


def test_a_click_in_the_silence_does_not_prolong_the_turn() -> None:
    floor = Floor()
    floor.say(640)
    floor.quiet(320)
    floor.say(32)
    assert kinds(floor.quiet(256)) == ["EndTurn"]


def test_words_that_ask_for_more_are_waited_for() -> None:
    floor = Floor()
    floor.say(640)
    floor.turns.words(1, "show me shoes under")
    assert floor.quiet(1_050) == []
    assert kinds(floor.quiet(96)) == ["EndTurn"]


def test_words_of_an_earlier_turn_do_not_count() -> None:
    floor = Floor()
    floor.reply()
    floor.turns.reply_over()
    floor.say(640)
    floor.turns.words(1, "show me shoes under")
    assert kinds(floor.quiet(640)) == ["EndTurn"]


@pytest.mark.parametrize(
    "text", ["show me shoes under", "I'd like a", "red and,", "shoes for ", "Find", "well, UM -"]
)
def test_words_that_end_in_the_middle_ask_for_more(text: str) -> None:
    assert asks_for_more(text)


@pytest.mark.parametrize(
    "text", ["", "shoes", "add that", "what is it for?", "I'm looking around.", "thunder", "a b-a"]
)
def test_words_that_may_be_all_do_not_ask_for_more(text: str) -> None:
    assert not asks_for_more(text)


def test_a_turn_with_words_is_answered() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    assert floor.turns.transcript(1, "hello", 16_000) == (StartReply(1),)


def test_long_speech_without_words_is_asked_for_again() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    assert floor.turns.transcript(1, "", 16_000) == (AskAgain(1),)


def test_short_speech_without_words_is_nothing() -> None:
    floor = Floor()
    floor.say(200)
    floor.quiet(700)
    assert floor.turns.transcript(1, "", 3_200) == ()
    assert floor.turns.idle


def test_the_agent_does_not_ask_again_for_ever() -> None:
    floor = Floor()
    asked = []
    for turn in range(1, 6):
        floor.say(1_000)
        floor.quiet(700)
        asked += kinds(floor.turns.transcript(turn, "", 16_000))
        floor.turns.reply_over()
    assert asked == ["AskAgain"] * MAX_QUESTIONS_IN_A_ROW


def test_words_make_it_ask_again_later() -> None:
    floor = Floor()
    for turn, text in enumerate(["", "", "", "hello", ""], start=1):
        floor.say(1_000)
        floor.quiet(700)
        last = kinds(floor.turns.transcript(turn, text, 16_000))
        floor.turns.reply_over()
    assert last == ["AskAgain"]


def test_speech_over_a_reply_holds_it_at_once_and_cuts_it_when_it_lasts() -> None:
    floor = Floor()
    floor.reply()
    assert floor.say(32) == []
    assert kinds(floor.say(32)) == ["HoldReply", "OpenTurn"]
    assert floor.say(352) == []
    assert floor.say(64) == [CutReply()]
    assert floor.turns.has_floor


def test_a_cough_over_a_reply_does_not_take_the_turn() -> None:
    floor = Floor()
    floor.reply()
    floor.say(200)
    actions = floor.quiet(400)
    assert kinds(actions) == ["DropTurn", "ResumeReply"]
    assert floor.say(64) != []  # and the next sound is a new suspicion


def test_a_reply_that_ends_while_it_is_held_leaves_the_user_an_ordinary_turn() -> None:
    floor = Floor()
    floor.reply()
    floor.say(200)
    assert floor.turns.reply_over() == (ResumeReply(),)
    assert floor.turns.has_floor
    assert kinds(floor.quiet(700)) == ["EndTurn"]


def test_a_cough_while_words_are_awaited_holds_nothing_but_the_reply_that_comes() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    assert kinds(floor.say(96)) == ["OpenTurn"]
    assert floor.turns.transcript(1, "hello", 16_000) == (StartReply(1), HoldReply())
    assert kinds(floor.quiet(400)) == ["DropTurn", "ResumeReply"]


def test_a_cough_while_words_are_awaited_that_is_over_first_changes_nothing() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    floor.say(96)
    assert kinds(floor.quiet(400)) == ["DropTurn"]
    assert floor.turns.transcript(1, "hello", 16_000) == (StartReply(1),)


def test_a_user_who_goes_on_while_words_are_awaited_takes_the_floor_back() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    assert kinds(floor.say(640)) == ["OpenTurn"]
    assert floor.turns.transcript(1, "hello", 16_000) == ()
    assert kinds(floor.quiet(700)) == ["EndTurn"]
    assert floor.turns.transcript(2, "hello again", 16_000) == (StartReply(2),)


def test_a_turn_does_not_reach_back_into_the_one_before() -> None:
    floor = Floor()
    floor.say(1_024)
    (ended,) = floor.quiet(576)
    assert isinstance(ended, EndTurn)
    at = floor.at
    assert floor.say(64) == [OpenTurn(2, at)]


def test_who_speaks_again_already_is_not_asked_to_say_it_again() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    floor.say(200)
    assert floor.turns.transcript(1, "", 16_000) == ()
    assert floor.turns.has_floor


def test_a_sound_that_cut_a_reply_is_asked_about_however_short_it_was() -> None:
    floor = Floor()
    floor.reply()
    floor.say(480)
    floor.quiet(700)
    assert floor.turns.transcript(2, "", 480 * 16) == (AskAgain(2),)


def test_the_longest_turn_is_ended_and_what_goes_on_of_it_is_no_interruption() -> None:
    floor = Floor(max_turn_ms=2_000)
    assert kinds(floor.say(2_016)) == ["OpenTurn", "EndTurn"]
    assert floor.say(1_000) == []
    assert floor.turns.transcript(1, "hello", 32_000) == (StartReply(1),)
    assert floor.say(1_000) == []
    floor.quiet(100)
    assert floor.say(1_000) == []  # only for breath
    floor.quiet(288)
    assert kinds(floor.say(1_000)) == ["HoldReply", "OpenTurn", "CutReply"]


def test_a_noise_without_end_is_one_turn_only() -> None:
    floor = Floor(max_turn_ms=2_000)
    floor.say(2_016)
    floor.turns.transcript(1, "", 32_000)
    floor.turns.reply_over()
    assert floor.say(60_000) == []
    floor.quiet(300)
    assert kinds(floor.say(200)) == ["OpenTurn"]


def test_a_greeting_can_be_interrupted() -> None:
    floor = Floor()
    assert floor.turns.idle
    floor.turns.reply_began()
    assert kinds(floor.say(640)) == ["HoldReply", "OpenTurn", "CutReply"]


def test_an_end_of_a_reply_that_was_cut_means_nothing() -> None:
    floor = Floor()
    floor.reply()
    floor.say(640)
    assert floor.turns.reply_over() == ()
    assert floor.turns.has_floor


def test_an_agent_that_gives_up_leaves_the_floor_free() -> None:
    floor = Floor()
    floor.say(1_000)
    floor.quiet(700)
    assert floor.turns.give_up() == ()
    assert floor.turns.idle
    assert floor.turns.transcript(1, "late", 16_000) == ()


def test_a_user_who_leaves_in_the_middle_has_had_a_turn() -> None:
    floor = Floor()
    floor.say(1_024)
    assert floor.turns.hang_up() == (EndTurn(1, 0, 32 * WINDOW),)


def test_a_user_who_leaves_with_a_cough_has_not() -> None:
    floor = Floor()
    floor.reply()
    floor.say(96)
    assert kinds(floor.turns.hang_up()) == ["DropTurn"]


def test_a_user_who_leaves_in_silence_has_not() -> None:
    assert Floor().turns.hang_up() == ()


def test_what_is_written_is_answered_at_once() -> None:
    floor = Floor()
    assert floor.turns.typed() == (StartReply(WRITTEN),)
    assert not floor.turns.idle


def test_what_is_written_over_a_reply_cuts_it() -> None:
    floor = Floor()
    floor.turns.reply_began()
    assert kinds(floor.turns.typed()) == ["CutReply", "StartReply"]


def test_what_is_written_while_the_user_speaks_waits_for_the_end_of_that() -> None:
    floor = Floor()
    floor.say(500)
    assert floor.turns.typed() == ()
    assert kinds(floor.quiet(700)) == ["EndTurn"]
    assert floor.turns.typed() == ()
    assert floor.turns.transcript(1, "and what was written", 8_000) == (StartReply(1),)


def test_who_writes_and_speaks_over_a_reply_has_the_floor() -> None:
    floor = Floor()
    floor.turns.reply_began()
    assert kinds(floor.say(200)) == ["HoldReply", "OpenTurn"]
    assert floor.turns.typed() == (CutReply(),)
    assert floor.turns.has_floor
    assert kinds(floor.quiet(700)) == ["EndTurn"]


def test_a_turn_ends_when_the_user_says_so_and_what_goes_on_of_its_sound_is_no_new_one() -> None:
    floor = Floor()
    floor.say(500)
    assert kinds(floor.turns.end_turn(floor.at)) == ["EndTurn"]
    assert floor.say(500) == []
    floor.quiet(400)
    assert kinds(floor.say(200)) == ["OpenTurn"]


def test_who_says_nothing_has_no_turn_to_end() -> None:
    floor = Floor()
    floor.quiet(500)
    assert floor.turns.end_turn(floor.at) == ()
    assert floor.turns.idle


def test_a_word_over_a_reply_is_a_turn_if_the_user_says_that_it_is_over() -> None:
    floor = Floor()
    floor.turns.reply_began()
    floor.say(200)
    assert kinds(floor.turns.end_turn(floor.at)) == ["CutReply", "EndTurn"]


class Witness:
    """Does what a conversation does, and sees that each action fits what was before."""

    def __init__(self) -> None:
        self.floor = Floor(max_turn_ms=3_000)
        self.open: int | None = None
        self.opened = 0
        self.not_before = 0
        self.awaiting: list[int] = []
        self.replying = self.held = False

    def hear(self, windows: int, *, voice: bool) -> None:
        for _ in range(windows):
            self.act(self.floor.window(voice=voice))

    def transcript(self, text: str) -> None:
        if self.awaiting:
            turn = self.awaiting.pop(0)
            self.act(self.floor.turns.transcript(turn, text, 16_000), answers=turn)

    def reply_over(self) -> None:
        if self.replying:
            self.replying = False
            self.act(self.floor.turns.reply_over())

    def give_up(self) -> None:
        self.replying = False
        self.act(self.floor.turns.give_up())

    def typed(self) -> None:
        self.act(self.floor.turns.typed())

    def end_turn(self) -> None:
        self.act(self.floor.turns.end_turn(self.floor.at))

    def greet(self) -> None:
        if self.floor.turns.idle:
            assert not self.replying
            self.floor.turns.reply_began()
            self.replying = True

    def act(self, actions: Sequence[Action], answers: int | None = None) -> None:
        for action in actions:
            match action:
                case OpenTurn(turn, start):
                    assert self.open is None
                    assert turn == self.opened + 1
                    assert self.not_before <= start <= self.floor.at
                    self.open = self.opened = turn
                case DropTurn(turn, onset, until):
                    assert turn == self.open
                    assert onset <= until <= self.floor.at
                    self.open = None
                case EndTurn(turn, onset, until):
                    assert turn == self.open
                    assert self.not_before <= onset < until <= self.floor.at
                    assert not self.replying
                    self.open, self.not_before = None, self.floor.at
                    self.awaiting.append(turn)
                case StartReply(turn) if turn == WRITTEN:
                    assert self.open is None
                    assert not self.replying
                    self.replying = True
                case StartReply(turn) | AskAgain(turn):
                    assert turn == answers == max([turn, *self.awaiting])
                    assert not self.replying
                    self.replying = True
                case HoldReply():
                    assert self.replying
                    assert not self.held
                    self.held = True
                case ResumeReply():
                    assert self.held
                    self.held = False
                case CutReply():
                    assert self.replying
                    self.replying = self.held = False
        turns = self.floor.turns
        assert not (turns.has_floor and self.replying)
        assert not turns.idle or (self.open is None and not self.replying)
        assert self.held == (self.replying and self.open is not None)


STEPS = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 40)),
    st.tuples(st.just("quiet"), st.integers(1, 40)),
    st.tuples(st.just("transcript"), st.sampled_from(["", "hello"])),
    st.tuples(st.sampled_from(["reply_over", "give_up", "greet", "typed", "end_turn"]), st.none()),
    st.tuples(st.just("words"), st.sampled_from(["shoes", "shoes under"])),
)


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_actions_fit_together_and_the_floor_is_never_stuck(
    steps: list[tuple[str, object]],
) -> None:
    witness = Witness()
    for step, value in steps:
        match step, value:
            case "say" | "quiet", int(windows):
                witness.hear(windows, voice=step == "say")
            case "transcript", str(text):
                witness.transcript(text)
            case "words", str(text):
                witness.floor.turns.words(witness.opened, text)
            case name, _:
                getattr(witness, name)()
    # In the end all is said and done, and then a turn is a turn again.
    for _ in range(2):
        witness.hear(40, voice=False)
        while witness.awaiting:
            witness.transcript("")
        witness.reply_over()
    assert witness.floor.turns.idle
    turn = witness.opened + 1
    witness.hear(20, voice=True)
    assert witness.open == turn
    witness.hear(40, voice=False)
    assert witness.awaiting == [turn]
    witness.transcript("hello")
    assert witness.replying
