"""One WebSocket of the voice API, from its handshake to the last thing it leaves behind."""

from __future__ import annotations

import asyncio
import uuid

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
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.commerce.protocol import (
    AudioInput,
    Command,
    EndSession,
    PlaybackPosition,
    StartSession,
)
from greenroom.api.commerce.starting import find_session
from greenroom.api.commerce.talk import SocketWay, Talk
from greenroom.api.commerce.talks import Talks
from greenroom.api.live_sockets import LiveSockets
from greenroom.api.message_socket import MessageSocket, OwnEndings
from greenroom.errors import ClientError, GreenroomError, InvalidInput
from greenroom.rooms.tokens import room_name
from greenroom.sessions.model import EndReason, Session

CONTROL = "control messages in one session"

DEFAULT_PCM_RATE = 24_000
"""Hz of pcm16 output where the client named no rate."""


OWN_ENDINGS = OwnEndings(HUNG_UP, DEFECT, hung_up_on)


class VoiceSocket:
    """Drives one accepted WebSocket. `run` returns when nothing of it is left."""

    def __init__(
        self,
        parts: CommerceParts,
        sockets: LiveSockets,
        talks: Talks,
        principal: Principal,
        address: str,
        receive: Receive,
        send: Send,
    ) -> None:
        self.session_id: str | None = None
        self._parts = parts
        self._sockets = sockets
        self._talks = talks
        self._principal = principal
        self._address = address
        self._own_id = uuid.uuid4().hex
        self._loop = asyncio.get_running_loop()
        self._socket = MessageSocket(receive, send, OWN_ENDINGS)
        self._intake = AudioIntake(self._loop, parts.settings.server.max_audio_ahead_ms)
        self._way: SocketWay | None = None
        self._talk: Talk | None = None
        self._handshake: asyncio.TimerHandle | None = None
        self._reports_playback = False

    def stop(self, reason: EndReason) -> None:
        """End from outside. REPLACED leaves the session to whoever has taken it."""
        self._socket.end(stopped(reason))

    async def run(self) -> None:
        """Serve the socket, which the client has been told is accepted."""
        handshake = self._parts.settings.server.handshake_timeout
        self._handshake = self._loop.call_later(handshake, lambda: self._socket.end(NOT_STARTED))
        await self._socket.run(self._read, self._leave)

    # -- reading -----------------------------------------------------------------------------

    async def _read(self, message: Message) -> None:
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
        if self._talk is not None:
            self._talk.touch()
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
        talk = self._started("audio.input")
        talk.conversation.hear(await self._intake.take(audio))

    async def _end_session(self) -> None:
        talk = self._started("session.end")
        talk.conversation.hear(await self._intake.finish())
        self._socket.end(ENDED_BY_CLIENT)

    def _position(self, response_id: str | None, played_ms: float) -> None:
        self._started("playback.position")
        if not self._reports_playback:
            raise InvalidInput("type", "playback was not asked for in session.start's data.events")
        if self._way is not None:
            self._way.output.report(response_id, played_ms)

    def _started(self, kind: str) -> Talk:
        if self._talk is None:
            raise InvalidInput("type", f"{kind} came before session.start", "session.start")
        return self._talk

    async def _count_control(self) -> None:
        limits = self._parts.limits
        who = self.session_id or self._principal.session_id
        identity = who or self._own_id
        await limits.require(limits.messages, identity, CONTROL)

    # -- starting ----------------------------------------------------------------------------

    async def _start(self, data: StartData) -> None:
        if self._talk is not None:
            raise InvalidInput("type", "the session has started already", "other messages")
        parts = self._parts
        session = await find_session(parts, self._principal, data, self._address)
        room = room_name(session.id)
        token = parts.livekit.sign(room, data.user_id or session.id)
        session = await parts.sessions.start(session.id)
        self._socket.session_id = self.session_id = session.id
        way = self._way_for(session, data)
        live = self._talks.get(session.id)
        goes_on = live is not None and live.in_room
        if live is not None and goes_on:
            live.attach(way)
            talk = live
        else:
            try:
                talk = await Talk.begin(parts, self._talks, session, data, way)
            except GreenroomError:
                self.session_id = None
                raise
        self._way, self._talk = way, talk
        if self._handshake is not None:
            self._handshake.cancel()
        self._socket.tell(protocol.session_ready(session.id, room, token))
        if not goes_on:
            await talk.start()

    def _way_for(self, session: Session, data: StartData) -> SocketWay:
        self._reports_playback = "playback" in data.events
        pcm = data.audio_format == "pcm16"
        return SocketWay(
            SocketOutput(
                self._socket.writer,
                self._loop,
                pcm_rate=data.sample_rate or DEFAULT_PCM_RATE if pcm else None,
                playback=self._reports_playback,
                named=bool(data.events),
            ),
            Narrator(self._socket.tell, session.id, interim=data.interim, events=data.events),
            self._socket.end,
            lambda error: self._socket.tell(protocol.error_message(wire_error(error))),
        )

    # -- ends --------------------------------------------------------------------------------

    async def _leave(self, ending: Ending) -> None:
        """Leave the talk, which ends with its last way."""
        if self._handshake is not None:
            self._handshake.cancel()
        try:
            if self._talk is not None and self._way is not None:
                await self._talk.leave(self._way, ending)
            if self._way is not None:
                await self._way.output.close()
        finally:
            self._sockets.remove(self)

    def _refuse(self, error: Exception) -> None:
        """Answer a message that can't be acted on; the session lives on."""
        self._socket.tell(protocol.error_message(wire_error(error)))
        if isinstance(error, AheadOfTime) or not isinstance(error, ClientError):
            return
        self._socket.count_mistake()
