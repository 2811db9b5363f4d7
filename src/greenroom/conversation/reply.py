"""One reply: read from the agent, split into sentences, spoken, and measured.

A reply owns two tasks: one reads the agent, one speaks what was read. Cancelling `run` ends both,
and with them the model call and the synthesis.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from greenroom.agents.ports import AgentEvent, AnswerDone, TextDelta, ToolRan
from greenroom.audio.pcm import EMPTY, ms_of
from greenroom.conversation.ports import (
    AgentReplied,
    AudioOutput,
    Clock,
    Journal,
    Listener,
    ProviderTrouble,
)
from greenroom.conversation.sentences import SentenceSplitter
from greenroom.conversation.spoken import SpokenReply
from greenroom.errors import GreenroomError, ProviderFailed
from greenroom.sessions.model import ToolCallEntry
from greenroom.settings import ReplySettings
from greenroom.speech.ports import Synthesizer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ONE_MOMENT = "One moment, please."
NO_ANSWER = "I'm sorry, I have no answer to that. Could you put it another way?"
TROUBLE = "I'm sorry, something went wrong on my side. Please ask me again."
TOO_SLOW = "I'm sorry, that is taking too long. Please ask me again."


@dataclass(frozen=True, slots=True)
class Speaking:
    """What every reply of a conversation is made with."""

    output: AudioOutput
    synthesizer: Synthesizer
    voice: str
    clock: Clock
    settings: ReplySettings
    journal: Journal
    listener: Listener


@dataclass(slots=True)
class Stages:
    """When things happened, in the clock's seconds; None: not (yet)."""

    speech_end: float | None = None
    turn_end: float | None = None
    transcript: float | None = None
    first_token: float | None = None
    first_audio_sent: float | None = None
    first_audio_heard: float | None = None

    def after_speech_ms(self) -> dict[str, float]:
        """Each stage in ms after the end of the user's speech."""
        if self.speech_end is None:
            return {}
        named = {
            "turn_end_ms": self.turn_end,
            "transcript_ms": self.transcript,
            "first_token_ms": self.first_token,
            "first_audio_sent_ms": self.first_audio_sent,
            "first_audio_heard_ms": self.first_audio_heard,
        }
        return {
            name: round((at - self.speech_end) * 1000, 3)
            for name, at in named.items()
            if at is not None
        }


@dataclass(slots=True)
class Reply:
    """The answer to one turn. `prompt` is what the user is taken to have said."""

    id: str
    turn_id: str
    prompt: str
    speaking: Speaking
    events: AsyncIterator[AgentEvent]
    on_complete: Callable[[Reply], None]
    stages: Stages = field(default_factory=Stages)
    spoken: SpokenReply = field(default_factory=SpokenReply)
    intent: str = ""
    tools_used: list[str] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    _sentences: deque[str] = field(default_factory=deque)
    _said: list[str] = field(default_factory=list)
    _complete: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        """All of the answer that has been read from the agent."""
        return " ".join(self._said)

    async def run(self) -> None:
        """Make and speak the reply; returns when the listener has heard its end."""
        output = self.speaking.output
        output.begin(self.id, self.turn_id, self.speaking.synthesizer.rate)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            await self._speak()
        output.end(self.id)
        await output.wait_until_ahead(0)

    # -- reading -----------------------------------------------------------------------------

    async def _read(self) -> None:
        clock, settings = self.speaking.clock, self.speaking.settings
        patience = clock.call_at(clock.time() + settings.first_token_timeout, self._reassure)
        try:
            await self._read_agent()
        except TimeoutError:
            self._fail("agent", f"no answer within {settings.timeout:g} s", TOO_SLOW)
        except ProviderFailed as error:
            self._fail("agent", str(error), TROUBLE)
        finally:
            patience.cancel()
        if not self._said:
            self._say(NO_ANSWER)
        self.speaking.listener(
            AgentReplied(self.turn_id, self.id, self.text, self.intent, tuple(self.tools_used))
        )
        self._complete = True
        self._more.set()
        self.on_complete(self)

    async def _read_agent(self) -> None:
        splitter = SentenceSplitter()
        length, limit = 0, self.speaking.settings.max_characters
        time_limit = self.speaking.settings.timeout
        events = cast("AsyncGenerator[AgentEvent]", self.events)
        loop = asyncio.get_running_loop()
        async with aclosing(events), asyncio.timeout(time_limit) as timeout:
            async for event in events:
                timeout.reschedule(loop.time() + time_limit)
                match event:
                    case TextDelta(text):
                        if self.stages.first_token is None:
                            self.stages.first_token = self.speaking.clock.time()
                        for sentence in splitter.push(text):
                            length += len(sentence)
                            if length > limit:
                                return
                            self._say(sentence)
                    case ToolRan():
                        self._note_tool(event)
                    case AnswerDone(intent, usage):
                        self.intent, self.usage = intent, usage
        for sentence in splitter.finish():
            if length + len(sentence) <= limit:
                self._say(sentence)

    def _note_tool(self, ran: ToolRan) -> None:
        if ran.tool not in self.tools_used:
            self.tools_used.append(ran.tool)
        self.speaking.journal(
            ToolCallEntry(
                self.turn_id, ran.tool, ran.arguments, ran.result, ran.ok, ran.duration_ms
            )
        )

    def _say(self, sentence: str) -> None:
        self._said.append(sentence)
        self._sentences.append(sentence)
        self._more.set()

    def _reassure(self) -> None:
        """The model takes long: the user should not wonder whether they were heard."""
        if not self._said:
            self._say(ONE_MOMENT)

    def _fail(self, part: str, why: str, apology: str) -> None:
        self.intent = self.intent or "apology"
        self._trouble(part, why)
        self._say(apology)

    def _trouble(self, part: str, why: str) -> None:
        # One of the literals of ProviderTrouble.part, by the two callers of this class.
        self.speaking.listener(ProviderTrouble(self.turn_id, part, why))  # type: ignore[arg-type]

    # -- speaking ----------------------------------------------------------------------------

    async def _speak(self) -> None:
        number = 0
        while True:
            while not self._sentences:
                if self._complete:
                    return
                self._more.clear()
                await self._more.wait()
            await self.speaking.output.wait_until_ahead(self.speaking.settings.lead_ms)
            sentence = self._sentences.popleft()
            self.spoken.begin_sentence(sentence)
            try:
                await self._synthesize(number, sentence)
            except (GreenroomError, TimeoutError) as error:
                # The text has reached the client; the sound of one sentence is missing.
                self._trouble("synthesizer", str(error) or "no audio in time")
            number += 1

    async def _synthesize(self, number: int, sentence: str) -> None:
        speaking = self.speaking
        rate, output = speaking.synthesizer.rate, speaking.output
        sound = speaking.synthesizer.speak(sentence, speaking.voice)
        time_limit = speaking.settings.timeout
        loop = asyncio.get_running_loop()
        wrote = False
        try:
            async with (
                aclosing(cast("AsyncGenerator[object]", sound)),
                asyncio.timeout(time_limit) as timeout,
            ):
                async for chunk in sound:
                    timeout.reschedule(loop.time() + time_limit)
                    self.spoken.add(
                        ms_of(len(chunk.pcm), rate),
                        tuple((offset, ms_of(onset, rate)) for offset, onset in chunk.words),
                    )
                    output.write(self.id, number, chunk.pcm, last=False)
                    wrote = True
        finally:
            if wrote:
                output.write(self.id, number, EMPTY, last=True)
