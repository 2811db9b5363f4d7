"""One reply: read from the agent, split into sentences, spoken, and measured.

Two coroutines make it, each run as a task by the conversation: `read` takes what the agent says,
`speak` gives it a voice, not further ahead of the listener than it must be. Cancelling the tasks
ends the model call and the synthesis. A reply that is `over` tells and writes nothing any more,
even where a provider did not heed the cancelling.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from greenroom.agents.ports import AgentEvent, AnswerDone, TextDelta, ToolRan
from greenroom.audio.pcm import EMPTY, ms_of
from greenroom.conversation.ports import (
    AgentReplied,
    AudioOutput,
    Journal,
    Listener,
    ProviderTrouble,
)
from greenroom.conversation.sentences import SentenceSplitter
from greenroom.conversation.spoken import SpokenReply
from greenroom.conversation.stages import Stages
from greenroom.errors import GreenroomError, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.sessions.model import ToolCallEntry, TranscriptEntry
from greenroom.settings import ReplySettings
from greenroom.speech.ports import SpeechChunk, Synthesizer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

log = logging.getLogger(__name__)

ONE_MOMENT = "One moment, please."
NO_ANSWER = "I'm sorry, I have no answer to that. Could you put it another way?"
TROUBLE = "I'm sorry, something went wrong on my side. Please ask me again."
TOO_SLOW = "I'm sorry, that is taking too long. Please ask me again."

Ask = Callable[[], AsyncIterator[AgentEvent]]
"""Begins an answer. Called in the reply's own task, so that nothing is begun that isn't ended."""

Check = Callable[[str], str]
"""What may be spoken for a sentence (`Agent.check`)."""

MAX_UNSPOKEN = 12
"""Sentences in a row that may not be spoken; then no more is read of the answer."""


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


class Reply:
    """The answer to one turn. `prompt` is what the user is taken to have said.

    `check` sees each sentence of the answer before it is spoken, recorded or told; None: what is
    said is our own and needs no check.
    """

    __slots__ = (
        "_answered",
        "_ask",
        "_check",
        "_complete",
        "_intent",
        "_more",
        "_said",
        "_sentences",
        "_speaking",
        "_spoke",
        "_tools_used",
        "_unspoken",
        "id",
        "over",
        "prompt",
        "spoken",
        "stages",
        "turn_id",
        "usage",
    )

    def __init__(
        self,
        turn_id: str,
        prompt: str,
        ask: Ask,
        speaking: Speaking,
        stages: Stages,
        check: Check | None = None,
    ) -> None:
        self.id = f"reply_{uuid.uuid4().hex[:12]}"
        self.turn_id = turn_id
        self.prompt = prompt
        self.stages = stages
        self.spoken = SpokenReply()
        self.usage: dict[str, int] = {}
        self.over = False
        self._ask = ask
        self._check = check
        self._speaking = speaking
        self._intent = ""
        self._tools_used: list[str] = []
        self._said: list[str] = []
        self._sentences: deque[str] = deque()
        self._more = asyncio.Event()
        self._answered = 0  # characters of the agent's own, spoken or not
        self._spoke = False
        self._unspoken = 0
        self._complete = False

    @property
    def text(self) -> str:
        """All of the answer that has been read from the agent, and what was said in its place."""
        return " ".join(self._said)

    def entry(self, heard: str, end_ms: float | None) -> TranscriptEntry:
        """The reply as the journal has it; `end_ms` is None until it is over."""
        text = self.text
        return TranscriptEntry(
            self.turn_id,
            "assistant",
            heard,
            reply_id=self.id,
            full_text=text if heard != text else None,
            intent=self._intent or None,
            tools_used=tuple(self._tools_used),
            end_ms=end_ms,
        )

    # -- reading -----------------------------------------------------------------------------

    async def read(self) -> None:
        """Read the agent to the end of its answer; what goes wrong is said instead."""
        clock, settings = self._speaking.clock, self._speaking.settings
        patience = clock.call_at(clock.time() + settings.first_token_timeout, self._reassure)
        try:
            await self._read_agent()
        except TimeoutError:
            self._fail(f"no answer within {settings.timeout:g} s", TOO_SLOW)
        except ProviderFailed as error:
            self._fail(str(error), TROUBLE)
        except Exception as error:
            # A defect of the agent or a tool. It ends here: the user is told, the talk goes on.
            log.exception("an agent failed unexpectedly")
            self._fail(type(error).__name__, TROUBLE)
        finally:
            patience.cancel()
        if self.over:
            return
        self._complete = True
        self._more.set()
        text = self.text
        self._speaking.journal(self.entry(text, None))
        self._speaking.listener(
            AgentReplied(self.turn_id, self.id, text, self._intent, tuple(self._tools_used))
        )

    async def _read_agent(self) -> None:
        clock, splitter = self._speaking.clock, SentenceSplitter()
        events = cast("AsyncGenerator[AgentEvent]", self._ask())
        async with aclosing(events), Deadline(clock, self._speaking.settings.timeout) as deadline:
            async for event in events:
                if self.over:
                    return
                match event:
                    case TextDelta(text) if text:
                        deadline.put_off()
                        if self.stages.first_token is None:
                            self.stages.first_token = clock.time()
                        if not self._answer(splitter.push(text)):
                            break
                    case ToolRan():
                        self._note_tool(event)
                    case AnswerDone(intent, usage):
                        self._intent, self.usage = intent, usage
            else:
                self._answer(splitter.finish())
        if not self._spoke and not self.over:
            self._say(NO_ANSWER)

    def _answer(self, sentences: Sequence[str]) -> bool:
        """Say what may be said of them; False once the answer is as long as it may be."""
        for sentence in sentences:
            length = self._answered + len(sentence)
            if self._answered and length > self._speaking.settings.max_characters:
                return False
            self._answered = length
            said = sentence if self._check is None else self._check(sentence)
            self._unspoken = 0 if said else self._unspoken + 1
            if said:
                self._spoke = True
                self._say(said)
            elif self._unspoken >= MAX_UNSPOKEN:
                return False
        return True

    def _note_tool(self, ran: ToolRan) -> None:
        if ran.tool not in self._tools_used:
            self._tools_used.append(ran.tool)
        self._speaking.journal(
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
        if self.stages.first_token is None and not self.over:
            self._say(ONE_MOMENT)

    def _fail(self, why: str, apology: str) -> None:
        if self.over:
            return
        self._intent = self._intent or "apology"
        self._trouble("agent", why)
        self._say(apology)

    def _trouble(self, part: Literal["agent", "synthesizer"], why: str) -> None:
        self._speaking.listener(ProviderTrouble(self.turn_id, part, why))

    # -- speaking ----------------------------------------------------------------------------

    async def speak(self) -> None:
        """Speak all that is read; returns when the listener has heard the end."""
        output, lead = self._speaking.output, self._speaking.settings.lead_ms
        number = 0
        while await self._has_more():
            await output.wait_until_ahead(lead)
            if await self._speak_sentence(number, self._sentences.popleft()):
                number += 1
        if not self.over:
            output.end(self.id)
            await output.wait_until_ahead(0)

    async def _has_more(self) -> bool:
        while not self.over:
            if self._sentences:
                return True
            if self._complete:
                break
            self._more.clear()
            await self._more.wait()
        return False

    async def _speak_sentence(self, number: int, sentence: str) -> bool:
        """Whether there was sound."""
        self.spoken.begin_sentence(sentence)
        before = self.spoken.length_ms
        why = ""
        try:
            await self._synthesize(number, sentence)
        except TimeoutError:
            why = "no audio in time"
        except GreenroomError as error:
            why = str(error)
        except Exception as error:
            # A defect of the synthesizer; as with any failure one sentence goes without sound.
            log.exception("a synthesizer failed unexpectedly")
            why = type(error).__name__
        else:
            self.spoken.end_sentence()
        spoke = self.spoken.length_ms > before
        if self.over:
            return spoke
        if spoke:
            self._speaking.output.write(self.id, number, EMPTY, last=True)
        if why:  # the text has reached the client all the same
            self._trouble("synthesizer", why)
        return spoke

    async def _synthesize(self, number: int, sentence: str) -> None:
        speaking = self._speaking
        rate = speaking.synthesizer.rate
        sound = cast(
            "AsyncGenerator[SpeechChunk]", speaking.synthesizer.speak(sentence, speaking.voice)
        )
        async with aclosing(sound), Deadline(speaking.clock, speaking.settings.timeout) as deadline:
            async for chunk in sound:
                if self.over:
                    return
                deadline.put_off()
                self.spoken.add(
                    ms_of(len(chunk.pcm), rate),
                    tuple((offset, ms_of(onset, rate)) for offset, onset in chunk.words),
                )
                speaking.output.write(self.id, number, chunk.pcm, last=False)
