"""A spoken conversation: drives the turn taker with real hearing, thinking and speaking.

Sound comes in by `hear`, a plain call. Each window's verdict on voice activity moves the turn
taker, and the turn taker's actions are carried out here: nothing else decides anything. One task
recognises an ended turn, two make the reply; those of a cut reply are cancelled, and what they
might still say or write is ignored.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from greenroom.agents.ports import Agent, AgentEvent, AnswerDone, Message, TextDelta
from greenroom.audio.pcm import Pcm, ms_of
from greenroom.conversation.microphone import (
    Microphone,
    VoiceActivityDetector,
    VoiceActivityStream,
)
from greenroom.conversation.ports import (
    AudioOutput,
    Journal,
    Listener,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    UserAside,
    UserSaid,
)
from greenroom.conversation.reply import Ask, Check, Reply, Speaking
from greenroom.conversation.stages import Stages
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
from greenroom.conversation.user_turn import UserTurn, open_stream
from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.sessions.model import ContextEntry, Entry, MetricEntry, TranscriptEntry
from greenroom.settings import ReplySettings, TurnSettings
from greenroom.speech.ports import Synthesizer, Transcriber, Transcript

__all__ = [
    "Conversation",
    "Providers",
    "VoiceActivityDetector",
    "VoiceActivityStream",
    "spoken_messages",
]

log = logging.getLogger(__name__)

ASK_AGAIN = "Sorry, I didn't catch that. Could you say it again?"
DEAF = "I'm sorry, I couldn't make that out just now. Please say it again."
CATCH_UP_TIMEOUT = 1.0
"""Seconds to judge, after a hang-up, the sound that came before it."""
HANG_UP_TIMEOUT = 2.0
"""Seconds to recognise what was being said when the user left, and to end what was begun."""
MAX_HISTORY = 64
"""Messages that an agent is told of; older ones stay in the journal."""


@dataclass(frozen=True, slots=True)
class Providers:
    """What a conversation hears, thinks and speaks with."""

    voice_activity: VoiceActivityDetector
    transcriber: Transcriber
    synthesizer: Synthesizer
    agent: Agent
    voice: str


class Conversation:
    """One user and one agent. Create it on the event loop; end it with `close`.

    With `asides` what the user says beside a reply is recognised too where it is no turn ('mm-hm'),
    and told as UserAside.
    """

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
        asides: bool = False,
    ) -> None:
        self._providers = providers
        self._output = output
        self._listener = listener
        self._journal = journal
        self._clock = clock
        self._greeting = greeting
        self._asides = asides
        self._speaking = Speaking(
            output,
            providers.synthesizer,
            providers.voice,
            clock,
            replies,
            self._record,
            listener,
        )
        self._history: deque[Message] = deque(history, maxlen=MAX_HISTORY)
        self._unanswered: list[str] = []
        self._context: dict[str, Any] = {}
        self._turns = TurnTaker(turns)
        self._turn: UserTurn | None = None
        self._recognising: deque[UserTurn] = deque()
        self._reply: Reply | None = None
        self._reply_tasks: Sequence[asyncio.Task[None]] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._microphone = Microphone(providers.voice_activity, turns, clock, self._on_window)

    async def start(self) -> None:
        """Say the greeting, if there is one and nobody is speaking."""
        if self._greeting and self._turns.idle and not self._closed:
            self._turns.reply_began()
            self._say(_new_turn_id(), self._greeting, "greeting", Stages())

    def hear(self, pcm: Pcm) -> None:
        """Take the next samples of the user's microphone, 16 kHz, any number of them."""
        if not self._closed and len(pcm):
            self._microphone.hear(pcm)

    def heard(self) -> str:
        """The words of the current reply that the user has heard by now."""
        reply = self._reply
        return reply.spoken.heard(self._output.played_ms()) if reply is not None else ""

    def begun(self) -> str:
        """The words of the current reply of which the user has heard the beginning by now."""
        reply = self._reply
        return reply.spoken.begun(self._output.played_ms()) if reply is not None else ""

    def say_as_user(self, text: str) -> None:
        """Take `text` as said by the user, who writes instead of speaking.

        A reply that is being given is cut. Where the user speaks as well, or what they said is
        still being recognised, both are answered together.
        """
        text = text.strip()
        if self._closed or not text:
            return
        actions = self._turns.typed()
        if CutReply() in actions:
            self._cut_reply()
        turn_id, now, at = _new_turn_id(), self._clock.time(), self._microphone.end
        moment, own = ms_of(at), ms_of(at - self._microphone.padding)
        self._record(
            TranscriptEntry(turn_id, "user", text, start_ms=moment, end_ms=moment, confidence=1.0)
        )
        self._listener(UserSaid(turn_id, text, 1.0, final=True, start_ms=own, end_ms=own))
        self._unanswered.append(text)
        if any(isinstance(action, StartReply) for action in actions):
            stages = Stages(speech_end=now, turn_end=now, transcript=now)
            self._answer(turn_id, " ".join(self._unanswered), stages)

    def end_turn(self) -> None:
        """The user says that they have finished; what has come of their sound is judged first."""
        if not self._closed:
            self._spawn(self._finish_turn())

    def interrupt(self) -> None:
        """Cut the reply that is spoken, as where the user can't hear it any more."""
        self._cut_reply()
        self._carry_out(self._turns.give_up(), self._microphone.end)

    async def close(self) -> None:
        """End: what was being said is recognised and recorded, a reply is cut where it is.

        Takes CATCH_UP_TIMEOUT and HANG_UP_TIMEOUT at most if the providers end when they are
        cancelled. May be called again; each call returns when all has ended.
        """
        try:
            await self._hear_the_rest()
        finally:
            self._hang_up()
        try:
            await self._all_tasks_end()
        finally:
            for task in self._tasks:
                task.cancel()
        await self._all_tasks_end()
        if self._tasks:
            log.error("%d tasks of a conversation do not end", len(self._tasks))
        self._record_context(None)

    async def _hear_the_rest(self) -> None:
        """Who sends faster than voice is judged, and hangs up, has still said all of it."""
        if self._closed:
            return
        try:
            async with Deadline(self._clock, CATCH_UP_TIMEOUT):
                await self._microphone.catch_up()
        except TimeoutError:
            log.warning("what was said last before a hang-up is not judged in time")

    def _hang_up(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._microphone.close()
        self._cut_reply()
        self._feed_turn(self._microphone.end)
        self._carry_out(self._turns.hang_up(), self._microphone.end)

    async def _all_tasks_end(self) -> None:
        try:
            async with Deadline(self._clock, HANG_UP_TIMEOUT):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            pass

    # -- hearing -----------------------------------------------------------------------------

    def _on_window(self, speaking: bool, onset: int, voiced_until: int, end: int) -> None:
        self._feed_turn(end)
        actions = self._turns.voice(speaking, onset, voiced_until, end)
        if actions:
            self._carry_out(actions, end)

    def _feed_turn(self, end: int) -> None:
        """The turn's recogniser hears what has come up to `end`."""
        turn = self._turn
        if turn is not None:
            turn.stream.feed(self._microphone.read(turn.fed, end))
            turn.fed = end

    def _carry_out(self, actions: Sequence[Action], at: int) -> None:
        for action in actions:
            match action:
                case OpenTurn(number, start):
                    self._open_turn(number, start, at)
                case EndTurn(_, onset, until):
                    self._end_turn(onset, until)
                case DropTurn(_, onset, until):
                    self._drop_turn(onset, until)
                case HoldReply():
                    self._output.pause()
                case ResumeReply():
                    self._output.resume()
                case CutReply():
                    self._cut_reply()

    def _open_turn(self, number: int, start: int, at: int) -> None:
        stream = open_stream(
            self._providers.transcriber, lambda partial: self._on_partial(number, partial)
        )
        self._turn = UserTurn(number, stream, self._clock.time(), at, self._microphone.padding)
        stream.feed(self._microphone.read(start, at))
        self._microphone.watch()

    def _on_partial(self, number: int, partial: Transcript) -> None:
        turn = self._turn
        if turn is None or turn.number != number:
            return
        self._turns.words(number, partial.text)
        if self._turns.has_floor:  # else it may be nothing: a 'mm-hm' is no one's turn
            self._tell_user(turn, partial, self._turns.onset, turn.fed)

    def _tell_user(self, turn: UserTurn, said: Transcript, onset: int, until: int) -> None:
        start, end = turn.own_ms(onset), turn.own_ms(until)
        self._listener(UserSaid(turn.id, said.text, said.confidence, said.final, start, end))

    def _drop_turn(self, onset: int, until: int) -> None:
        turn, self._turn = self._turn, None
        self._microphone.unwatch()
        if turn is None:
            return
        if self._asides:
            turn.aside, turn.onset = True, onset
            self._recognising.append(turn)
            self._spawn(self._recognise(turn))
        else:
            turn.stream.cancel()
        spoken_over = self._reply.turn_id if self._reply is not None else None
        self._record(
            MetricEntry(
                spoken_over, "backchannel", {"start_ms": ms_of(onset), "end_ms": ms_of(until)}
            )
        )

    # -- recognising -------------------------------------------------------------------------

    async def _finish_turn(self) -> None:
        try:
            async with Deadline(self._clock, CATCH_UP_TIMEOUT):
                await self._microphone.catch_up()
        except TimeoutError:
            log.warning("what was said at the end of a turn is not judged in time")
        self._feed_turn(self._microphone.end)
        self._carry_out(self._turns.end_turn(self._microphone.end), self._microphone.end)

    def _end_turn(self, onset: int, until: int) -> None:
        turn, self._turn = self._turn, None
        self._microphone.unwatch()
        if turn is None:
            return
        turn.onset, turn.until = onset, until
        turn.stages.turn_end = self._clock.time()
        # A recording that is sent at once has ended when it came, not a while before.
        turn.stages.speech_end = max(self._microphone.time_of(until), turn.opened_at)
        self._recognising.append(turn)
        self._spawn(self._recognise(turn))

    async def _recognise(self, turn: UserTurn) -> None:
        await turn.recognise(self._clock)
        # In the order in which they were spoken, whichever was recognised first.
        while self._recognising and self._recognising[0].recognised:
            self._on_recognised(self._recognising.popleft())

    def _on_recognised(self, turn: UserTurn) -> None:
        final = turn.final
        if turn.aside:
            if final is not None and final.text:
                self._listener(UserAside(turn.id, final.text, turn.own_ms(turn.onset)))
            return
        if final is None:
            self._listener(ProviderTrouble(turn.id, "transcriber", turn.trouble))
        elif final.text:
            self._record(
                TranscriptEntry(
                    turn.id,
                    "user",
                    final.text,
                    confidence=round(final.confidence, 4),
                    start_ms=ms_of(turn.onset),
                    end_ms=ms_of(turn.until),
                )
            )
            self._tell_user(turn, final, turn.onset, turn.until)
            self._unanswered.append(final.text)
        if not self._closed:
            self._respond(turn)
        if self._reply is None or self._reply.turn_id != turn.id:
            self._record(MetricEntry(turn.id, "stages", turn.stages.after_speech_ms()))

    # -- answering ---------------------------------------------------------------------------

    def _respond(self, turn: UserTurn) -> None:
        # What an earlier turn said and nobody answered is to be answered too.
        words, speech = " ".join(self._unanswered), turn.until - turn.onset
        for action in self._turns.transcript(turn.number, words, speech):
            match action:
                case StartReply():
                    self._answer(turn.id, words, turn.stages)
                case AskAgain() if turn.trouble:
                    self._say(turn.id, DEAF, "apology", turn.stages)
                case AskAgain():
                    self._say(turn.id, ASK_AGAIN, "clarification", turn.stages)
                case _:
                    self._carry_out((action,), self._microphone.end)

    def _answer(self, turn_id: str, prompt: str, stages: Stages) -> None:
        self._unanswered.clear()
        agent, history = self._providers.agent, tuple(self._history)
        self._begin_reply(
            turn_id, prompt, lambda: agent.answer(prompt, history), stages, agent.check
        )

    def _say(self, turn_id: str, text: str, intent: str, stages: Stages) -> None:
        """A reply that needs no agent."""
        self._begin_reply(turn_id, "", lambda: _canned(text, intent), stages)

    def _begin_reply(
        self, turn_id: str, prompt: str, ask: Ask, stages: Stages, check: Check | None = None
    ) -> None:
        reply = self._reply = Reply(turn_id, prompt, ask, self._speaking, stages, check)
        self._output.begin(reply.id, turn_id, self._providers.synthesizer.rate)
        self._reply_tasks = (self._spawn(reply.read()), self._spawn(self._speak(reply)))

    async def _speak(self, reply: Reply) -> None:
        await reply.speak()
        if reply.over:
            return
        reply.over = True
        self._reply, self._reply_tasks = None, ()
        self._carry_out(self._turns.reply_over(), self._microphone.end)
        length = reply.spoken.length_ms
        self._record_reply(reply, reply.text, length)
        self._listener(ReplyFinished(reply.turn_id, reply.id, length))

    def _cut_reply(self) -> None:
        reply, tasks = self._reply, self._reply_tasks
        if reply is None:
            return
        reply.over = True
        self._reply, self._reply_tasks = None, ()
        for task in tasks:
            task.cancel()
        times = self._output.first_times()
        played = self._output.flush()
        heard = reply.spoken.heard(played)
        self._record_reply(reply, heard, played, times)
        self._listener(ReplyInterrupted(reply.turn_id, reply.id, heard, played))

    # -- recording ---------------------------------------------------------------------------

    def _record_reply(
        self,
        reply: Reply,
        heard: str,
        played_ms: float,
        first_times: tuple[float | None, float | None] | None = None,
    ) -> None:
        if heard:
            if reply.prompt:
                self._history.append(Message("user", reply.prompt))
            self._history.append(Message("assistant", heard))
        elif reply.prompt:  # as if it had never been begun
            self._unanswered.append(reply.prompt)
        if reply.text:
            self._record(reply.entry(heard, ms_of(self._microphone.end)))
        stages = reply.stages
        stages.first_audio_sent, stages.first_audio_heard = (
            first_times or self._output.first_times()
        )
        values: dict[str, Any] = {**stages.after_speech_ms(), "played_ms": round(played_ms, 1)}
        if reply.usage:
            values["usage"] = reply.usage
        self._record(MetricEntry(reply.turn_id, "stages", values))
        self._record_context(reply.turn_id)

    def _record_context(self, turn_id: str | None) -> None:
        context = self._providers.agent.snapshot()
        if context != self._context:
            self._context = context
            self._record(ContextEntry(turn_id, context))

    def _record(self, entry: Entry) -> None:
        try:
            self._journal(entry)
        except InvalidInput as error:
            # Say, a tool's result that isn't JSON: no reason to end a talk.
            log.error("a %s entry is not kept: %s", entry.kind, error)  # noqa: TRY400

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
            self.interrupt()


def _new_turn_id() -> str:
    return f"turn_{uuid.uuid4().hex[:12]}"


async def _canned(text: str, intent: str) -> AsyncIterator[AgentEvent]:
    yield TextDelta(text)
    yield AnswerDone(intent)


def spoken_messages(entries: Sequence[TranscriptEntry]) -> list[Message]:
    """What was said and heard, as an agent is told of it when a conversation is taken up again."""
    return [Message(e.role, e.text) for e in entries if e.text]
