"""Talks with a server of the Realtime API on a real socket, and what befalls them there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.duplex.openai_realtime import connection, talk
from greenroom.duplex.openai_realtime.connection import Realtime
from greenroom.duplex.openai_realtime.model import RealtimeModel, create
from greenroom.duplex.openai_realtime.talk import RealtimeTalk
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said
from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed, ProviderUnavailable
from greenroom.sessions.model import Session, Status
from greenroom.settings import DuplexSettings
from greenroom.speech.ports import ProviderContext
from greenroom.testing import ManualClock
from support.realtime_server import KEY, Caller, RealtimeServer

PERSONA = Persona("NATF0.pt", "Be brief.")
SESSION = Session("s", "duplex", "t", Status.ACTIVE, datetime(2026, 1, 1, tzinfo=UTC), {})


class Person:
    """A talk's listener, and the one who speaks in it."""

    def __init__(self, server: RealtimeServer, **secrets: str) -> None:
        self.server = server
        self.clock = ManualClock()
        secrets = {"OPENAI_API_KEY": KEY} | secrets
        self.model: RealtimeModel = create(
            f"openai-realtime:gpt-realtime?base_url={server.url}",
            ProviderContext(Path(), secret=secrets.get),
            clock=self.clock,
            settings=DuplexSettings(max_early_audio=1.0),
        )
        self.events: list[tuple[str, Any]] = []
        self.changed = asyncio.Event()
        self.talk: RealtimeTalk | None = None

    async def enter(self, persona: Persona = PERSONA, said: tuple[Said, ...] = ()) -> RealtimeTalk:
        self.talk = await self.model.open(SESSION, persona, self, said)
        return self.talk

    async def ready(self) -> tuple[RealtimeTalk, Caller]:
        talk = await self.enter()
        await self.until("ready")
        caller = await self.server.caller()
        await caller.until("response.create")
        return talk, caller

    def on_queued(self, position: int) -> None:
        raise AssertionError

    def on_ready(self) -> None:
        self._note("ready", None)

    def on_voice(self, pcm: Pcm) -> None:
        self._note("voice", len(pcm))

    def on_flush(self) -> None:
        self._note("flush", None)

    def on_words(self, text: str) -> None:
        self._note("words", text)

    def on_user_words(self, text: str, began: float) -> None:
        self._note("user", (text, round(began, 2)))

    def on_failure(self, why: str) -> None:
        self._note("failure", why)

    def on_ended(self) -> None:
        raise AssertionError

    def _note(self, what: str, value: Any) -> None:
        self.events.append((what, value))
        self.changed.set()

    def of(self, kind: str) -> list[Any]:
        return [value for what, value in self.events if what == kind]

    async def until(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.of(kind)[-1]

    async def handled(self, caller: Caller, kind: str, **fields: Any) -> None:
        """Tell, and return when that has been handled."""
        assert self.talk is not None
        seen = asyncio.Event()
        handle = self.talk._handlers[kind]

        def note(event: dict[str, Any]) -> None:
            handle(event)
            seen.set()

        self.talk._handlers[kind] = note
        await caller.tell(kind, **fields)
        async with asyncio.timeout(5):
            await seen.wait()
        self.talk._handlers[kind] = handle

    async def let_pass(self, done: Callable[[], bool]) -> None:
        """Let time pass until something has come of it: sockets have a time of their own."""
        async with asyncio.timeout(5):
            while not done():
                self.clock.advance(0.5)
                await asyncio.sleep(0.001)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)

    def speak(self, ms: int) -> None:
        assert self.talk is not None
        self.talk.hear(np.full(ms * DUPLEX_RATE // 1000, 700, np.int16))


@pytest.fixture
async def person() -> AsyncIterator[Callable[..., Person]]:
    async with RealtimeServer() as server:
        people: list[Person] = []

        def make(*plan: str, **secrets: str) -> Person:
            server.plan.extend(plan)
            people.append(Person(server, **secrets))
            return people[-1]

        yield make
        for each in people:
            closing = asyncio.create_task(each.model.close())
            await each.let_pass(closing.done)
            assert each.clock.pending == 0


Make = Callable[..., Person]


async def test_the_server_is_told_who_it_is(person: Make) -> None:
    someone = person()
    _, caller = await someone.ready()
    assert caller.path == "/v1/realtime?model=gpt-realtime"
    pcm = {"type": "audio/pcm", "rate": 24_000}
    assert caller.of("session.update")[0]["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": pcm, "voice": "marin"},
        },
    }
    await someone.model.warm_up()
    await someone.model.check()


async def test_a_session_that_is_taken_up_again_knows_what_was_said(person: Make) -> None:
    someone = person()
    await someone.enter(Persona("VARM0.pt"), (Said("ai", "Hi.", 0), Said("user", "Hello.", 1)))
    await someone.until("ready")
    caller = await someone.server.caller()
    await caller.until("conversation.item.create", 2)
    items = [event["item"] for event in caller.of("conversation.item.create")]
    assert [item["role"] for item in items] == ["assistant", "user"]
    assert items[0]["content"] == [{"type": "output_text", "text": "Hi."}]
    assert "instructions" not in caller.of("session.update")[0]["session"]
    assert not caller.of("response.create")


async def test_sound_goes_both_ways_and_words_come_as_they_are_heard(person: Make) -> None:
    someone = person()
    chat, caller = await someone.ready()
    someone.speak(100)
    await caller.until("input_audio_buffer.append")
    assert (caller.pcm == 700).all()
    assert len(caller.pcm) == 2_400
    await caller.begin("r1")
    await caller.say("r1", "Hello", 400)
    await caller.say("r1", " you.", 400)
    await caller.end("r1")
    await someone.until("words")
    assert someone.of("words") == ["Hello"]
    someone.pass_time(0.3)
    assert someone.of("words") == ["Hello"]
    someone.pass_time(0.2)
    assert someone.of("words") == ["Hello", " you."]
    someone.pass_time(0.5)
    assert sum(someone.of("voice")) == 0.8 * DUPLEX_RATE
    assert chat.played() == pytest.approx(0.8)
    await caller.begin("r2")
    await caller.say("r2", "More.", 100, item="i2")
    await someone.until("words", 3)
    assert someone.of("words")[-1] == " More."


async def test_an_interruption_stops_the_voice_and_tells_what_was_heard(person: Make) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "A long story", 2_000)
    await someone.until("words")
    someone.pass_time(0.5)
    await caller.tell("input_audio_buffer.speech_started", item_id="u", audio_start_ms=100)
    await someone.until("flush")
    await caller.say("r1", " that nobody hears", 2_000)
    await caller.end("r1", "cancelled")
    truncated = await caller.until("conversation.item.truncate")
    assert (truncated["item_id"], truncated["content_index"]) == ("i1", 0)
    assert truncated["audio_end_ms"] == pytest.approx(500, abs=30)
    await caller.tell("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=1_100)
    await caller.writes("u", "wait please")
    assert await someone.until("user") == ("wait please", 0.1)
    await caller.begin("r2")
    await caller.say("r2", "Yes?", 100, item="i2")
    await someone.until("words", 2)
    assert someone.of("words") == ["A long story", " Yes?"]


async def test_what_is_written_is_answered_after_the_answer_that_was_being_given(
    person: Make,
) -> None:
    someone = person()
    chat, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "Well", 1_000)
    await someone.until("words")
    chat.type("Stop.")
    item = (await caller.until("conversation.item.create"))["item"]
    assert item["content"] == [{"type": "input_text", "text": "Stop."}]
    assert [event["type"] for event in caller.events][-3:] == [
        "conversation.item.truncate",
        "response.cancel",
        "conversation.item.create",
    ]
    assert len(caller.of("response.create")) == 1
    await caller.end("r1", "cancelled")
    await caller.until("response.create", 2)


async def test_a_turn_may_be_ended_by_hand(person: Make) -> None:
    someone = person()
    chat, caller = await someone.ready()
    chat.end_turn()  # nobody speaks
    someone.speak(1_000)
    await someone.handled(
        caller, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=200
    )
    chat.end_turn()
    await caller.until("input_audio_buffer.commit")
    await caller.until("response.create", 2)
    assert len(caller.of("input_audio_buffer.commit")) == 1
    await caller.tell("input_audio_buffer.committed", item_id="v")
    await caller.writes("v", "that is all")
    assert await someone.until("user") == ("that is all", 0.2)


async def test_what_was_being_said_at_the_end_is_written_down(person: Make) -> None:
    someone = person()
    chat, caller = await someone.ready()
    someone.speak(500)
    await someone.handled(caller, "input_audio_buffer.speech_started", item_id="u")
    closing = asyncio.create_task(chat.close())
    await caller.until("input_audio_buffer.commit")
    await caller.tell("input_audio_buffer.committed", item_id="u")
    await caller.writes("u", "good bye")
    await closing
    assert someone.of("user") == [("good bye", 0.5)]
    chat.hear(np.zeros(10, np.int16))
    chat.type("too late")
    assert not someone.of("failure")


async def test_last_words_are_not_waited_for_long(person: Make) -> None:
    someone = person()
    chat, caller = await someone.ready()
    await someone.handled(caller, "input_audio_buffer.speech_started", item_id="u")
    closing = asyncio.create_task(chat.close())
    await caller.until("input_audio_buffer.commit")
    someone.clock.advance(2)
    await closing
    assert not someone.of("user")


async def test_in_a_pause_nothing_is_heard_or_said(person: Make) -> None:
    someone = person()
    chat, caller = await someone.ready()
    chat.set_paused(True)
    someone.speak(100)
    await caller.begin("r1")
    await caller.say("r1", "Hello", 400)
    await someone.handled(caller, "response.output_audio.done", response_id="r1")
    someone.pass_time(1)
    assert not someone.of("voice")
    assert not someone.of("words")
    assert not caller.pcm.any()
    chat.set_paused(False)
    someone.pass_time(0.1)
    assert someone.of("words") == ["Hello"]


@pytest.mark.parametrize("fault", ["500", "429", "cut", "garbage", "error:server_error"])
async def test_a_failure_before_the_first_word_is_tried_again(person: Make, fault: str) -> None:
    someone = person(fault)
    await someone.enter()
    await someone.server.caller()
    await someone.let_pass(lambda: len(someone.server.callers) == 2)
    await someone.until("ready")
    await someone.model.check()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("401", "the key in OPENAI_API_KEY was refused (401)"),
        ("error:insufficient_quota", "the quota is used up"),
        ("error:model_not_found", "the model is unknown"),
    ],
)
async def test_what_can_not_go_better_is_told_at_once(person: Make, fault: str, why: str) -> None:
    someone = person(fault)
    await someone.enter()
    assert await someone.until("failure") == why
    with pytest.raises(ProviderFailed, match=r"\w"):
        await someone.model.check()
    assert len(someone.server.callers) == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [("hang", "can't be reached within 10 s"), ("mute", "does not begin within 10 s")],
)
async def test_a_server_that_does_not_begin_is_given_up(
    person: Make, fault: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "PAUSES", ())
    someone = person(fault)
    begins = asyncio.Event()
    begin = connection._begin

    async def beginning(*parts: Any) -> None:
        begins.set()
        await begin(*parts)

    monkeypatch.setattr(connection, "_begin", beginning)
    await someone.enter()
    await (someone.server.caller() if fault == "hang" else begins.wait())
    someone.clock.advance(10)
    assert await someone.until("failure") == why


async def test_what_was_said_is_said_again_to_the_next_connection(person: Make) -> None:
    someone = person()
    _, first = await someone.ready()
    someone.speak(600)
    someone.speak(600)  # of which a second is kept
    await first.until("input_audio_buffer.append", 2)
    await someone.handled(first, "input_audio_buffer.speech_started", item_id="u")
    first.cut()
    await someone.let_pass(lambda: len(someone.server.callers) == 2)
    second = await someone.server.caller(2)
    await second.until("input_audio_buffer.append")
    assert len(second.pcm) == 0.6 * DUPLEX_RATE
    await second.hears("u", 100, 500, "hello")
    assert await someone.until("user") == ("hello", 0.7)
    assert someone.of("ready") == [None]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({}, "the connection is lost"),
        ({"code": "session_expired"}, "the model's session has reached its longest duration"),
        ({"close": "maximum duration"}, "the model's session has reached its longest duration"),
    ],
)
async def test_after_the_first_word_a_failure_ends_the_talk(
    person: Make, event: dict[str, str], why: str
) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "Hel", 400)
    await someone.until("words")
    if "close" in event:
        await caller.close(1001, f"Your session hit the {event['close']} of 60 minutes.")
    elif event:
        await caller.tell("error", error=event)
    else:
        caller.cut()
    assert await someone.until("failure") == why
    assert len(someone.server.callers) == 1


async def test_errors_about_one_event_are_only_logged(
    person: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    someone = person()
    _, caller = await someone.ready()
    await someone.handled(caller, "error", error={"code": "no_such_item", "message": "my secret"})
    await someone.handled(caller, "error", error="nonsense")
    await caller.tell("something.new", about="us")
    kind = "conversation.item.input_audio_transcription.failed"
    await someone.handled(caller, kind, item_id="u")
    assert not someone.of("failure")
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert any("no_such_item" in message for message in ours)
    assert not any(KEY in message or "my secret" in message for message in ours)


async def test_an_answer_that_fails_is_asked_for_again_and_then_given_up(person: Make) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r0")
    await caller.say("r0", "Hello", 100)
    await someone.until("words")
    for attempt in range(3):
        await caller.begin(f"r{attempt}")
        details = {"id": "r", "status": "failed"}
        error = {"error": {"code": "rate_limit_exceeded"}}
        if attempt < 2:
            await someone.handled(
                caller, "response.done", response={**details, "status_details": error}
            )
            someone.clock.advance(2)
            await caller.until("response.create", attempt + 2)
        else:
            await caller.tell("response.done", response={**details, "status_details": error})
    why = await someone.until("failure")
    assert why == "the server has reported an error (rate_limit_exceeded)"


async def test_a_server_that_does_not_answer_is_noticed(person: Make) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "Hi", 100)
    await caller.end("r1")
    await someone.until("words")
    await someone.handled(caller, "input_audio_buffer.speech_started", item_id="u")
    await someone.handled(caller, "input_audio_buffer.speech_stopped", item_id="u")
    someone.clock.advance(20)
    assert await someone.until("failure") == "does not answer within 20 s"


@pytest.mark.parametrize("delta", ["AAAA", "***", None])
async def test_sound_that_is_none_ends_the_talk(person: Make, delta: str | None) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "Hi", 100)
    await someone.until("words")
    await caller.tell("response.output_audio.delta", response_id="r1", delta=delta)
    assert await someone.until("failure") == "sends sound that is none"


async def test_a_server_that_takes_no_sound_is_noticed(
    person: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = person()
    _, caller = await someone.ready()
    await caller.begin("r1")
    await caller.say("r1", "Hi", 100)
    await someone.until("words")
    monkeypatch.setattr(connection, "MAX_UNSENT", 3)
    for _ in range(6):
        someone.speak(20)
    assert await someone.until("failure") == "does not take sound"


async def test_a_defect_ends_only_its_own_talk(
    person: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = person()
    monkeypatch.setattr(Realtime, "hear", lambda _self, _pcm: 1 / 0)
    monkeypatch.setattr(someone, "on_ready", lambda: 1 / 0)
    await someone.enter()
    assert await someone.until("failure") == "internal error"
    assert "a defect in a talk" in caplog.text


async def test_a_voice_that_does_not_exist_is_refused(person: Make) -> None:
    with pytest.raises(InvalidInput, match="voice_prompt"):
        await person().enter(Persona("nobody"))


def test_a_slip_in_the_uri_or_a_missing_key_is_told() -> None:
    context = ProviderContext(Path(), secret=lambda _name: None)
    for uri, error in (
        ("openai-realtime:m?speed=2", ConfigurationError),
        ("openai-realtime:m", ProviderUnavailable),
    ):
        with pytest.raises(error):
            create(uri, context, clock=ManualClock(), settings=DuplexSettings())
