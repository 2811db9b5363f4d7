"""A whole duplex talk on the conversation engine, without real providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from greenroom.agents.ports import AnswerDone, Message, ToolRan
from greenroom.duplex.cascade.model import CascadeModel
from greenroom.duplex.cascade.voice_output import LEAD_MS
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said
from greenroom.errors import CapacityExceeded, InvalidInput, ProviderFailed
from greenroom.providers.health import MemberHealth
from greenroom.sessions.model import ContextEntry, Record, TranscriptEntry
from greenroom.testing import ManualClock, ScriptedSynthesizer

Make = Callable[..., Any]
LONG = "This is a long answer of many words that takes a good while to say."


async def test_the_listener_is_told_that_the_talk_is_ready_before_the_greeting_is_heard(
    studio: Make,
) -> None:
    s = studio(greeting="Good morning.")
    await s.talk()
    assert s.of("ready", "voice", "words")[0] is None
    await s.wait(2)
    assert s.words == "Good morning."


async def test_the_voice_is_handed_over_as_it_is_to_be_heard(studio: Make) -> None:
    s = studio(greeting=LONG)
    await s.talk()
    for seconds in (1, 2, 3):
        await s.wait(1)
        heard = len(s.sound) / DUPLEX_RATE
        assert seconds < heard <= seconds + LEAD_MS / 1000


async def test_a_synthesizer_of_another_rate_is_heard_at_the_talks_own(studio: Make) -> None:
    s = studio(greeting="Good morning, all of you.", rate=16_000)
    await s.talk()
    await s.wait(3)
    assert len(s.sound) == pytest.approx(25 * 0.06 * DUPLEX_RATE, abs=10)
    spectrum = np.abs(np.fft.rfft(s.sound.astype(np.float64)))
    assert np.argmax(spectrum) * DUPLEX_RATE / len(s.sound) == pytest.approx(220, abs=2)


async def test_words_are_told_as_they_begin_to_be_heard(studio: Make) -> None:
    s = studio(greeting="One two three. Four five.")
    await s.talk()
    await s.wait(3)
    told = [(value, at) for what, value, at in s.events if what == "words"]
    assert [word for word, _ in told] == ["One", " two", " three.", " Four", " five."]
    expected = [0.0, 0.24, 0.48, 0.84, 1.14]  # 60 ms a character
    for (_, at), begins in zip(told, expected, strict=True):
        assert begins - 0.07 <= at <= begins + 0.07


async def test_what_the_user_says_is_told_and_answered(studio: Make) -> None:
    s = studio(texts=["I want a dashboard"], answers=["For what?"])
    talk = await s.talk()
    await s.quiet(talk, 1_000)
    await s.speak(talk, 1_000)
    await s.quiet(talk, 2_000)
    assert s.of("user") == [("I want a dashboard", pytest.approx(1.0, abs=0.05))]
    assert s.words == "For what?"
    assert [prompt for prompt, _ in s.agent.heard] == ["I want a dashboard"]


async def test_a_later_reply_stands_apart_from_the_one_before(studio: Make) -> None:
    s = studio(greeting="Hello.", answers=["Yes."])
    talk = await s.talk()
    await s.wait(1)
    await s.speak(talk, 600)
    await s.quiet(talk, 1_500)
    assert s.words == "Hello. Yes."


async def test_who_speaks_over_the_ai_silences_it_and_keeps_its_words_to_what_was_heard(
    studio: Make,
) -> None:
    s = studio(greeting=LONG)
    talk = await s.talk()
    await s.quiet(talk, 1_000)
    await s.speak(talk, 1_000)
    assert s.of("flush", "voice")[-1] is None
    words = s.words
    assert LONG.startswith(words)
    assert 1_000 < len(words) * 60 < 1_700
    assert talk.played() == pytest.approx(1.15, abs=0.15)
    await s.quiet(talk, 1_000)
    assert s.words == words + " All right."


async def test_a_word_beside_the_ais_is_told_and_does_not_silence_it(studio: Make) -> None:
    s = studio(greeting=LONG, texts=["mm-hm"])
    talk = await s.talk()
    await s.quiet(talk, 1_000)
    await s.speak(talk, 300)
    await s.quiet(talk, 5_000)
    assert s.of("user") == [("mm-hm", pytest.approx(1.0, abs=0.05))]
    assert s.words == LONG
    assert s.of("flush") == []


async def test_a_long_turn_is_told_while_it_goes_on_and_completed_in_the_end(
    studio: Make,
) -> None:
    sentence = "I want to make a dashboard for the sensors in our two big greenhouses"
    words = sentence.split()
    s = studio(texts=[sentence])
    talk = await s.talk()
    for count in range(1, len(words) + 1):
        await s.speak(talk, 500)
        s.transcriber.streams[0].hear(" ".join(words[:count]))
    during = s.of("user")
    assert len(during) >= 2
    await s.quiet(talk, 1_000)
    said = s.of("user")
    assert said[: len(during)] == during
    assert " ".join(text for text, _ in said) == sentence
    times = [began for _, began in said]
    assert times[0] == pytest.approx(0, abs=0.1)
    assert all(0 < later - earlier <= 3 for earlier, later in pairwise(times))


async def test_a_long_turn_without_partial_results_is_divided_in_the_end(studio: Make) -> None:
    s = studio(texts=["I want to make a dashboard for the sensors in our greenhouses"])
    talk = await s.talk()
    await s.speak(talk, 7_000)
    await s.quiet(talk, 800)
    said = s.of("user")
    assert len(said) == 3
    assert " ".join(text for text, _ in said) == s.transcriber.texts[0]


async def test_pieces_of_a_later_turn_wait_for_the_end_of_the_one_before(studio: Make) -> None:
    hold = asyncio.Event()
    s = studio(texts=["first things first", "and then there is the other thing"], hold=hold)
    talk = await s.talk()
    await s.speak(talk, 1_000)
    s.transcriber.streams[0].hear("first things")
    await s.quiet(talk, 700)
    for count in (3, 4, 5, 6, 7):
        await s.speak(talk, 600)
        s.transcriber.streams[1].hear(" ".join(s.transcriber.texts[1].split()[:count]))
    assert s.of("user") == []
    hold.set()
    await s.settle()
    assert s.of("user") == [("first things first", 0.0)]
    await s.quiet(talk, 700)
    assert " ".join(t for t, _ in s.of("user")) == "first things first " + s.transcriber.texts[0]


async def test_written_text_is_answered_and_not_told_as_said(studio: Make) -> None:
    s = studio(greeting=LONG, answers=["A fine question."])
    talk = await s.talk()
    await s.wait(1)
    talk.type("What is it?")
    await s.wait(2)
    assert [prompt for prompt, _ in s.agent.heard] == ["What is it?"]
    assert s.of("user") == []
    assert s.words.endswith(" A fine question.")
    assert len(s.of("flush")) == 1


async def test_a_turn_ends_when_the_user_says_so(studio: Make) -> None:
    s = studio(texts=["that is all"])
    talk = await s.talk()
    await s.speak(talk, 1_000)
    talk.end_turn()
    await s.settle()
    assert s.of("user") == [("that is all", 0.0)]
    assert len(s.agent.heard) == 1


async def test_in_a_pause_nothing_is_said_nor_heard_and_the_clock_goes_on(studio: Make) -> None:
    s = studio(greeting=LONG, texts=["now I speak"])
    talk = await s.talk()
    await s.wait(1)
    talk.set_paused(True)
    words, sound = s.words, len(s.sound)
    await s.speak(talk, 2_000)
    assert len(s.sound) == sound
    assert len(s.words) - len(words) <= len(" long answer")
    assert s.transcriber.streams == []
    talk.set_paused(False)
    await s.quiet(talk, 5_000)
    assert s.words == LONG
    await s.speak(talk, 1_000)
    await s.quiet(talk, 1_000)
    assert s.of("user") == [("now I speak", pytest.approx(7.0, abs=0.1))]


async def test_a_pause_holds_a_reply_that_begins_meanwhile(studio: Make) -> None:
    s = studio()
    talk = await s.talk()
    await s.speak(talk, 1_000)
    talk.set_paused(True)
    await s.quiet(talk, 2_000)
    assert len(s.agent.heard) == 1
    assert s.of("voice", "words") == []
    talk.set_paused(False)
    await s.wait(2)
    assert s.words == "All right."


async def test_closing_tells_what_was_being_said_and_silences_the_ai(studio: Make) -> None:
    s = studio(texts=["and my last words are"])
    talk = await s.talk()
    await s.speak(talk, 800)
    closing = [asyncio.ensure_future(talk.close()) for _ in range(2)]
    await asyncio.gather(*closing)
    assert s.of("user") == [("and my last words are", 0.0)]
    events = list(s.events)
    talk.hear(np.full(2_400, 9_000, np.int16))
    talk.type("too late")
    talk.end_turn()
    talk.set_paused(False)
    await s.wait(1)
    assert s.events == events
    assert s.agent.heard == []


async def test_closing_in_the_middle_of_a_reply_is_no_interruption(studio: Make) -> None:
    s = studio(greeting=LONG)
    talk = await s.talk()
    await s.wait(1)
    await talk.close()
    assert s.of("flush") == []


async def test_closing_at_once_greets_nobody(studio: Make) -> None:
    s = studio(greeting=LONG)
    talk = await s.model.open(s.session, Persona("NATF2.pt"), s, ())
    await talk.close()
    assert s.events == []


async def test_the_persona_has_its_voice(studio: Make) -> None:
    s = studio(greeting="Hello.")
    await s.talk("NATM1.pt")
    assert s.synthesizer.spoken == [("Hello.", "Edward")]
    session, records = s.opened[0]
    assert session.settings["persona"] == {}
    assert records == ()


async def test_an_unknown_voice_is_refused(studio: Make) -> None:
    s = studio()
    with pytest.raises(InvalidInput, match="voice_prompt"):
        await s.talk("NATF7.pt")


async def test_a_conversation_that_is_refused_leaves_nothing_behind(studio: Make) -> None:
    s = studio()
    s.refuses = CapacityExceeded("microphones at once", 1)
    with pytest.raises(CapacityExceeded):
        await s.talk()


async def test_a_session_that_is_taken_up_again_goes_on_where_it_was(studio: Make) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    stored = [
        Record(1, "s1", at, ContextEntry(None, {"asked": 1})),
        Record(2, "s1", at, TranscriptEntry("x", "user", "as the session has it")),
        Record(3, "s1", at, ContextEntry(None, {"asked": 2})),
    ]
    s = studio(greeting="Hello.", records=stored)
    talk = await s.talk(said=[Said("ai", "What is it?", 0.0), Said("user", "A shop.", 2.0)])
    await s.wait(1)
    assert s.words == ""
    (_, records) = s.opened[0]
    assert records[0].entry.values == {"asked": 2}
    talk.type("Really.")
    await s.wait(1)
    (_, history) = s.agent.heard[0]
    assert history == (Message("assistant", "What is it?"), Message("user", "A shop."))


async def test_a_sentence_without_sound_is_told_with_the_next(studio: Make) -> None:
    class Hoarse:
        uri, rate = "scripted:", DUPLEX_RATE

        def __init__(self) -> None:
            self.whole = ScriptedSynthesizer()

        def speak(self, text: str, voice: str) -> Any:
            if text.startswith("Two"):
                raise ProviderFailed(self.uri, "hoarse")
            return self.whole.speak(text, voice)

    s = studio(greeting="One. Two. Three.", synthesizer=Hoarse())
    await s.talk()
    await s.wait(2)
    assert s.of("words") == ["One.", " Two. Three."]


async def test_the_model_is_well_as_long_as_one_of_each_chain_is() -> None:
    warmed: list[str] = []

    async def warm() -> None:
        warmed.append("warm")

    async def no_records(session_id: str) -> list[Record]:
        raise AssertionError(session_id)

    ill = MemberHealth("openai:", well=False, serving=True, why="no network")
    well = MemberHealth("espeak:", well=True, serving=False)
    chains: list[Any] = [lambda: (ill, well), lambda: ()]
    model = CascadeModel(
        None,  # type: ignore[arg-type]
        records=no_records,
        clock=ManualClock(),
        warm_up=[warm, warm],
        chains=chains,
    )
    assert model.uri == "cascade:"
    await model.warm_up()
    assert warmed == ["warm", "warm"]
    await model.check()
    ailing = CascadeModel(
        None,  # type: ignore[arg-type]
        records=no_records,
        clock=ManualClock(),
        chains=[*chains, lambda: (ill,)],
    )
    with pytest.raises(ProviderFailed, match="no network"):
        await ailing.check()


async def test_the_talk_is_over_when_its_goodbye_was_heard(studio: Make) -> None:
    goodbye = [ToolRan("finish", {}, {}, True, 1.0), "Goodbye then.", AnswerDone("finish")]
    s = studio(answers=["All right.", goodbye], last_tool="finish")
    talk = await s.talk()
    for text in ("hello", "that is all"):
        assert not s.of("ended")
        talk.type(text)
        await s.wait(3)
    assert s.of("ended") == [None]
    assert s.words.endswith("Goodbye then.")
    assert s.events[-1][0] == "ended"
