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
from datetime import UTC, datetime

from starlette.types import Message, Receive, Send

from greenroom.api.auth import Principal
from greenroom.api.commerce import protocol
from greenroom.api.commerce.audio_input import AheadOfTime, AudioIntake
from greenroom.api.commerce.endings import (
    DEFECT,
    ENDED_BY_CLIENT,
    HUNG_UP,
    NOT_STARTED,
    Ending,
    hung_up_on,
    stopped,
)
from greenroom.api.commerce.errors import wire_error
from greenroom.api.commerce.models import StartData
from greenroom.api.commerce.narrator import Narrator
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
from greenroom.errors import ClientError, GreenroomError, InvalidInput
from greenroom.rooms.tokens import room_name
from greenroom.sessions.model import EndReason, Record, Session

log = logging.getLogger(__name__)

MAX_ERRORS = 100
ERROR_WINDOW = 60.0
"""A client that makes so many mistakes in so many seconds is hung up on."""

FLUSH_TIMEOUT = 2.0
"""Seconds for what is queued, and then for the close, to leave."""

CONTROL = "control messages in one session"

DEFAULT_PCM_RATE = 24_000
"""Hz of pcm16 output where the client named no rate."""


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
        self._writer = Writer(send, lambda why: self._end(hung_up_on(why)))
        self._intake = AudioIntake(self._loop, parts.settings.server.max_audio_ahead_ms)
        self._output: SocketOutput | None = None
        self._conversation: Conversation | None = None
        self._release: Callable[[], None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._errors: deque[float] = deque(maxlen=MAX_ERRORS)
        self._active_at = self._loop.time()
        self._narrator: Narrator | None = None
        self._reports_playback = False

    def stop(self, reason: EndReason) -> None:
        """End from outside. REPLACED leaves the session to whoever has taken it."""
        self._end(stopped(reason))

    async def run(self) -> None:
        """Serve the socket, which the client has been told is accepted."""
        handshake = self._parts.settings.server.handshake_timeout
        self._after(handshake, lambda: self._end(NOT_STARTED))
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
                # A burst of mistakes is read without a pause: the writer needs its turn too.
                await asyncio.sleep(0)

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
        self._end(ENDED_BY_CLIENT)

    def _position(self, response_id: str | None, played_ms: float) -> None:
        self._started("playback.position")
        if not self._reports_playback:
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
        token = parts.livekit.sign(room, data.user_id or session.id)
        session = await parts.sessions.start(session.id)
        before = self._sockets.holds(self, session.id)
        self.session_id = session.id
        self._release = parts.sessions.hold(session.id, self.stop)
        try:
            if before is not None:
                # Its last words are part of what this conversation goes on from.
                await wait_at_most(before.gone, GONE_TIMEOUT)
            session = with_context(parts, session, data)
            records = await parts.sessions.records(session.id, kinds=("transcript", "context"))
            self._conversation = self._open(session, records, data)
        except GreenroomError:
            # The client may try again, on this socket or another.
            self._let_go()
            raise
        self._watch(session)
        self._tell(protocol.session_ready(session.id, room, token))
        await self._conversation.start()

    def _open(self, session: Session, records: list[Record], data: StartData) -> Conversation:
        self._reports_playback = "playback" in data.events
        self._narrator = Narrator(
            self._tell, self._loop, session.id, interim=data.interim, events=data.events
        )
        pcm = data.audio_format == "pcm16"
        self._output = SocketOutput(
            self._writer,
            self._loop,
            pcm_rate=data.sample_rate or DEFAULT_PCM_RATE if pcm else None,
            playback=self._reports_playback,
            named=bool(data.events),
        )
        return self._parts.conversations.open(
            session, output=self._output, listener=self._narrator, records=records
        )

    def _let_go(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None
        self._sockets.lets_go(self)
        self.session_id = None

    def _watch(self, session: Session) -> None:
        """From the handshake's time limit to the talk's."""
        self._cancel_timers()
        replies = self._parts.settings.replies
        started = session.started_at or datetime.now(UTC)
        lasted = (datetime.now(UTC) - started).total_seconds()
        self._after(max(replies.max_duration - lasted, 0.0), self._on_max_duration)
        self._active_at = self._loop.time()
        self._after(replies.idle_timeout, self._on_idle)

    # -- ends --------------------------------------------------------------------------------

    def _on_max_duration(self) -> None:
        self.stop(EndReason.MAX_DURATION)

    def _on_idle(self) -> None:
        """Checked only when it may be due: activity costs no timer."""
        narrator = self._narrator
        if narrator is None:
            return
        timeout = self._parts.settings.replies.idle_timeout
        since = self._loop.time() - max(self._active_at, narrator.active_at)
        if narrator.speaking or since < timeout:
            self._after(timeout if narrator.speaking else timeout - since, self._on_idle)
        else:
            self.stop(EndReason.IDLE_TIMEOUT)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("session %s: its socket failed", self.session_id, exc_info=error)
        self._end(DEFECT)

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
            await self._leave(ending)
        finally:
            if ending.tell is not None:
                self._tell(protocol.error_message(ending.tell))
            self._writer.finish()
            await asyncio.wait([writer], timeout=FLUSH_TIMEOUT)
            writer.cancel()
            await asyncio.wait([writer])
        if ending is not HUNG_UP:
            await self._close(ending)

    async def _leave(self, ending: Ending) -> None:
        """Record what was said, end the session or let go of it."""
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
            self._end(hung_up_on(f"{MAX_ERRORS} errors within {ERROR_WINDOW:g} s"))

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, callback))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
