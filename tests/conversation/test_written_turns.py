"""A user may write instead of speaking, and say when a turn is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from greenroom.audio.pcm import Pcm, samples_of
from greenroom.conversation.ports import ReplyInterrupted, UserSaid
from greenroom.sessions.model import TranscriptEntry
from greenroom.testing import EnergyVoiceActivity

Make = Callable[..., Any]


class SlowVoiceActivity:
    """Judges nothing while it is `busy`."""

    def __init__(self) -> None:
        self.busy = False
        self._late: list[Pcm] = []

    def open(self, on_probability: Callable[[float, int], None]) -> SlowVoiceActivity:
        self._stream = EnergyVoiceActivity().open(on_probability)
        return self

    def feed(self, pcm: Pcm) -> None:
        if self.busy:
            self._late.append(pcm)
        else:
            self._stream.feed(pcm)

    def go_on(self) -> None:
        self.busy = False
        for pcm in self._late:
            self._stream.feed(pcm)

    def close(self) -> None:
        self._stream.close()


LONG = "This is a long answer of many words that takes a good while to say."


async def test_written_text_is_recorded_told_and_answered(talk: Make) -> None:
    t = talk(answers=["A fine question."])
    await t.quiet(1_000)
    t.conversation.say_as_user("  What is it? ")
    await t.settle()
    await t.wait(2)
    assert t.prompts == ["What is it?"]
    assert t.transcript() == [("user", "What is it?"), ("assistant", "A fine question.")]
    (said,) = t.of(UserSaid)
    assert (said.text, said.final, said.start_ms, said.end_ms) == ("What is it?", True, 1e3, 1e3)
    assert t.metrics("stages")[-1]["first_audio_sent_ms"] == 0


async def test_nothing_written_is_nothing_said(talk: Make) -> None:
    t = talk()
    t.conversation.say_as_user(" \n")
    await t.wait(0.1)
    assert t.prompts == []
    assert t.events == []


async def test_written_text_cuts_a_reply_and_stands_behind_it(talk: Make) -> None:
    t = talk(greeting=LONG, answers=["Yes?"])
    await t.conversation.start()
    await t.wait(1)
    t.conversation.say_as_user("Stop.")
    await t.wait(2)
    assert len(t.of(ReplyInterrupted)) == 1
    assert [role for role, _ in t.transcript()] == ["assistant", "user", "assistant"]
    assert t.prompts == ["Stop."]


async def test_what_is_written_and_said_at_once_is_answered_together(talk: Make) -> None:
    t = talk(texts=["and the large one"])
    await t.say(500)
    t.conversation.say_as_user("The small one")
    await t.quiet(1_000)
    assert t.prompts == ["The small one and the large one"]


async def test_what_is_written_is_answered_though_the_speech_beside_it_had_no_words(
    talk: Make,
) -> None:
    hold = asyncio.Event()
    t = talk(texts=[""], hold=hold)
    await t.turn(300)
    t.conversation.say_as_user("I am here.")
    hold.set()
    await t.settle()
    assert t.prompts == ["I am here."]


async def test_a_turn_is_over_at_once_when_the_user_says_so(talk: Make) -> None:
    t = talk(texts=["that is all"])
    await t.say(1_000)
    t.conversation.end_turn()
    await t.settle()
    assert t.prompts == ["that is all"]
    assert len(t.heard_by(0)) == samples_of(1_000)
    await t.quiet(3_000)
    t.conversation.end_turn()
    await t.settle()
    assert t.prompts == ["that is all"]


async def test_the_end_of_a_turn_waits_until_its_sound_is_judged(talk: Make) -> None:
    judge = SlowVoiceActivity()
    t = talk(texts=["all of it"], voice_activity=judge)
    judge.busy = True
    t.conversation.hear(t.sound(1_000, voice=True))
    t.conversation.end_turn()
    await t.settle()
    assert t.transcriber.streams == []
    judge.go_on()
    await t.settle()
    assert t.prompts == ["all of it"]


async def test_sound_that_nobody_judges_does_not_hold_up_a_turn_for_ever(talk: Make) -> None:
    judge = SlowVoiceActivity()
    t = talk(voice_activity=judge)
    await t.say(500)
    judge.busy = True
    t.conversation.hear(t.sound(1_000, voice=True))
    t.conversation.end_turn()
    await t.wait(1.5)
    assert t.prompts == ["hello"]
    assert len(t.heard_by(0)) >= samples_of(1_500)
    judge.go_on()


async def test_after_the_end_nothing_is_written_or_ended(talk: Make) -> None:
    t = talk()
    await t.conversation.close()
    t.conversation.say_as_user("Too late.")
    t.conversation.end_turn()
    assert t.entries(TranscriptEntry) == []


async def test_words_are_placed_in_the_users_own_sound(talk: Make) -> None:
    t = talk(texts=["one", "two"])
    await t.quiet(640)
    await t.say(1_024)
    await t.wait(3)  # nothing is sent: the silence that is put in its place is not the user's
    await t.say(1_024)
    t.transcriber.streams[1].hear("tw")
    await t.quiet(700)
    one, partial, two = t.of(UserSaid)
    assert abs(one.start_ms - 640) <= 32
    assert abs(one.end_ms - 1_664) <= 32
    assert abs(two.start_ms - 1_664) <= 64
    assert abs(two.end_ms - 2_688) <= 64
    assert partial.start_ms == two.start_ms
    assert partial.end_ms <= two.end_ms + 32
