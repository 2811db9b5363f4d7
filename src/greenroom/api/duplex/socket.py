"""One WebSocket that speaks in a duplex session, from its handshake to its close."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Message, Receive, Send

from greenroom.api.duplex import protocol
from greenroom.api.duplex.endings import (
    DEFECT,
    DRAINED,
    FINISHED_CODES,
    HUNG_UP,
    REPLACED,
    Ending,
    broke_bound,
    not_entered,
    over,
)
from greenroom.api.duplex.errors import wire_error
from greenroom.api.duplex.hearing import Hearing
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.protocol import Audio, Control, Ping, Text
from greenroom.api.duplex.voice_stream import VoiceStream
from greenroom.api.live_sockets import LiveSockets
from greenroom.api.message_socket import MessageSocket, OwnEndings
from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import LiveSession
from greenroom.errors import ClientError, InvalidInput
from greenroom.sessions.model import EndReason, Session

log = logging.getLogger(__name__)

OWN_ENDINGS = OwnEndings(HUNG_UP, DEFECT, broke_bound)


class ChatSocket:
    """Drives one accepted WebSocket; to the session it is the ChatClient.

    `run` returns when nothing of it is left.
    """

    def __init__(
        self,
        parts: DuplexParts,
        sockets: LiveSockets,
        session: Session,
        receive: Receive,
        send: Send,
    ) -> None:
        self.session_id: str | None = session.id
        self._session = session
        self._parts = parts
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._socket = MessageSocket(receive, send, OWN_ENDINGS)
        self._socket.session_id = session.id
        self._hearing = Hearing(self._loop, parts.settings.duplex.max_early_audio)
        self._voice = VoiceStream(self._send_voice, self._loop)
        self._ready = False
        self._entering: asyncio.Task[None] | None = None
        self._live: LiveSession | None = None

    # -- ChatClient, and what ends the socket from outside --------------------------------------

    def on_queued(self, position: int) -> None:
        """The model is busy."""
        self._tell_facts(queue_position=position)

    def on_ready(self) -> None:
        """Sound is heard now. A conversation that begins anew needs no second handshake."""
        if not self._ready:
            self._ready = True
            self._socket.tell(protocol.HANDSHAKE)
            self._tell_facts()
            self._voice.start()

    def on_voice(self, pcm: Pcm) -> None:
        """The AI's next sound."""
        self._voice.play(pcm)

    def on_flush(self) -> None:
        """The AI was interrupted."""
        self._voice.flush()

    def on_words(self, text: str) -> None:
        """A piece of the AI's words, as they begin to be heard."""
        self._socket.tell(protocol.text(text))

    def on_replaced(self) -> None:
        """Another connection speaks in the session."""
        self._socket.end(REPLACED)

    def on_ended(self, reason: str, detail: str = "") -> None:
        """The session is over."""
        self._socket.end(over(self._session.id, reason, detail))

    def stop(self, reason: EndReason) -> None:  # noqa: ARG002 - only draining stops sockets
        """End the connection; its session is for others to end."""
        self._socket.end(DRAINED)

    # -- its life --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the socket, which the client has been told is accepted."""
        # A task of its own: not to be cancelled half-way, and whoever is let in must leave.
        self._entering = self._loop.create_task(self._enter())
        await self._socket.run(self._read, self._leave)

    async def _enter(self) -> None:
        try:
            self._live = await self._parts.sessions.enter(
                self._session.id, self, tenant=self._session.tenant
            )
        except Exception as error:  # noqa: BLE001 - it is told, and logged if it is a defect
            self._socket.end(not_entered(error))
        else:
            log.info("session %s: a client has connected", self._session.id)

    async def _leave(self, ending: Ending) -> None:
        log.info("session %s: a connection ends: %s", self._session.id, ending.why or "hung up")
        self._voice.close()
        try:
            if self._entering is not None:
                await asyncio.wait([self._entering])
            if self._live is not None:
                self._live.leave(finished=self._socket.close_code in FINISHED_CODES)
        finally:
            self._sockets.remove(self)

    # -- reading ---------------------------------------------------------------------------------

    async def _read(self, message: Message) -> None:
        if self._live is None and self._entering is not None:
            await asyncio.shield(self._entering)
        if self._live is None:
            return  # it could not begin, and the socket ends
        try:
            await self._act(self._live, protocol.parse(self._frame(message)))
        except ClientError as error:
            log.debug("session %s: %s", self._session.id, error)
            self._socket.tell(protocol.error(wire_error(error).message))
            self._socket.count_mistake()
        # A burst is read without a pause: the writer needs its turn too, and others theirs.
        await asyncio.sleep(0)

    def _frame(self, message: Message) -> bytes:
        frame: bytes | None = message.get("bytes")
        if frame is None:
            raise InvalidInput("frame", "is text", "binary frames")
        longest = self._parts.settings.server.max_message_bytes
        if len(frame) > longest:
            raise InvalidInput("frame", f"has {len(frame)} bytes", f"at most {longest}")
        return frame

    async def _act(self, live: LiveSession, message: protocol.Message) -> None:
        match message:
            case Audio(data):
                live.hear(await self._hearing.take(data))
            case Text(text):
                live.type(text)
            case Ping():
                self._socket.tell(protocol.PING)
            case Control.START | Control.PAUSE:
                self._set_paused(live, paused=message is Control.PAUSE)
            case Control.END_TURN:
                live.end_turn()
            case Control.RESTART:
                self._voice.flush()
                self._set_paused(live, paused=False)
                live.restart()

    def _set_paused(self, live: LiveSession, *, paused: bool) -> None:
        self._voice.set_paused(paused)
        live.set_paused(paused)

    # -- writing ---------------------------------------------------------------------------------

    def _send_voice(self, pages: bytes) -> None:
        self._socket.tell(protocol.audio(pages))

    def _tell_facts(self, **facts: object) -> None:
        self._socket.tell(protocol.metadata(session_id=self._session.id, **facts))
