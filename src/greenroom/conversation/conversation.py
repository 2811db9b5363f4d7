"""A spoken conversation: drives the turn taker with real hearing, thinking and speaking.

Sound comes in by `hear`, a plain call. Each window's verdict on voice activity moves the turn
taker, and the turn taker's actions are carried out here: nothing else decides anything. One task
recognises an ended turn, one task runs the reply; a cut reply is cancelled, and the output ignores
what a cancelled reply might still write.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from greenroom.agents.ports import Agent, AgentEvent, AnswerDone, Message, TextDelta
from greenroom.audio.pcm import HEARING_RATE, Pcm, ms_of, samples_of
from greenroom.audio.speech_gate import SpeechGate
from greenroom.conversation.history import SampleHistory
from greenroom.conversation.ports import (
    AudioOutput,
    Clock,
    Journal,
    Listener,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    Timer,
    UserSaid,
)
from greenroom.conversation.reply import Reply, Speaking, Stages
from greenroom.conversation.turn_taker import (
    Action,
    AskAgain,
    CutReply,
    DropTurn,
    EndTurn,
    HoldReply,
    OpenTurn,
    ResumeReply,
    StartReply,
    TurnTaker,
)
from greenroom.errors import ProviderFailed
from greenroom.sessions.model import ContextEntry, MetricEntry, TranscriptEntry
from greenroom.settings import ReplySettings, TurnSettings
from greenroom.speech.ports import Synthesizer, Transcriber, Transcript, TranscriptionStream

log = logging.getLogger(__name__)

ASK_AGAIN = "Sorry, I didn't catch that. Could you say it again?"
DEAF = "I'm sorry, I couldn't make that out just now. Please say it again."
RECOGNITION_TIMEOUT = 10.0
"""Seconds for the final transcript after the end of a turn."""
HANG_UP_TIMEOUT = 2.0
"""Seconds to recognise what was being said when the user left."""
MAX_HISTORY = 64
"""Messages that an agent is told of; older ones stay in the journal."""


class VoiceActivityStream(Protocol):
    """One microphone's place in the process's voice activity detection."""

    def feed(self, pcm: Pcm) -> None:
        """Take the next 16 kHz samples."""
        ...

    def close(self) -> None:
        """No callback comes after this."""
        ...


class VoiceActivityDetector(Protocol):
    """Tells voice from other sound, for all sessions of the process."""

    def open(self, on_probability: Any, /) -> VoiceActivityStream:
        """`on_probability(probability, end_sample)` is called for each window, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Providers:
    """What a conversation hears, thinks and speaks with."""

    voice_activity: VoiceActivityDetector
    transcriber: Transcriber
    synthesizer: Synthesizer
    agent: Agent
    voice: str


@dataclass(slots=True)
class _Turn:
    """A user's turn while it is being heard and recognised."""

    number: int
    stream: TranscriptionStream
    fed: int
    id: str = field(default_factory=lambda: f"turn_{uuid.uuid4().hex[:12]}")
    onset: int = 0
    until: int = 0
    stages: Stages = field(default_factory=Stages)
    text: str = ""


class Conversation:
    """One user and one agent. Create it on the event loop; end it with `close`."""

    def __init__(
        self,
        providers: Providers,
        *,
        output: AudioOutput,
        listener: Listener,
        journal: Journal,
        turns: TurnSettings,
        replies: ReplySettings,
        clock: Clock,
        history: Iterable[Message] = (),
        greeting: str = "",
    ) -> None:
        self._providers = providers
        self._output = output
        self._listener = listener
        self._journal = journal
        self._clock = clock
        self._greeting = greeting
        self._speaking = Speaking(
            output, providers.synthesizer, providers.voice, clock, replies, journal, listener
        )
        self._turns = TurnTaker(turns)
        self._gate = SpeechGate(turns)
        self._keep = samples_of(turns.pre_roll_ms + turns.min_speech_ms) + 1_024
        self._starvation = turns.starvation_ms / 1000
        self._sound = SampleHistory()
        self._history: deque[Message] = deque(history, maxlen=MAX_HISTORY)
        self._unanswered: list[str] = []
        self._context: dict[str, Any] = {}
        self._turn: _Turn | None = None
        self._recognising: dict[int, _Turn] = {}
        self._reply: Reply | None = None
        self._reply_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_at = clock.time()
        self._starving: Timer | None = None
        self._closed = False
        self._voice = providers.voice_activity.open(self._on_probability)

    async def start(self) -> None:
        """Greet, if there is a greeting and nothing has been said yet."""
        if self._greeting and not self._history:
            self._turns.reply_began()
            self._begin_reply(_new_id("turn"), "", _canned(self._greeting, "greeting"), Stages())

    def hear(self, pcm: Pcm) -> None:
        """Take the next samples of the user's microphone, 16 kHz, any number of them."""
        if self._closed or not len(pcm):
            return
        self._heard_at = self._clock.time()
        self._take(pcm)

    async def close(self) -> None:
        """End: what was being said is recognised and recorded, a reply is cut where it is."""
        if self._closed:
            return
        self._closed = True
        if self._starving is not None:
            self._starving.cancel()
        self._voice.close()
        self._cut_reply()
        if (turn := self._turn) is not None:
            turn.stream.feed(self._sound.read(turn.fed, self._sound.end))
            self._end_turn(turn, self._gate.onset, self._gate.voiced_until)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=HANG_UP_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # -- hearing -----------------------------------------------------------------------------

    def _take(self, pcm: Pcm) -> None:
        self._sound.append(pcm)
        self._voice.feed(pcm)

    def _on_probability(self, probability: float, end: int) -> None:
        gate = self._gate
        speaking = gate.update(probability, end)
        turn = self._turn
        if turn is not None:
            turn.stream.feed(self._sound.read(turn.fed, end))
            turn.fed = end
            self._sound.forget_before(end)
        elif not speaking:
            self._sound.forget_before(end - self._keep)
        for action in self._turns.voice(speaking, gate.onset, gate.voiced_until, end):
            self._carry_out(action, end)

    def _carry_out(self, action: Action, at: int) -> None:
        match action:
            case OpenTurn(number, start):
                self._open_turn(number, start, at)
            case EndTurn(_, onset, until):
                if self._turn is not None:
                    self._end_turn(self._turn, onset, until)
            case DropTurn(_, onset, until):
                self._drop_turn(onset, until)
            case StartReply(number):
                self._answer(self._recognising[number])
            case AskAgain(number):
                turn = self._recognising[number]
                self._begin_reply(turn.id, "", _canned(ASK_AGAIN, "clarification"), turn.stages)
            case HoldReply():
                self._output.pause()
            case ResumeReply():
                self._output.resume()
            case CutReply():
                self._cut_reply()

    def _open_turn(self, number: int, start: int, at: int) -> None:
        stream = self._providers.transcriber.open(lambda partial: self._on_partial(number, partial))
        turn = self._turn = _Turn(number, stream, at)
        stream.feed(self._sound.read(start, at))
        if self._starving is None:
            self._watch_starvation()
        log.debug("turn %s opened at sample %d", turn.id, start)

    def _on_partial(self, number: int, partial: Transcript) -> None:
        turn = self._turn
        if turn is None or turn.number != number or self._closed:
            return
        turn.text = partial.text
        self._turns.words(number, partial.text)
        self._listener(UserSaid(turn.id, partial.text, partial.confidence, final=False))

    def _drop_turn(self, onset: int, until: int) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return
        turn.stream.cancel()
        self._journal(
            MetricEntry(
                self._reply.turn_id if self._reply else None,
                "backchannel",
                {"start_ms": ms_of(onset), "end_ms": ms_of(until)},
            )
        )

    def _watch_starvation(self) -> None:
        self._starving = self._clock.call_at(self._heard_at + self._starvation, self._starve)

    def _starve(self) -> None:
        """A client that stops sending in a turn has stopped talking: silence goes on for it."""
        self._starving = None
        if self._closed or not self._turns.turn_open:
            return
        missing = self._clock.time() - self._heard_at
        if missing >= self._starvation:
            self._heard_at += missing
            self._take(np.zeros(round(missing * HEARING_RATE), np.int16))
        self._watch_starvation()

    # -- recognising -------------------------------------------------------------------------

    def _end_turn(self, turn: _Turn, onset: int, until: int) -> None:
        self._turn = None
        turn.onset, turn.until = onset, until
        now = self._clock.time()
        turn.stages.turn_end = now
        turn.stages.speech_end = now - ms_of(max(self._sound.end - until, 0)) / 1000
        self._recognising[turn.number] = turn
        self._spawn(self._recognise(turn))

    async def _recognise(self, turn: _Turn) -> None:
        try:
            async with asyncio.timeout(RECOGNITION_TIMEOUT):
                final = await turn.stream.finish()
        except (ProviderFailed, TimeoutError) as error:
            self._listener(
                ProviderTrouble(turn.id, "transcriber", str(error) or "no transcript in time")
            )
            final = None
        finally:
            turn.stream.cancel()
        turn.stages.transcript = self._clock.time()
        if final is not None and final.text:
            turn.text = final.text
            self._record_user(turn, final)
        else:
            turn.text = ""
        if not self._closed:
            self._after_transcript(turn, deaf=final is None)
        self._recognising.pop(turn.number, None)

    def _after_transcript(self, turn: _Turn, *, deaf: bool) -> None:
        speech = turn.until - turn.onset
        actions = self._turns.transcript(turn.number, turn.text, speech)
        if turn.text and not actions:
            self._unanswered.append(turn.text)  # the user has gone on: answer both together
        for action in actions:
            if deaf and isinstance(action, AskAgain):
                self._begin_reply(turn.id, "", _canned(DEAF, "apology"), turn.stages)
            else:
                self._carry_out(action, self._sound.end)

    def _record_user(self, turn: _Turn, final: Transcript) -> None:
        self._journal(
            TranscriptEntry(
                turn.id,
                "user",
                final.text,
                confidence=round(final.confidence, 4),
                start_ms=ms_of(turn.onset),
                end_ms=ms_of(turn.until),
            )
        )
        self._listener(UserSaid(turn.id, final.text, final.confidence, final=True))

    # -- answering ---------------------------------------------------------------------------

    def _answer(self, turn: _Turn) -> None:
        prompt = " ".join([*self._unanswered, turn.text])
        self._unanswered.clear()
        events = self._providers.agent.answer(prompt, tuple(self._history))
        self._begin_reply(turn.id, prompt, events, turn.stages)

    def _begin_reply(
        self, turn_id: str, prompt: str, events: AsyncIterator[AgentEvent], stages: Stages
    ) -> None:
        reply = Reply(
            _new_id("reply"), turn_id, prompt, self._speaking, events, self._on_text, stages
        )
        self._reply = reply
        self._reply_task = self._spawn(self._run_reply(reply))

    async def _run_reply(self, reply: Reply) -> None:
        await reply.run()
        if self._reply is not reply:
            return
        self._reply = self._reply_task = None
        self._record_reply(reply, reply.spoken.length_ms, reply.text)
        self._listener(ReplyFinished(reply.turn_id, reply.id, reply.spoken.length_ms))
        for action in self._turns.reply_over():
            self._carry_out(action, self._sound.end)

    def _on_text(self, reply: Reply) -> None:
        """The whole text is known: it is recorded now, and again when it has been heard."""
        self._journal(self._reply_entry(reply, reply.text, None))

    def _cut_reply(self) -> None:
        reply, task = self._reply, self._reply_task
        self._reply = self._reply_task = None
        if reply is None or task is None:
            return
        played = self._output.flush()
        # Also a reply that was cancelled before its first step must not leave its agent open.
        task.cancel()
        heard = reply.spoken.heard(played)
        self._record_reply(reply, played, heard)
        self._listener(ReplyInterrupted(reply.turn_id, reply.id, heard, played))

    def _record_reply(self, reply: Reply, played_ms: float, heard: str) -> None:
        self._journal(self._reply_entry(reply, heard, ms_of(self._sound.end)))
        if heard:
            if reply.prompt:
                self._history.append(Message("user", reply.prompt))
            self._history.append(Message("assistant", heard))
        elif reply.prompt:
            self._unanswered.append(reply.prompt)
        sent, first_heard = self._output.first_times()
        reply.stages.first_audio_sent, reply.stages.first_audio_heard = sent, first_heard
        self._journal(
            MetricEntry(
                reply.turn_id,
                "stages",
                {
                    **reply.stages.after_speech_ms(),
                    "played_ms": round(played_ms, 1),
                    **({"usage": reply.usage} if reply.usage else {}),
                },
            )
        )
        context = self._providers.agent.snapshot()
        if context != self._context:
            self._context = context
            self._journal(ContextEntry(reply.turn_id, context))

    def _reply_entry(self, reply: Reply, heard: str, end_ms: float | None) -> TranscriptEntry:
        return TranscriptEntry(
            reply.turn_id,
            "assistant",
            heard,
            reply_id=reply.id,
            full_text=reply.text if heard != reply.text else None,
            intent=reply.intent or None,
            tools_used=tuple(reply.tools_used),
            end_ms=end_ms,
        )

    # -- tasks -------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        # A defect of ours: the session must not stay stuck in a turn that nobody will finish.
        log.error("a conversation's task failed", exc_info=error)
        if not self._closed:
            self._cut_reply()
            self._turns.reply_over()


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:12]}"


async def _canned(text: str, intent: str) -> AsyncIterator[AgentEvent]:
    """A reply that needs no agent."""
    yield TextDelta(text)
    yield AnswerDone(intent)


def spoken_messages(entries: Sequence[TranscriptEntry]) -> list[Message]:
    """What was said and heard, as an agent is told of it when a conversation is taken up again."""
    return [Message(e.role, e.text) for e in entries if e.text]
