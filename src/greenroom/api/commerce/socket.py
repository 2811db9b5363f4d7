"""One WebSocket of the voice API, from its handshake to the last thing it leaves behind.

One task reads and acts, one task sends; whatever ends the socket (the client, a timer, another
socket, an operator, a defect) says so once, by an `Ending`, and one place winds everything up.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.types import Message, Receive, Send

from greenroom.api.auth import Principal
from greenroom.api.commerce import protocol
from greenroom.api.commerce.audio_input import AheadOfTime, AudioIntake
from greenroom.api.commerce.errors import Code, WireError, wire_error
from greenroom.api.commerce.models import StartData
from greenroom.api.commerce.output import SocketOutput
from greenroom.api.commerce.parts import CommerceParts, Conversation
from greenroom.api.commerce.protocol import (
    AudioInput,
    Command,
    EndSession,
    PlaybackPosition,
    StartSession,
)
from greenroom.api.commerce.sockets import GONE_TIMEOUT, VoiceSockets, wait_at_most
from greenroom.api.commerce.starting import find_session, with_context
from greenroom.api.commerce.writer import Outgoing, Writer
from greenroom.api.livekit import room_name
from greenroom.conversation.ports import (
    AgentReplied,
    ConversationEvent,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    UserSaid,
)
from greenroom.errors import ClientError, GreenroomError, InvalidInput
from greenroom.sessions.model import EndReason, Session, Status

log = logging.getLogger(__name__)

MAX_ERRORS = 100
ERROR_WINDOW = 60.0
"""A client that makes so many mistakes in so many seconds is hung up on."""

FLUSH_TIMEOUT = 2.0
"""Seconds for what is queued, and then for the close, to leave."""

CONTROL = "control messages in one session"

DEFAULT_PCM_RATE = 24_000
"""Hz of pcm16 output where the client named no rate."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a socket ends. `status` and `reason` are the session's, None where it lives on."""

    code: int
    why: str
    status: Status | None = None
    reason: EndReason | None = None
    tell: WireError | None = None


HUNG_UP = Ending(1000, "")
"""The client closed, or its connection broke: it may come back."""

_STOPS = {
    EndReason.REPLACED: Ending(1008, "replaced: the session is used by another connection"),
    EndReason.DRAINED: Ending(
        1012, "drained: the server is restarting", Status.STOPPED, EndReason.DRAINED
    ),
}

_ENDED_BY_CLIENT = Ending(1000, "session ended", Status.COMPLETED, EndReason.CLIENT_STOPPED)


class VoiceSocket:
    """Drives one accepted WebSocket. `run` returns when nothing of it is left."""

    def __init__(
        self,
        parts: CommerceParts,
        sockets: VoiceSockets,
        principal: Principal,
        address: str,
        receive: Receive,
        send: Send,
    ) -> None:
        self.session_id: str | None = None
        self.gone = asyncio.Event()
        self._parts = parts
        self._sockets = sockets
        self._principal = principal
        self._address = address
        self._own_id = uuid.uuid4().hex
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Ending] = self._loop.create_future()
        self._writer = Writer(send, self._on_writer_failure)
        self._intake = AudioIntake(self._loop, parts.settings.server.max_audio_ahead_ms)
        self._output: SocketOutput | None = None
        self._conversation: Conversation | None = None
        self._release: Callable[[], None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._errors: deque[float] = deque(maxlen=MAX_ERRORS)
        self._active_at = self._loop.time()
        self._speaking = False
        self._interim = False
        self._events: frozenset[str] = frozenset()

    def stop(self, reason: EndReason) -> None:
        """End from outside. REPLACED leaves the session to whoever has taken it."""
        ending = _STOPS.get(reason) or Ending(1000, reason.value, Status.STOPPED, reason)
        self._end(ending)

    async def run(self) -> None:
        """Serve the socket, which the client has been told is accepted."""
        handshake = self._parts.settings.server.handshake_timeout
        self._after(handshake, self._on_handshake_timeout)
        reader = self._loop.create_task(self._read())
        writer = self._loop.create_task(self._writer.run())
        for task in (reader, writer):
            task.add_done_callback(self._on_task_done)
        ending = HUNG_UP
        try:
            ending = await self._over
        finally:
            # Also where the server is told to stop at once: what was said is still recorded.
            await self._wind_up(ending, reader, writer)

    # -- reading -----------------------------------------------------------------------------

    async def _read(self) -> None:
        while not self._over.done():
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._end(HUNG_UP)
                return
            try:
                await self._take(message)
            except (GreenroomError, TimeoutError) as error:
                self._refuse(error)

    async def _take(self, message: Message) -> None:
        try:
            command = self._parse(message.get("text"))
        except InvalidInput:
            await self._count_control()
            raise
        if isinstance(command, AudioInput):
            await self._hear(command)
            return
        self._active_at = self._loop.time()
        match command:
            case EndSession():
                await self._end_session()
            case StartSession(data):
                await self._count_control()
                await self._start(data)
            case PlaybackPosition(data):
                await self._count_control()
                self._position(data.response_id, data.played_ms)

    def _parse(self, text: str | None) -> Command:
        if text is None:
            raise InvalidInput("message", "is binary", "a text frame with JSON")
        longest = self._parts.settings.server.max_message_bytes
        if len(text) > longest:
            raise InvalidInput("message", f"has {len(text)} bytes", f"at most {longest} bytes")
        return protocol.parse(text)

    async def _hear(self, audio: AudioInput) -> None:
        conversation = self._started("audio.input")
        conversation.hear(await self._intake.take(audio))

    async def _end_session(self) -> None:
        conversation = self._started("session.end")
        conversation.hear(await self._intake.finish())
        self._end(_ENDED_BY_CLIENT)

    def _position(self, response_id: str | None, played_ms: float) -> None:
        self._started("playback.position")
        if "playback" not in self._events:
            raise InvalidInput("type", "playback was not asked for in session.start's data.events")
        if self._output is not None:
            self._output.report(response_id, played_ms)

    def _started(self, kind: str) -> Conversation:
        if self._conversation is None:
            raise InvalidInput("type", f"{kind} came before session.start", "session.start")
        return self._conversation

    async def _count_control(self) -> None:
        limits = self._parts.limits
        who = self.session_id or self._principal.session_id
        identity = who or self._own_id
        await limits.require(limits.messages, identity, CONTROL)

    # -- starting ----------------------------------------------------------------------------

    async def _start(self, data: StartData) -> None:
        if self._conversation is not None:
            raise InvalidInput("type", "the session has started already", "other messages")
        parts = self._parts
        session = await find_session(parts, self._principal, data, self._address)
        room = room_name(session.id)
        token = await parts.livekit.sign(room, data.user_id or session.id)
        session = await parts.sessions.start(session.id)
        before = self._sockets.holds(self, session.id)
        self.session_id = session.id
        self._release = parts.sessions.hold(session.id, self.stop)
        if before is not None:
            # Its last words are part of what this conversation goes on from.
            await wait_at_most(before.gone, GONE_TIMEOUT)
        session = with_context(parts, session, data)
        records = await parts.sessions.records(session.id, kinds=("transcript", "context"))
        self._interim, self._events = data.interim, frozenset(data.events)
        pcm = data.audio_format == "pcm16"
        self._output = SocketOutput(
            self._writer,
            self._loop,
            pcm_rate=data.sample_rate or DEFAULT_PCM_RATE if pcm else None,
            playback="playback" in self._events,
            named=bool(self._events),
        )
        self._conversation = parts.conversations.open(
            session, output=self._output, listener=self._on_event, records=records
        )
        self._watch(session)
        self._tell(protocol.session_ready(session.id, room, token))
        await self._conversation.start()

    def _watch(self, session: Session) -> None:
        """From the handshake's time limit to the talk's."""
        self._cancel_timers()
        replies = self._parts.settings.replies
        started = session.started_at or datetime.now(UTC)
        lasted = (datetime.now(UTC) - started).total_seconds()
        self._after(max(replies.max_duration - lasted, 0.0), self._on_max_duration)
        self._active_at = self._loop.time()
        self._after(replies.idle_timeout, self._on_idle)

    # -- what the conversation says -----------------------------------------------------------

    def _on_event(self, event: ConversationEvent) -> None:
        self._active_at = self._loop.time()
        match event:
            case UserSaid():
                if event.final or self._interim:
                    self._tell(protocol.transcription(event))
            case AgentReplied():
                self._speaking = True
                self._tell(protocol.agent_response(event, with_id=bool(self._events)))
            case ReplyInterrupted():
                self._speaking = False
                if "agent.interrupted" in self._events:
                    self._tell(protocol.agent_interrupted(event))
            case ReplyFinished():
                self._speaking = False
                if "playback" in self._events:
                    finished = protocol.playback(event.reply_id, "finished", event.played_ms)
                    self._tell(finished)
            case ProviderTrouble():
                log.warning("session %s: %s failed: %s", self.session_id, event.part, event.why)
                self._tell(protocol.error_message(_TROUBLES[event.part]))

    # -- ends --------------------------------------------------------------------------------

    def _on_handshake_timeout(self) -> None:
        problem = "did not come in time"
        details = {"field": "session.start", "problem": problem}
        error = WireError(Code.VALIDATION_ERROR, f"session.start {problem}", details)
        self._end(Ending(1008, "no session.start in time", tell=error))

    def _on_max_duration(self) -> None:
        self.stop(EndReason.MAX_DURATION)

    def _on_idle(self) -> None:
        """Checked only when it may be due: activity costs no timer."""
        timeout = self._parts.settings.replies.idle_timeout
        since = self._loop.time() - self._active_at
        if self._speaking or since < timeout:
            self._after(timeout if self._speaking else timeout - since, self._on_idle)
        else:
            self.stop(EndReason.IDLE_TIMEOUT)

    def _on_writer_failure(self, why: str) -> None:
        self._end(Ending(1008, why))

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("session %s: its socket failed", self.session_id, exc_info=error)
        tell = WireError(Code.INTERNAL_ERROR, "Something went wrong on the server")
        self._end(Ending(1011, "internal error", Status.FAILED, EndReason.AGENT_FAILED, tell))

    def _end(self, ending: Ending) -> None:
        """The first reason counts."""
        if not self._over.done():
            self._over.set_result(ending)

    async def _wind_up(
        self, ending: Ending, reader: asyncio.Task[None], writer: asyncio.Task[None]
    ) -> None:
        self._cancel_timers()
        reader.cancel()
        await asyncio.wait([reader])
        try:
            if self._conversation is not None:
                await self._conversation.close()
            if self._output is not None:
                await self._output.close()
            await self._end_in_journal(ending)
        finally:
            if self._release is not None:
                self._release()
            self._sockets.remove(self)
            self.gone.set()
        if ending.tell is not None:
            self._tell(protocol.error_message(ending.tell))
        self._writer.finish()
        await asyncio.wait([writer], timeout=FLUSH_TIMEOUT)
        writer.cancel()
        await asyncio.wait([writer])
        if ending is not HUNG_UP:
            await self._close(ending)

    async def _end_in_journal(self, ending: Ending) -> None:
        if self.session_id is None or ending.status is None or ending.reason is None:
            return
        try:
            await self._parts.sessions.end(self.session_id, ending.status, ending.reason)
        except GreenroomError as error:
            # The reaper ends it later, as one that nobody holds.
            log.warning("session %s could not be ended: %s", self.session_id, error)

    async def _close(self, ending: Ending) -> None:
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await self._send(
                    {"type": "websocket.close", "code": ending.code, "reason": ending.why}
                )
        except (TimeoutError, OSError):
            # It does not read, or has gone: the server's protocol ends the connection.
            log.debug("session %s: the close was not taken", self.session_id)

    # -- small things ------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        self._writer.put(Outgoing(text))

    def _refuse(self, error: Exception) -> None:
        """Answer a message that can't be acted on; the session lives on."""
        self._tell(protocol.error_message(wire_error(error)))
        if isinstance(error, AheadOfTime) or not isinstance(error, ClientError):
            return
        now = self._loop.time()
        self._errors.append(now)
        if len(self._errors) == MAX_ERRORS and now - self._errors[0] < ERROR_WINDOW:
            self._end(Ending(1008, f"{MAX_ERRORS} errors within {ERROR_WINDOW:g} s"))

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, callback))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


_TROUBLES = {
    "transcriber": WireError(Code.AUDIO_PROCESSING_ERROR, "Failed to process audio input"),
    "synthesizer": WireError(
        Code.AUDIO_PROCESSING_ERROR, "Failed to make the audio of a sentence; its text is complete"
    ),
    "agent": WireError(Code.INTERNAL_ERROR, "The agent failed to answer"),
}
