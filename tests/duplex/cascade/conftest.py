"""A duplex talk on the conversation engine, with scripted providers and time that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import EMPTY, Pcm, samples_of
from greenroom.conversation.conversation import Conversation, Providers, spoken_messages
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.duplex.cascade.model import CascadeModel
from greenroom.duplex.cascade.talk import CascadeTalk
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said
from greenroom.sessions import views
from greenroom.sessions.model import Entry, Record, Session, Status
from greenroom.settings import ReplySettings, TurnSettings
from greenroom.testing import (
    EnergyVoiceActivity,
    ManualClock,
    ScriptedAgent,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)

FRAME_MS = 20


class Studio:
    """A model, one session's talk with it, and what its listener was told."""

    def __init__(
        self,
        texts: Sequence[str | Exception] = ("hello",),
        answers: Sequence[str | Sequence[Any]] = ("All right.",),
        greeting: str = "",
        rate: int = DUPLEX_RATE,
        hold: asyncio.Event | None = None,
        records: Sequence[Record] = (),
        synthesizer: Any = None,
        **model: Any,
    ) -> None:
        self.clock = ManualClock()
        self.transcriber = ScriptedTranscriber(texts, hold=hold, keep_sound=True)
        self.synthesizer = synthesizer or ScriptedSynthesizer(rate=rate)
        self.agent = ScriptedAgent(answers)
        self.greeting = greeting
        self.voice_rate = self.synthesizer.rate
        self.journal: list[Entry] = []
        self.stored = list(records)
        self.opened: list[tuple[Session, Sequence[Record]]] = []
        self.refuses: Exception | None = None
        self.model = CascadeModel(self, records=self._read, clock=self.clock, **model)
        self.session = Session(
            "s1", "duplex", "t", Status.ACTIVE, datetime(2026, 1, 1, tzinfo=UTC), {"persona": {}}
        )
        self.began = self.clock.time()
        self.events: list[tuple[str, Any, float]] = []
        self.voice: list[Pcm] = []

    # -- conversation.ports.Conversations ----------------------------------------------------

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
        opening: str | None = None,
    ) -> Conversation:
        if self.refuses is not None:
            raise self.refuses
        self.opened.append((session, records))
        said = spoken_messages([entry for _, entry in views.transcript(records)])
        if opening is None:
            opening = "" if said else self.greeting
        return Conversation(
            Providers(
                EnergyVoiceActivity(),
                self.transcriber,
                self.synthesizer,
                self.agent,
                session.settings["context"]["preferences"]["voice"],
            ),
            output=output,
            listener=listener,
            journal=self.journal.append,
            turns=TurnSettings(),
            replies=ReplySettings(),
            clock=self.clock,
            history=said,
            greeting=opening,
            asides=True,
        )

    async def _read(self, session_id: str) -> Sequence[Record]:
        assert session_id == "s1"
        return self.stored

    # -- ports.TalkListener ------------------------------------------------------------------

    def on_queued(self, position: int) -> None:
        self._note("queued", position)

    def on_ready(self) -> None:
        self._note("ready", None)

    def on_voice(self, pcm: Pcm) -> None:
        self.voice.append(pcm)
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
        self._note("ended", None)

    def _note(self, what: str, value: Any) -> None:
        self.events.append((what, value, round(self.clock.time() - self.began, 3)))

    # -- what happens ------------------------------------------------------------------------

    async def talk(self, voice: str = "NATF2.pt", said: Sequence[Said] = ()) -> CascadeTalk:
        talk = await self.model.open(self.session, Persona(voice), self, said)
        await self.settle()
        return talk

    async def speak(self, talk: CascadeTalk, ms: float, level: int = 8_000) -> None:
        """The user's sound, at the pace of speech."""
        n = samples_of(FRAME_MS, DUPLEX_RATE)
        tone = (level * np.sin(2 * np.pi * 200 * np.arange(n) / DUPLEX_RATE)).astype(np.int16)
        for _ in range(round(ms / FRAME_MS)):
            self.clock.advance(FRAME_MS / 1000)
            talk.hear(tone)
            await self.settle()

    async def quiet(self, talk: CascadeTalk, ms: float) -> None:
        await self.speak(talk, ms, level=0)

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    # -- what came of it ---------------------------------------------------------------------

    def of(self, *kinds: str) -> list[Any]:
        return [value for what, value, _ in self.events if what in kinds]

    @property
    def words(self) -> str:
        return "".join(self.of("words"))

    @property
    def sound(self) -> Pcm:
        return np.concatenate((EMPTY, *self.voice))


@pytest.fixture
async def studio() -> AsyncIterator[Callable[..., Studio]]:
    studios: list[Studio] = []

    def make(**parts: Any) -> Studio:
        studios.append(Studio(**parts))
        return studios[-1]

    yield make
    for each in studios:
        async with asyncio.timeout(5):
            await each.model.close()
        assert each.clock.pending == 0
        assert all(stream.state != "open" for stream in each.transcriber.streams)
        assert each.agent.closed == len(each.agent.heard)
    assert asyncio.all_tasks() == {asyncio.current_task()}
