"""A conversation on a bench: time stands still but for `say` and `quiet`, and all is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pytest

from greenroom.agents.ports import Message
from greenroom.audio.pcm import Pcm, samples_of
from greenroom.conversation.conversation import Conversation, Providers
from greenroom.conversation.ports import ConversationEvent
from greenroom.sessions.model import Entry, MetricEntry, TranscriptEntry
from greenroom.settings import ReplySettings, TurnSettings
from greenroom.testing import (
    EnergyVoiceActivity,
    ManualClock,
    RecordingOutput,
    ScriptedAgent,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)

FRAME_MS = 20
E = TypeVar("E")


class Talk:
    """Everything around one conversation. Times are ms of the user's sound."""

    def __init__(
        self,
        *,
        texts: Sequence[str | Exception] = ("hello",),
        answers: Sequence[str | Sequence[Any]] = ("All right.",),
        transcriber: Any = None,
        synthesizer: Any = None,
        agent: Any = None,
        hold: asyncio.Event | None = None,
        history: Sequence[Message] = (),
        greeting: str = "",
        turns: TurnSettings | None = None,
        replies: ReplySettings | None = None,
        on_event: Callable[[ConversationEvent], None] | None = None,
        on_entry: Callable[[Entry], None] | None = None,
        voice_activity: Any = None,
        asides: bool = False,
    ) -> None:
        self.clock = ManualClock()
        self.output = RecordingOutput(self.clock)
        self.transcriber = transcriber or ScriptedTranscriber(texts, hold=hold, keep_sound=True)
        self.synthesizer = synthesizer or ScriptedSynthesizer()
        self.agent = agent or ScriptedAgent(answers)
        self.events: list[ConversationEvent] = []
        self.journal: list[Entry] = []
        self.sample = 0
        self._on_event, self._on_entry = on_event, on_entry
        self.conversation = Conversation(
            Providers(
                voice_activity or EnergyVoiceActivity(),
                self.transcriber,
                self.synthesizer,
                self.agent,
                "Ashley",
            ),
            output=self.output,
            listener=self._listen,
            journal=self._write,
            turns=turns or TurnSettings(),
            replies=replies or ReplySettings(),
            clock=self.clock,
            history=history,
            greeting=greeting,
            asides=asides,
        )

    def _listen(self, event: ConversationEvent) -> None:
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def _write(self, entry: Entry) -> None:
        if self._on_entry is not None:
            self._on_entry(entry)
        self.journal.append(entry)

    # -- what the user does ------------------------------------------------------------------

    def sound(self, ms: float, *, voice: bool) -> Pcm:
        """The next samples: each tells its own number, so that none can be lost or moved."""
        n = samples_of(ms)
        numbers = np.arange(self.sample, self.sample + n)
        self.sample += n
        return ((1_000 + numbers % 20_000) if voice else numbers % 150).astype(np.int16)

    async def say(self, ms: float) -> None:
        """Speak at the pace of speech."""
        await self._live(ms, voice=True)

    async def quiet(self, ms: float) -> None:
        """Be silent, with an open microphone."""
        await self._live(ms, voice=False)

    async def turn(self, ms: float = 1_000) -> None:
        """Say something and wait until it has been noticed that this was all."""
        await self.say(ms)
        await self.quiet(700)

    async def _live(self, ms: float, *, voice: bool) -> None:
        for _ in range(round(ms / FRAME_MS)):
            self.clock.advance(FRAME_MS / 1000)
            self.conversation.hear(self.sound(FRAME_MS, voice=voice))
            await self.settle()

    async def wait(self, seconds: float) -> None:
        """Let time pass without any sound from the user."""
        steps = max(1, round(seconds / (0.1 if seconds < 10 else 0.5)))
        for _ in range(steps):
            self.clock.advance(seconds / steps)
            await self.settle()

    async def settle(self) -> None:
        """Let tasks do what they can do now."""
        ready = asyncio.get_running_loop()._ready  # it has no public name
        for _ in range(12):
            await asyncio.sleep(0)
            if not ready:
                return

    # -- what came of it ---------------------------------------------------------------------

    def of(self, kind: type[E]) -> list[E]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def entries(self, kind: type[E]) -> list[E]:
        """The journal's entries of a kind."""
        return [entry for entry in self.journal if isinstance(entry, kind)]

    def transcript(self) -> list[tuple[str, str]]:
        """Who said what, as the journal has it: the later entry of a reply replaces the earlier."""
        said: dict[str, tuple[str, str]] = {}
        for entry in self.entries(TranscriptEntry):
            said[entry.reply_id or entry.turn_id] = (entry.role, entry.text)
        return list(said.values())

    def metrics(self, name: str) -> list[dict[str, Any]]:
        """The values of the metrics of a name."""
        return [m.values for m in self.entries(MetricEntry) if m.name == name]

    @property
    def sentences(self) -> list[str]:
        """The sentences that were given a voice."""
        return [text for text, _ in self.synthesizer.spoken]

    @property
    def said(self) -> str:
        """All that the agent has said."""
        return " ".join(self.sentences)

    @property
    def prompts(self) -> list[str]:
        """What the agent was asked."""
        return [prompt for prompt, _ in self.agent.heard]

    def heard_by(self, stream: int) -> Pcm:
        """What a turn's recogniser was fed."""
        return np.concatenate(self.transcriber.streams[stream].sound)


@pytest.fixture
def make_talk() -> Callable[..., Talk]:
    """Makes talks that the test itself closes."""
    return Talk


@pytest.fixture
async def talk() -> AsyncIterator[Callable[..., Talk]]:
    """Makes talks, and sees that each leaves nothing behind."""
    talks: list[Talk] = []

    def make(**parts: Any) -> Talk:
        talks.append(Talk(**parts))
        return talks[-1]

    yield make
    for each in talks:
        async with asyncio.timeout(5):
            await each.conversation.close()
        assert each.clock.pending == 0
        for stream in getattr(each.transcriber, "streams", []):
            assert stream.state != "open"
        if isinstance(each.agent, ScriptedAgent):
            assert each.agent.closed == len(each.agent.heard)
    assert asyncio.all_tasks() == {asyncio.current_task()}
