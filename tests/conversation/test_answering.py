"""From the words of a turn to what the user hears."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.conversation.ports import (
    AgentReplied,
    ConversationEvent,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    UserSaid,
)
from greenroom.conversation.reply import NO_ANSWER, ONE_MOMENT, TOO_SLOW, TROUBLE
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.sessions.model import ContextEntry, Entry, ToolCallEntry, TranscriptEntry
from greenroom.settings import ReplySettings
from greenroom.speech.ports import SpeechChunk
from greenroom.testing import ScriptedAgent, ScriptedSynthesizer

Make = Callable[..., Any]
LONG = "This is a long answer of many words that takes a good while to say."  # 4 s


def ran(tool: str = "search_products") -> ToolRan:
    return ToolRan(tool, {"query": "shoes"}, {"products": []}, ok=True, duration_ms=12.0)


# -- an answer -----------------------------------------------------------------------------------


async def test_a_turn_is_answered_told_and_recorded(talk: Make) -> None:
    t = talk(
        texts=["show me shoes"],
        answers=[["I found three. ", "The first ", ran(), "is red.", AnswerDone("product_search")]],
    )
    await t.turn()
    (replied,) = t.of(AgentReplied)
    assert replied.text == "I found three. The first is red."
    assert replied.intent == "product_search"
    assert replied.tools_used == ("search_products",)
    assert t.sentences == ["I found three.", "The first is red."]
    assert t.output.calls == ["begin", "sentence 0", "sentence 1", "end"]
    assert t.of(ReplyFinished) == []
    await t.quiet(3_000)
    (finished,) = t.of(ReplyFinished)
    assert finished.played_ms == pytest.approx(60 * (14 + 17))
    assert t.transcript() == [("user", "show me shoes"), ("assistant", replied.text)]
    (call,) = t.entries(ToolCallEntry)
    assert (call.turn_id, call.tool, call.ok) == (replied.turn_id, "search_products", True)


async def test_the_whole_text_is_in_the_journal_before_it_is_heard(talk: Make) -> None:
    t = talk(answers=[LONG])
    await t.turn()
    entry = t.entries(TranscriptEntry)[-1]
    assert (entry.text, entry.end_ms) == (LONG, None)
    await t.quiet(5_000)
    entry = t.entries(TranscriptEntry)[-1]
    assert (entry.text, entry.full_text) == (LONG, None)
    assert entry.end_ms is not None


async def test_each_stage_of_a_turn_is_measured_from_the_end_of_speech(talk: Make) -> None:
    recognised, thought = asyncio.Event(), asyncio.Event()
    t = talk(answers=[[thought, "Yes."]], hold=recognised)
    await t.say(1_000)
    await t.quiet(620)
    await t.wait(0.5)
    recognised.set()
    await t.settle()
    await t.wait(1.0)
    thought.set()
    await t.settle()
    await t.quiet(1_000)
    (stages,) = t.metrics("stages")
    assert stages == {
        "turn_end_ms": pytest.approx(570, abs=30),
        "transcript_ms": pytest.approx(1_100, abs=30),
        "first_token_ms": pytest.approx(2_100, abs=30),
        "first_audio_sent_ms": pytest.approx(2_100, abs=30),
        "first_audio_heard_ms": pytest.approx(2_100, abs=30),
        "played_ms": 240.0,
    }


async def test_a_turn_that_is_not_answered_is_measured_too(talk: Make) -> None:
    t = talk(texts=[""])
    await t.turn(200)
    (stages,) = t.metrics("stages")
    assert set(stages) == {"turn_end_ms", "transcript_ms"}


async def test_what_a_model_used_is_recorded(talk: Make) -> None:
    t = talk(answers=[["Yes.", AnswerDone("yes", {"output_tokens": 2})]])
    await t.turn()
    await t.quiet(1_000)
    assert t.metrics("stages")[0]["usage"] == {"output_tokens": 2}


async def test_the_first_sentence_is_spoken_while_the_next_is_thought(talk: Make) -> None:
    more = asyncio.Event()
    t = talk(answers=[["I found three. ", more, "The first is red."]])
    await t.turn()
    assert t.sentences == ["I found three."]
    assert t.of(AgentReplied) == []
    more.set()
    await t.settle()
    assert t.sentences == ["I found three.", "The first is red."]
    assert len(t.of(AgentReplied)) == 1


async def test_a_voice_does_not_run_further_ahead_than_it_must(talk: Make) -> None:
    t = talk(answers=[" ".join([LONG] * 4)])
    await t.turn()
    assert len(t.sentences) == 1
    await t.quiet(1_500)
    assert len(t.sentences) == 2


async def test_the_agent_is_told_what_was_said_before(talk: Make) -> None:
    t = talk(texts=["one", "two"], answers=["First.", "Second."])
    await t.turn()
    await t.quiet(1_000)
    await t.turn()
    assert t.agent.heard[1] == ("two", (Message("user", "one"), Message("assistant", "First.")))


async def test_a_conversation_is_taken_up_where_it_was_left(talk: Make) -> None:
    history = [Message("user", "one"), Message("assistant", "First.")]
    t = talk(history=history)
    await t.turn()
    assert t.agent.heard == [("hello", tuple(history))]
    assert t.sentences == ["All right."]


async def test_a_conversation_that_is_taken_up_again_may_begin_with_words_of_its_own(
    talk: Make,
) -> None:
    history = [Message("user", "one"), Message("assistant", "First.")]
    t = talk(history=history, greeting="I am back.")
    await t.conversation.start()
    await t.quiet(1_000)
    assert t.said == "I am back."


async def test_after_an_answer_a_single_word_is_a_turn(talk: Make) -> None:
    t = talk(texts=["one", "yes"], answers=["First.", "Second."])
    await t.turn()
    await t.quiet(1_000)
    await t.turn(200)
    assert t.prompts == ["one", "yes"]


async def test_an_agent_is_not_told_of_more_than_it_can_take(talk: Make) -> None:
    t = talk(history=[Message("user", str(n)) for n in range(500)])
    await t.turn()
    assert [m.text for m in t.agent.heard[0][1]] == [str(n) for n in range(436, 500)]


async def test_a_greeting_is_spoken_and_is_part_of_the_talk(talk: Make) -> None:
    t = talk(greeting="Welcome!")
    await t.conversation.start()
    await t.quiet(1_000)
    assert t.said == "Welcome!"
    assert t.transcript() == [("assistant", "Welcome!")]
    await t.turn()
    assert t.agent.heard[0][1] == (Message("assistant", "Welcome!"),)


async def test_nobody_who_speaks_already_is_greeted(talk: Make) -> None:
    t = talk(greeting="Welcome!")
    await t.say(300)
    await t.conversation.start()
    await t.settle()
    assert t.said == ""


async def test_what_the_agent_remembers_is_recorded_when_it_changes(talk: Make) -> None:
    class Shop(ScriptedAgent):
        def snapshot(self) -> dict[str, Any]:
            return {"cart_items": ["shoes"] if len(self.heard) > 1 else []}

    t = talk(agent=Shop(["Yes."]))
    for _ in range(3):
        await t.turn()
        await t.quiet(1_000)
    assert [e.values for e in t.entries(ContextEntry)] == [
        {"cart_items": []},
        {"cart_items": ["shoes"]},
    ]


# -- a user who goes on --------------------------------------------------------------------------


async def test_who_goes_on_before_the_words_are_known_is_answered_once(talk: Make) -> None:
    hold = asyncio.Event()
    t = talk(texts=["show me shoes", "in blue"], hold=hold)
    await t.turn()
    await t.say(800)
    hold.set()
    await t.settle()
    assert t.prompts == []
    await t.quiet(700)
    assert t.prompts == ["show me shoes in blue"]


async def test_who_goes_on_before_the_answer_is_heard_is_answered_once(talk: Make) -> None:
    t = talk(texts=["show me shoes", "in blue"], answers=[[asyncio.Event()], "Yes."])
    await t.turn()
    await t.turn(800)
    assert t.prompts == ["show me shoes", "show me shoes in blue"]
    assert t.agent.closed == 2
    await t.quiet(1_000)
    assert t.transcript() == [
        ("user", "show me shoes"),
        ("user", "in blue"),
        ("assistant", "Yes."),
    ]
    await t.turn()
    assert t.agent.heard[2][1][0] == Message("user", "show me shoes in blue")


async def test_a_noise_does_not_make_the_agent_forget_what_it_was_asked(talk: Make) -> None:
    t = talk(texts=["show me shoes", ""], answers=[[asyncio.Event()], "Yes."])
    await t.turn()
    await t.turn(800)
    assert t.prompts == ["show me shoes", "show me shoes"]
    assert t.said == "Yes."


async def test_a_cough_while_the_words_are_awaited_only_holds_the_answer(talk: Make) -> None:
    hold = asyncio.Event()
    t = talk(hold=hold, answers=["Yes."])
    await t.turn()
    await t.say(200)
    hold.set()
    await t.settle()
    assert t.output.paused
    assert t.output.played_ms() == 0
    await t.quiet(400)
    assert not t.output.paused
    await t.quiet(1_000)
    assert t.transcript() == [("user", "hello"), ("assistant", "Yes.")]
    assert len(t.of(ReplyFinished)) == 1


async def test_an_answer_after_a_floor_taken_back_is_not_held(talk: Make) -> None:
    hold = asyncio.Event()
    t = talk(texts=["one", "two"], hold=hold, answers=["Yes."])
    await t.turn()
    await t.turn()
    hold.set()
    await t.settle()
    assert not t.output.paused
    await t.quiet(1_000)
    assert len(t.of(ReplyFinished)) == 1


# -- barge-in ------------------------------------------------------------------------------------


async def test_barge_in_silences_the_reply_and_records_what_was_heard(talk: Make) -> None:
    t = talk(texts=["one", "stop"], answers=[LONG, "Yes."])
    await t.turn()
    await t.quiet(1_000)
    await t.say(800)
    (cut,) = t.of(ReplyInterrupted)
    assert t.output.flushed == [cut.played_ms]
    assert 1_000 < cut.played_ms < 2_000
    assert cut.heard
    assert LONG.startswith(cut.heard + " ")
    entry = t.entries(TranscriptEntry)[-1]
    assert (entry.text, entry.full_text) == (cut.heard, LONG)
    written = len(t.output.sound)
    await t.quiet(700)
    assert len(t.output.sound) > written
    assert t.agent.heard[1] == ("stop", (Message("user", "one"), Message("assistant", cut.heard)))


async def test_barge_in_holds_the_reply_in_the_window_that_shows_it_and_cuts_it_later(
    talk: Make,
) -> None:
    t = talk(answers=[LONG])
    await t.turn()
    await t.quiet(660)
    start = t.sample
    while not t.output.paused:
        await t.say(20)
    assert t.sample - start <= 16 * (64 + 32 + 20)  # two windows of voice, on the grid of windows
    while not t.of(ReplyInterrupted):
        await t.say(20)
    assert t.sample - start <= 16 * (450 + 2 * 32 + 20)
    assert not t.output.paused


async def test_a_cough_over_a_reply_does_not_take_the_turn(talk: Make) -> None:
    t = talk(answers=[LONG])
    await t.turn()
    await t.quiet(500)
    await t.say(200)
    assert t.output.paused
    await t.quiet(300)
    assert not t.output.paused
    await t.quiet(5_000)
    assert t.transcript() == [("user", "hello"), ("assistant", LONG)]
    assert t.of(ReplyInterrupted) == []
    assert len(t.of(ReplyFinished)) == 1
    assert t.transcriber.streams[1].state == "cancelled"
    assert len(t.metrics("backchannel")) == 1


async def test_barge_in_while_a_tool_runs_ends_the_tool(talk: Make) -> None:
    t = talk(
        texts=["one", "two"], answers=[["Let me look. ", ran(), asyncio.Event(), "Never."], "Yes."]
    )
    await t.turn()
    await t.quiet(500)
    await t.turn(800)
    assert t.agent.closed == 2
    assert "Never." not in t.said
    assert len(t.entries(ToolCallEntry)) == 1
    assert [e.heard for e in t.of(ReplyInterrupted)] == ["Let me look."]


async def test_a_sound_that_cut_an_answer_and_was_no_word_is_asked_about(talk: Make) -> None:
    t = talk(texts=["one", ""], answers=[LONG])
    await t.turn()
    await t.quiet(1_000)
    await t.turn(480)
    assert t.sentences[1] == "Sorry, I didn't catch that."


class Stubborn(ScriptedAgent):
    """Goes on when it is cancelled."""

    async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[Any]:
        self.heard.append((text, tuple(history)))
        try:
            yield TextDelta("Well, this is what I have to say. ")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield TextDelta("Stale. ")
                yield ran()
                yield AnswerDone("stale")
        finally:
            self.closed += 1


class StubbornSynthesizer(ScriptedSynthesizer):
    """The same for a voice."""

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        async for chunk in super().speak(text, voice):
            try:
                yield chunk
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield chunk


@pytest.mark.parametrize("part", ["agent", "synthesizer"])
async def test_a_provider_that_ignores_the_end_of_its_reply_is_not_heard(
    talk: Make, part: str
) -> None:
    stubborn = {"agent": Stubborn} if part == "agent" else {"synthesizer": StubbornSynthesizer}
    t = talk(texts=["one", "two"], **{name: make() for name, make in stubborn.items()})
    await t.turn()
    t.conversation.hear(t.sound(800, voice=True))
    assert len(t.of(ReplyInterrupted)) == 1
    written, events, entries = len(t.output.sound), len(t.events), len(t.journal)
    await t.settle()
    assert "Stale." not in t.said
    assert (written, events, entries) == (len(t.output.sound), len(t.events), len(t.journal))


async def test_a_cut_in_the_same_moment_as_the_end_of_the_answer_is_the_last_word(
    talk: Make,
) -> None:
    end = asyncio.Event()
    t = talk(answers=[[LONG + " ", end, "Never heard."]])
    await t.turn()
    await t.quiet(1_000)
    end.set()  # the agent's next step is due
    t.conversation.hear(t.sound(800, voice=True))  # before it is made
    await t.settle()
    assert t.of(AgentReplied) == []
    assert t.entries(TranscriptEntry)[-1].text == t.of(ReplyInterrupted)[0].heard


# -- agents that go wrong ------------------------------------------------------------------------


async def test_an_agent_that_fails_is_apologised_for(talk: Make) -> None:
    t = talk(answers=[["Let me see. ", ProviderFailed("model", "no credit")], "Yes."])
    await t.turn()
    assert t.said == f"Let me see. {TROUBLE}"
    assert t.of(ProviderTrouble)[0].why == "model: no credit"
    assert t.of(AgentReplied)[0].intent == "apology"
    await t.quiet(8_000)
    await t.turn()
    assert t.sentences[-1] == "Yes."


async def test_an_agent_with_a_defect_is_logged_and_apologised_for(
    talk: Make, caplog: pytest.LogCaptureFixture
) -> None:
    t = talk(answers=[[KeyError("colour")], "Yes."])
    await t.turn()
    assert t.said == TROUBLE
    assert t.of(ProviderTrouble)[0].why == "KeyError"
    assert "KeyError: 'colour'" in caplog.text
    await t.quiet(8_000)
    await t.turn()
    assert t.sentences[-1] == "Yes."


async def test_an_agent_that_takes_long_asks_for_a_moment_and_then_answers(talk: Make) -> None:
    late = asyncio.Event()
    t = talk(answers=[[late, "Yes."]])
    await t.turn()
    await t.wait(7.8)
    assert t.said == ""
    await t.wait(0.2)
    assert t.said == ONE_MOMENT
    late.set()
    await t.wait(2)
    assert t.said == f"{ONE_MOMENT} Yes."


async def test_an_agent_that_began_to_answer_need_not_ask_for_a_moment(talk: Make) -> None:
    late = asyncio.Event()
    t = talk(answers=[["I found", late, " three."]])
    await t.turn()
    await t.wait(9)
    late.set()
    await t.settle()
    assert t.said == "I found three."


async def test_an_agent_that_hangs_is_given_up(talk: Make) -> None:
    t = talk(answers=[[asyncio.Event()], "Yes."])
    await t.turn()
    await t.wait(26)
    assert t.said == f"{ONE_MOMENT} {TOO_SLOW}"
    assert t.agent.closed == 1
    assert t.of(ProviderTrouble)[0].why == "no answer within 25 s"
    await t.quiet(8_000)
    await t.turn()
    assert t.sentences[-1] == "Yes."


async def test_an_agent_that_goes_on_talking_has_time(talk: Make) -> None:
    more = [asyncio.Event() for _ in range(3)]
    t = talk(answers=[["One. ", more[0], "Two. ", more[1], "Three. ", more[2], "Four."]])
    await t.turn()
    for event in more:
        await t.wait(20)
        event.set()
        await t.settle()
    assert t.said == "One. Two. Three. Four."


@pytest.mark.parametrize("nothing", [[], [""], [" \n"], [ran()], ["***"], [AnswerDone("x")]])
async def test_an_agent_without_an_answer_says_so(talk: Make, nothing: list[Any]) -> None:
    t = talk(answers=[nothing])
    await t.turn()
    assert t.said == NO_ANSWER


async def test_an_agent_without_an_answer_after_a_moment_says_so_too(talk: Make) -> None:
    late = asyncio.Event()
    t = talk(answers=[[late]])
    await t.turn()
    await t.wait(9)
    late.set()
    await t.wait(2)
    assert t.said == f"{ONE_MOMENT} {NO_ANSWER}"


async def test_an_answer_of_ten_thousand_words_is_cut_at_a_sentence(talk: Make) -> None:
    t = talk(answers=[["These are five words here. "] * 2_000])
    await t.turn()
    (replied,) = t.of(AgentReplied)
    assert 5_800 < len(replied.text) <= 6_000 + 240  # the spaces between sentences don't count
    assert replied.text.endswith("here.")
    assert t.agent.closed == 1


async def test_the_first_sentence_is_said_however_short_answers_must_be(talk: Make) -> None:
    t = talk(answers=["word " * 40 + "end. Next."], replies=ReplySettings(max_characters=100))
    await t.turn()
    assert t.said.endswith("end.")


# -- voices that go wrong ------------------------------------------------------------------------


class Faulty(ScriptedSynthesizer):
    """Fails on, or hangs in, the sentences that say so."""

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        if "fails" in text:
            raise ProviderFailed(self.uri, "told to")
        if "defect" in text:
            raise ZeroDivisionError
        sound = super().speak(text, voice)
        async for chunk in sound:
            yield chunk
            if "hangs" in text:
                await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("bad", "why"),
    [("This fails.", "scripted:: told to"), ("A defect.", "ZeroDivisionError")],
)
async def test_one_sentence_without_sound_does_not_end_the_reply(
    talk: Make, bad: str, why: str
) -> None:
    t = talk(answers=[f"One. {bad} Three."], synthesizer=Faulty())
    await t.turn()
    assert t.sentences == ["One.", "Three."]
    assert t.output.calls == ["begin", "sentence 0", "sentence 1", "end"]
    assert [(e.part, e.why) for e in t.of(ProviderTrouble)] == [("synthesizer", why)]
    await t.quiet(1_000)
    assert len(t.of(ReplyFinished)) == 1


async def test_a_sentence_whose_sound_stops_half_way_is_given_up(talk: Make) -> None:
    t = talk(answers=["This hangs. Three."], synthesizer=Faulty())
    await t.turn()
    await t.wait(26)
    assert t.sentences == ["This hangs.", "Three."]
    assert t.output.calls == ["begin", "sentence 0", "sentence 1", "end"]
    assert t.of(ProviderTrouble)[0].why == "no audio in time"
    await t.wait(1)
    assert len(t.of(ReplyFinished)) == 1


async def test_an_agent_whose_voice_fails_altogether_is_still_read(talk: Make) -> None:
    t = talk(answers=["One. Two."], synthesizer=ScriptedSynthesizer(fails=True))
    await t.turn()
    assert t.of(AgentReplied)[0].text == "One. Two."
    assert len(t.of(ProviderTrouble)) == 2
    assert len(t.of(ReplyFinished)) == 1


# -- defects around it ---------------------------------------------------------------------------


async def test_an_entry_that_cannot_be_kept_does_not_end_the_reply(talk: Make) -> None:
    def refuse(entry: Entry) -> None:
        if isinstance(entry, ToolCallEntry):
            raise InvalidInput("result", "isn't JSON")

    t = talk(answers=[[ran(), "Yes."]], on_entry=refuse)
    await t.turn()
    assert t.said == "Yes."


@pytest.mark.parametrize("kind", [UserSaid, AgentReplied, ReplyFinished])
async def test_a_listener_with_a_defect_does_not_leave_the_talk_stuck(
    talk: Make, kind: type[Any], caplog: pytest.LogCaptureFixture
) -> None:
    failures = [RuntimeError("socket")]

    def fail(event: ConversationEvent) -> None:
        if isinstance(event, kind) and failures:
            raise failures.pop()

    t = talk(texts=["one", "two"], answers=["First.", "Second."], on_event=fail)
    await t.turn()
    await t.quiet(2_000)
    assert "RuntimeError: socket" in caplog.text
    await t.turn(300)
    assert t.agent.heard[-1][0].endswith("two")
    assert len(t.of(UserSaid)) == 2


async def test_a_turn_leaves_nothing_for_the_garbage_collector(talk: Make) -> None:
    t = talk(answers=["Yes."])
    t.transcriber.streams = Forgetful()
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            await t.turn()
            await t.quiet(1_000)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        garbage = [o for o in gc.garbage if type(o).__module__.startswith("greenroom")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert garbage == []


class Forgetful(list[Any]):
    def append(self, item: Any, /) -> None:
        pass
