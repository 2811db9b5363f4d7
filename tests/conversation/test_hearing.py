"""From the microphone to the words of a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.audio.pcm import EMPTY, Pcm, samples_of
from greenroom.conversation.conversation import ASK_AGAIN, DEAF
from greenroom.conversation.ports import ProviderTrouble, UserSaid
from greenroom.conversation.user_turn import RECOGNITION_TIMEOUT
from greenroom.errors import ProviderFailed
from greenroom.sessions.model import TranscriptEntry
from greenroom.settings import TurnSettings
from greenroom.testing import ScriptedTranscriber

Make = Callable[..., Any]
WINDOW = 512


def place(heard: Pcm, sound: Pcm) -> int:
    """The one place of `heard` in `sound`, whole and in order."""
    starts = np.flatnonzero(sound[: len(sound) - len(heard) + 1] == heard[0])
    (start,) = [int(s) for s in starts if np.array_equal(sound[s : s + len(heard)], heard)]
    return start


async def test_silence_opens_no_turn(talk: Make) -> None:
    t = talk()
    await t.quiet(3_000)
    assert t.transcriber.streams == []
    assert t.events == []


async def test_a_turn_is_recognised_with_its_pre_roll_once_and_in_order(talk: Make) -> None:
    t = talk()
    spans = [(1_000, False), (1_200, True), (900, False)]
    sound = np.concatenate([t.sound(ms, voice=voice) for ms, voice in spans])
    for start in range(0, len(sound), 320):
        t.conversation.hear(sound[start : start + 320])
    heard = t.heard_by(0)
    onset = samples_of(1_000) // WINDOW * WINDOW  # the window in which the voice begins
    assert place(heard, sound) == onset - samples_of(400)
    assert samples_of(400 + 1_200 + 550) <= len(heard) <= samples_of(400 + 1_200 + 550 + 70)


async def test_several_turns_sent_at_once_are_each_recognised_and_answered_together(
    talk: Make,
) -> None:
    t = talk(texts=["one", "two", "three"])
    turn = [(900, True), (1_000, False)]
    sound = np.concatenate([t.sound(ms, voice=voice) for ms, voice in turn * 3])
    t.conversation.hear(sound)
    await t.settle()
    spans = [(place(t.heard_by(i), sound), len(t.heard_by(i))) for i in range(3)]
    ends = [0] + [start + length for start, length in spans]
    assert all(start >= end for (start, _), end in zip(spans, ends, strict=False))
    assert t.prompts == ["one two three"]
    assert [e.text for e in t.of(UserSaid) if e.final] == ["one", "two", "three"]


@settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(st.integers(1, 40_000), max_size=30))
def test_it_makes_no_difference_in_which_pieces_sound_comes(
    make_talk: Make, pieces: list[int]
) -> None:
    def hear(pieces: list[int]) -> list[Pcm]:
        async def run() -> list[Pcm]:
            t = make_talk(texts=["one", "two", "three"])
            spans = [(700, False), (900, True), (650, False), (300, True), (800, False)]
            spans += [(1_500, True), (900, False)]
            sound = np.concatenate([t.sound(ms, voice=voice) for ms, voice in spans])
            at = 0
            for piece in [*pieces, len(sound)]:
                t.conversation.hear(sound[at : at + piece])
                at += piece
            await t.conversation.close()
            return [t.heard_by(turn) for turn in range(3)]

        return asyncio.run(run())

    for each, whole in zip(hear(pieces), hear([]), strict=True):
        assert np.array_equal(each, whole)


async def test_the_words_reach_client_and_journal_with_their_place_and_confidence(
    talk: Make,
) -> None:
    t = talk(texts=["show me shoes"])
    await t.quiet(1_280)
    await t.turn(1_280)
    (said,) = t.of(UserSaid)
    assert (said.text, said.confidence, said.final) == ("show me shoes", 0.9, True)
    entry = t.entries(TranscriptEntry)[0]
    assert (entry.role, entry.text, entry.confidence) == ("user", "show me shoes", 0.9)
    assert (entry.start_ms, entry.end_ms) == (1_280, 2_560)
    assert entry.turn_id == said.turn_id


async def test_words_so_far_are_told_and_replaced(talk: Make) -> None:
    t = talk(texts=["show me shoes"])
    await t.say(600)
    t.transcriber.streams[0].hear("show")
    t.transcriber.streams[0].hear("show me")
    await t.say(400)
    await t.quiet(700)
    assert [(e.text, e.final) for e in t.of(UserSaid)] == [
        ("show", False),
        ("show me", False),
        ("show me shoes", True),
    ]
    assert len({e.turn_id for e in t.of(UserSaid)}) == 1


async def test_words_of_a_cough_over_a_reply_are_not_told(talk: Make) -> None:
    t = talk(answers=["A long answer that goes on and on."])
    await t.turn()
    await t.say(200)
    t.transcriber.streams[1].hear("mm")
    await t.quiet(400)
    assert [e.text for e in t.of(UserSaid)] == ["hello"]


async def test_words_that_come_after_the_end_of_the_turn_are_not_told(talk: Make) -> None:
    t = talk(hold=(hold := asyncio.Event()))
    await t.turn()
    t.transcriber.streams[0].hear("late")
    assert t.events == []
    hold.set()


async def test_a_turn_whose_words_ask_for_more_waits_longer(talk: Make) -> None:
    t = talk()
    await t.say(1_000)
    t.transcriber.streams[0].hear("show me shoes under")
    await t.quiet(900)
    assert t.prompts == []
    await t.quiet(300)
    assert t.prompts == ["hello"]


# -- streams that don't flow ---------------------------------------------------------------------


async def test_who_stops_sending_has_stopped_talking(talk: Make) -> None:
    t = talk()
    await t.say(1_000)
    await t.wait(0.2)
    assert t.prompts == []
    await t.wait(1.0)
    assert t.prompts == ["hello"]


async def test_sound_after_a_gap_is_a_new_turn(talk: Make) -> None:
    t = talk(texts=["one", "two"])
    await t.say(1_000)
    await t.wait(5.0)
    await t.turn()
    assert t.prompts == ["one", "two"]


async def test_a_client_that_sends_a_second_at_a_time_is_not_taken_to_be_silent(
    talk: Make,
) -> None:
    t = talk()
    for _ in range(4):
        t.conversation.hear(t.sound(1_000, voice=True))
        await t.wait(1.0)
    assert t.prompts == []
    await t.wait(2.0)
    assert t.prompts == ["hello"]
    assert len(t.transcriber.streams) == 1


async def test_an_utterance_sent_at_once_without_a_silence_after_it_is_answered_soon(
    talk: Make,
) -> None:
    t = talk()
    t.conversation.hear(t.sound(8_000, voice=True))
    await t.wait(1.4)
    assert t.prompts == ["hello"]


async def test_an_utterance_sent_at_once_has_ended_when_it_came(talk: Make) -> None:
    t = talk(texts=[""])
    t.conversation.hear(t.sound(300, voice=True))
    t.conversation.hear(t.sound(5_000, voice=False))
    await t.settle()
    assert t.metrics("stages") == [{"turn_end_ms": 0.0, "transcript_ms": 0.0}]


async def test_between_turns_nothing_is_watched(talk: Make) -> None:
    t = talk(answers=["Yes."])
    await t.turn()
    await t.quiet(3_000)
    assert t.clock.pending == 0


async def test_the_longest_turn_is_ended_and_answered(talk: Make) -> None:
    t = talk(turns=TurnSettings(max_turn_ms=5_000))
    t.conversation.hear(t.sound(30_000, voice=True))
    await t.settle()
    assert t.prompts == ["hello"]
    assert samples_of(5_000) <= t.transcriber.streams[0].samples <= samples_of(5_100)
    assert len(t.transcriber.streams) == 1


async def test_no_sound_at_all_is_no_sound(talk: Make) -> None:
    t = talk()
    t.conversation.hear(EMPTY)
    assert t.clock.pending == 0


# -- recognition that goes wrong -----------------------------------------------------------------


async def test_long_speech_without_words_is_asked_for_again(talk: Make) -> None:
    t = talk(texts=[""])
    await t.turn()
    assert t.said == ASK_AGAIN
    assert t.prompts == []


async def test_a_cough_into_the_silence_is_not_answered(talk: Make) -> None:
    t = talk(texts=[""])
    await t.turn(200)
    assert t.events == []
    assert t.output.calls == []


async def test_after_two_questions_the_agent_waits_for_words(talk: Make) -> None:
    t = talk(texts=["", "", "", "", "hello"], answers=["Yes."])
    for _ in range(5):
        await t.turn()
        await t.quiet(5_000)
    assert t.said == f"{ASK_AGAIN} {ASK_AGAIN} Yes."


@pytest.mark.parametrize(
    ("error", "why"),
    [(ProviderFailed("deaf:", "broken"), "deaf:: broken"), (KeyError("x"), "KeyError")],
)
async def test_a_transcriber_that_fails_is_apologised_for_and_the_talk_goes_on(
    talk: Make, error: Exception, why: str
) -> None:
    t = talk(texts=[error, "hello"], answers=["Yes."])
    await t.turn()
    assert t.of(ProviderTrouble) == [
        ProviderTrouble(t.of(ProviderTrouble)[0].turn_id, "transcriber", why)
    ]
    assert t.said == DEAF
    await t.quiet(6_000)
    await t.turn()
    assert t.said == f"{DEAF} Yes."


async def test_a_transcriber_that_fails_on_a_cough_is_not_worth_a_word(talk: Make) -> None:
    t = talk(texts=[ProviderFailed("deaf:", "broken")])
    await t.turn(200)
    assert t.said == ""


async def test_a_transcriber_that_hangs_is_given_up(talk: Make) -> None:
    t = talk(hold=asyncio.Event())
    await t.turn()
    await t.wait(RECOGNITION_TIMEOUT - 1)
    assert t.said == ""
    await t.wait(1.5)
    assert t.of(ProviderTrouble)[0].part == "transcriber"
    assert t.said == DEAF
    assert t.transcriber.streams[0].state == "cancelled"


class ClosedTranscriber(ScriptedTranscriber):
    def open(self, on_partial: Any = None) -> Any:
        raise RuntimeError("no more streams")


async def test_a_transcriber_that_cannot_begin_is_apologised_for(talk: Make) -> None:
    t = talk(transcriber=ClosedTranscriber())
    await t.turn()
    assert t.of(ProviderTrouble)[0].why == "scripted:: RuntimeError"
    assert t.said == DEAF


class SlowFirstTranscriber(ScriptedTranscriber):
    """The first turn's words come after the second's."""

    def __init__(self, late: asyncio.Event) -> None:
        super().__init__(["first", "second"])
        self._late = late

    def open(self, on_partial: Any = None) -> Any:
        stream = super().open(on_partial)
        text = self.texts.pop(0)
        late = self._late if text == "first" else None
        stream._owner = ScriptedTranscriber([text], hold=late)
        return stream


async def test_turns_are_told_in_the_order_in_which_they_were_spoken(talk: Make) -> None:
    late = asyncio.Event()
    t = talk(transcriber=SlowFirstTranscriber(late))
    await t.turn()
    await t.turn()
    assert t.events == []
    late.set()
    await t.settle()
    assert [e.text for e in t.of(UserSaid)] == ["first", "second"]
    assert t.prompts == ["first second"]
