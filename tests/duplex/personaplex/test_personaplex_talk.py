"""Talks with upstream servers on real sockets, and what befalls them there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.personaplex import upstream
from greenroom.duplex.personaplex.model import PersonaPlexModel, create
from greenroom.duplex.personaplex.query import shown, upstream_url, with_persona
from greenroom.duplex.personaplex.talk import PersonaPlexTalk
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said, Sampling
from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed
from greenroom.sessions.model import Session, Status
from greenroom.settings import DuplexSettings, TurnSettings
from greenroom.testing import EnergyVoiceActivity, ManualClock, ScriptedTranscriber
from support.moshi_server import MoshiServer

FRAME = 1_920
PERSONA = Persona("NATF2.pt")
SESSION = Session("s", "duplex", "t", Status.ACTIVE, datetime(2026, 1, 1, tzinfo=UTC), {})


class Person:
    """A talk's listener, and the one who speaks in it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.events: list[tuple[str, Any]] = []
        self.changed = asyncio.Event()
        self.talk: PersonaPlexTalk | None = None
        self.at = 0

    async def enter(
        self, persona: Persona = PERSONA, said: tuple[Said, ...] = ()
    ) -> PersonaPlexTalk:
        self.talk = await self.house.model.open(SESSION, persona, self, said)
        return self.talk

    def on_queued(self, position: int) -> None:
        self._note("queued", position)

    def on_ready(self) -> None:
        self._note("ready", None)

    def on_voice(self, pcm: Pcm) -> None:
        self._note("voice", pcm)

    def on_flush(self) -> None:
        self._note("flush", None)

    def on_words(self, text: str) -> None:
        self._note("words", text)

    def on_user_words(self, text: str, began: float) -> None:
        self._note("user", (text, round(began, 1)))

    def on_failure(self, why: str) -> None:
        self._note("failure", why)

    def on_ended(self) -> None:
        self._note("ended", None)

    def _note(self, what: str, value: Any) -> None:
        self.events.append((what, value))
        self.changed.set()

    def of(self, kind: str) -> list[Any]:
        return [value for what, value in self.events if what == kind]

    async def until(self, kind: str, count: int = 1) -> Any:
        """The latest value of `kind` once there are `count` of it."""
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.of(kind)[-1]

    def say(self, frames: int = 1, level: int = 8_000) -> None:
        assert self.talk is not None
        for _ in range(frames):
            n = np.arange(self.at, self.at + FRAME)
            self.at += FRAME
            self.talk.hear((level * np.sin(2 * np.pi * 200 * n / DUPLEX_RATE)).astype(np.int16))


class House:
    """Servers, the model on them, and its people."""

    def __init__(self, servers: list[MoshiServer], texts: tuple[str, ...]) -> None:
        self.clock = ManualClock()
        self.servers = servers
        self.people: list[Person] = []
        self.transcriber = ScriptedTranscriber(texts)
        self.model: PersonaPlexModel = create(
            [f"personaplex:{server.url}" for server in servers],
            transcriber=self.transcriber,
            voice_activity=EnergyVoiceActivity(),
            clock=self.clock,
            settings=DuplexSettings(max_early_audio=1.0),
            turns=TurnSettings(),
        )

    def person(self) -> Person:
        self.people.append(Person(self))
        return self.people[-1]

    async def pass_time(self, seconds: float) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
        self.clock.advance(seconds)


MakeHouse = Callable[..., Any]


@pytest.fixture
async def house() -> AsyncIterator[MakeHouse]:
    async with AsyncExitStack() as stack:
        houses: list[House] = []

        async def make(
            *plans: tuple[str, ...], words: tuple[str, ...] = ("Hello", " you."), texts: Any = ()
        ) -> House:
            servers = []
            for plan in plans or ((),):
                servers.append(await stack.enter_async_context(MoshiServer(words)))
                servers[-1].plan.extend(plan)
            houses.append(House(servers, texts or ("",)))
            return houses[-1]

        yield make
        for each in houses:
            async with asyncio.timeout(5):
                await each.model.close()
            assert each.clock.pending == 0
            assert each.model.leases.waiting == 0
            assert all(stream.state != "open" for stream in each.transcriber.streams)


async def test_sound_and_words_go_both_ways(house: MakeHouse) -> None:
    home = await house()
    person = home.person()
    talk = await person.enter()
    await person.until("ready")
    person.say(3)
    await person.until("voice", 3)
    assert "".join(person.of("words")) == "Hello you."
    caller = await home.servers[0].caller()
    assert np.abs(np.concatenate((EMPTY, *person.of("voice")))).max() > 3_000
    assert len(caller.pcm) == 3 * FRAME
    assert np.abs(caller.pcm).max() > 3_000
    assert talk.played() == 0.0
    home.clock.advance(1)
    assert talk.played() == pytest.approx(3 * 0.08, abs=0.001)
    talk.end_turn()
    await talk.close()
    await talk.close()
    await caller.ended.wait()
    assert caller.controls == [1]
    await home.model.check()
    assert home.model.uri == f"personaplex:{home.servers[0].url}/api/chat"


async def test_every_parameter_reaches_the_server(house: MakeHouse) -> None:
    home = await house()
    person = home.person()
    sampling = Sampling(0.1, 0.2, 3, 4, 5)
    said = (Said("ai", "Hi.", 0.0), Said("user", "Hello.", 1.0))
    await person.enter(Persona("VARM4.pt", "Ask & listen.", sampling), said)
    await person.until("ready")
    assert (await home.servers[0].caller()).query == {
        "voice_prompt": "VARM4.pt",
        "text_prompt": "Ask & listen.\nThe conversation so far:\nYou: Hi.\nUser: Hello.",
        "text_temperature": "0.1",
        "audio_temperature": "0.2",
        "text_topk": "3",
        "audio_topk": "4",
        "seed": "5",
    }


async def test_what_the_user_says_is_written_down(house: MakeHouse) -> None:
    home = await house(texts=("good morning", "bye"))
    person = home.person()
    talk = await person.enter()
    await person.until("ready")
    person.say(6, level=0)
    for level in (8_000, 0):
        for _ in range(10):
            person.say(level=level)
            await home.pass_time(0.08)
    assert await person.until("user") == ("good morning", 0.5)
    for _ in range(10):
        person.say()
        await home.pass_time(0.08)
    await talk.close()
    assert person.of("user")[-1][0] == "bye"
    talk.hear(np.zeros(FRAME, np.int16))


async def test_who_comes_to_a_taken_server_waits_with_a_position(house: MakeHouse) -> None:
    home = await house()
    first, second, third = (home.person() for _ in range(3))
    talks = [await person.enter() for person in (first, second, third)]
    await first.until("ready")
    assert await third.until("queued") == 2
    await talks[1].close()
    assert await third.until("queued", 2) == 1
    await talks[0].close()
    await third.until("ready")
    assert not second.of("ready")
    assert home.servers[0].most == 1


async def test_a_talk_that_waits_too_long_is_given_up(house: MakeHouse) -> None:
    home = await house()
    first, second = home.person(), home.person()
    await first.enter()
    await first.until("ready")
    await second.enter()
    await second.until("queued")
    await home.pass_time(120)
    assert await second.until("failure") == "no model was free within 120 s"
    assert home.model.leases.waiting == 0


@pytest.mark.parametrize("fault", ["429", "401", "die", "error"])
async def test_a_server_that_fails_before_the_handshake_is_replaced(
    house: MakeHouse, fault: str
) -> None:
    home = await house((fault,), ())
    person = home.person()
    await person.enter()
    await person.until("ready")
    assert len(home.servers[1].callers) == 1
    await home.model.check()


async def test_a_server_that_can_not_be_reached_is_replaced_in_time(house: MakeHouse) -> None:
    home = await house(("hang",), ())
    person = home.person()
    await person.enter()
    await home.servers[0].caller()
    await home.pass_time(5)
    await person.until("ready")
    assert len(home.servers[1].callers) == 1


async def test_a_server_that_others_use_is_busy_and_asked_again(
    house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = asyncio.Event()
    wait_handshake = upstream.Upstream.wait_handshake

    async def waiting(self: upstream.Upstream) -> None:
        waits.set()
        await wait_handshake(self)

    monkeypatch.setattr(upstream.Upstream, "wait_handshake", waiting)
    home = await house(("mute",))
    person = home.person()
    await person.enter()
    await waits.wait()
    await home.pass_time(20)
    assert await person.until("queued") == 1
    await home.model.check()
    await home.pass_time(10)
    await person.until("ready")
    assert len(home.servers[0].callers) == 2


@pytest.mark.parametrize("fault", ["cut", "garbage", "leave"])
async def test_what_was_said_is_said_again_where_a_server_fails_before_the_first_word(
    house: MakeHouse, fault: str
) -> None:
    home = await house((fault,), ())
    person = home.person()
    await person.enter()
    await person.until("ready")
    person.say(20)  # 1.6 s, of which a second is kept
    await (await home.servers[0].caller()).ended.wait()
    await person.until("words", 2)
    other = await home.servers[1].caller()
    server = home.servers[1]
    async with asyncio.timeout(5), server.changed:
        await server.changed.wait_for(lambda: len(other.pcm) == 12 * FRAME)
    assert person.of("ready") == [None]
    assert not person.of("failure")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("mid-word", "the connection is lost"),
        ("mid-word-error", "the model's server has reported an error"),
    ],
)
async def test_after_the_first_word_a_failure_ends_the_talk(
    house: MakeHouse, fault: str, why: str
) -> None:
    home = await house((fault,), ())
    person = home.person()
    await person.enter()
    await person.until("ready")
    person.say()
    assert await person.until("failure") == why
    assert person.of("words") == ["Hel"]
    assert not home.servers[1].callers


async def test_a_server_may_end_the_talk(house: MakeHouse) -> None:
    home = await house(("bye",))
    person = home.person()
    await person.enter()
    await person.until("ready")
    person.say()
    await person.until("ended")
    await home.model.check()


async def test_a_server_that_falls_silent_is_noticed(house: MakeHouse) -> None:
    home = await house(("silent",))
    person = home.person()
    await person.enter()
    await person.until("ready")
    person.say()
    home.clock.advance(11)
    person.say()
    assert await person.until("failure") == "does not answer for 10 s"
    with pytest.raises(ProviderFailed):
        await home.model.check()


async def test_a_server_that_takes_no_sound_is_noticed(
    house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "MAX_UNSENT", 5 * FRAME)
    home = await house()
    person = home.person()
    await person.enter()
    await person.until("ready")
    person.say(7)
    assert await person.until("failure") == "does not take sound"


async def test_where_no_server_is_left_the_talk_is_told(house: MakeHouse) -> None:
    home = await house((), ())
    for server in home.servers:
        await server.die()
    person = home.person()
    await person.enter()
    assert await person.until("failure") == "can't be reached (ConnectionRefusedError)"
    with pytest.raises(ProviderFailed, match="can't be reached"):
        await home.model.check()


async def test_in_a_pause_nothing_is_heard_or_said(house: MakeHouse) -> None:
    home = await house()
    person = home.person()
    talk = await person.enter()
    talk.set_paused(True)
    await person.until("ready")
    caller = await home.servers[0].caller()
    person.say()
    await caller.say("Wait")
    await caller.say(" for me.")
    talk.set_paused(True)
    talk.end_turn()
    async with asyncio.timeout(5), home.servers[0].changed:
        await home.servers[0].changed.wait_for(lambda: caller.controls == [2, 1])
    assert not person.of("voice")
    talk.set_paused(False)
    await person.until("words", 2)
    assert person.of("words") == ["Wait", " for me."]
    person.say()
    await person.until("voice", 3)
    assert caller.controls == [2, 1, 0]
    assert len(caller.pcm) == FRAME


async def test_it_can_not_read(house: MakeHouse) -> None:
    home = await house()
    talk = await home.person().enter()
    with pytest.raises(InvalidInput, match="only listens"):
        talk.type("hello")


async def test_a_defect_ends_only_its_own_talk(
    house: MakeHouse, caplog: pytest.LogCaptureFixture
) -> None:
    home = await house()
    person = home.person()
    person.on_ready = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    await person.enter()
    assert await person.until("failure") == "internal error"
    other = home.person()
    await other.enter()
    await other.until("ready")
    assert "a defect in a talk" in caplog.text


async def test_keys_and_prompts_are_not_logged(
    house: MakeHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    home = await house(("401",))
    home.model = create(
        [f"personaplex:{home.servers[0].url}/api/chat?key=a-secret"],
        transcriber=home.transcriber,
        voice_activity=EnergyVoiceActivity(),
        clock=home.clock,
        settings=DuplexSettings(),
        turns=TurnSettings(),
    )
    person = home.person()
    await person.enter(Persona("NATF0.pt", "a-private-prompt"))
    assert await person.until("failure") == "refuses the talk (HTTP 401)"
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert ours
    for record in ours:
        assert "a-secret" not in record.getMessage()
        assert "a-private-prompt" not in record.getMessage()


def test_urls_are_checked_and_shown_without_keys() -> None:
    assert upstream_url("personaplex:ws://gpu:8998") == "ws://gpu:8998/api/chat"
    assert upstream_url("personaplex:wss://gpu/x?k=1") == "wss://gpu/x?k=1"
    assert shown("wss://me:secret@gpu:1/x?k=1") == "wss://gpu:1/x"
    url = with_persona("ws://gpu/x?k=1", Persona("v", sampling=Sampling()), ())
    assert "k=1&voice_prompt=v" in url
    assert "seed" not in url
    for uri in ("personaplex:http://gpu", "personaplex:", "personaplex:gpu:8998"):
        with pytest.raises(ConfigurationError):
            upstream_url(uri)
