"""One WebSocket that speaks for an avatar session, from its handshake to its close."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Message, Receive, Send

from greenroom.api.avatars import protocol
from greenroom.api.avatars.endings import (
    DEFECT,
    DRAINED,
    HUNG_UP,
    NOT_INITIALIZED,
    REPLACED,
    SILENT,
    Ending,
    broke_bound,
    not_entered,
    over,
)
from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.parts import AvatarParts
from greenroom.api.avatars.protocol import (
    Command,
    Heartbeat,
    Init,
    Special,
    Voice,
    VoiceEnd,
    VoiceInterrupt,
)
from greenroom.api.avatars.special import read_special
from greenroom.api.avatars.voice import VoiceDecoder
from greenroom.api.live_sockets import LiveSockets
from greenroom.api.message_socket import MessageSocket, OwnEndings
from greenroom.avatar.ports import GestureCue
from greenroom.errors import CapacityExceeded
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason
from greenroom.stage.ports import LiveAvatar

log = logging.getLogger(__name__)

INLINE_CHARACTERS = 200_000
"""Of a message that is read on the event loop, in at most 1 ms; a longer one is for a thread."""

OWN_ENDINGS = OwnEndings(HUNG_UP, DEFECT, broke_bound)


class AvatarSocket:
    """Drives one accepted WebSocket; to the stage it is the AvatarClient.

    `named` is the session that the client's token names. `run` returns when nothing of it is left.
    """

    def __init__(
        self, parts: AvatarParts, sockets: LiveSockets, named: str, receive: Receive, send: Send
    ) -> None:
        self.session_id: str | None = None
        self._parts = parts
        self._sockets = sockets
        self._named = named
        self._loop = asyncio.get_running_loop()
        self._socket = MessageSocket(receive, send, OWN_ENDINGS)
        self._socket.session_id = named
        self._decoder = VoiceDecoder(parts.settings.avatar.max_ahead)
        self._entering: asyncio.Task[None] | None = None
        self._avatar: LiveAvatar | None = None
        self._replaced = False
        self._init_timer: asyncio.TimerHandle | None = None
        self._silence_timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()

    # -- AvatarClient, and what ends the socket from outside -----------------------------------

    def on_replaced(self) -> None:
        """Another connection has the session."""
        self._replaced = True
        self._socket.end(REPLACED)

    def on_token_expiring(self) -> None:
        """The channel's token runs out soon."""
        self._socket.tell(protocol.token_expiring(self._named))

    def on_ended(self, ended: Ended) -> None:
        """The session is over."""
        self._socket.end(over(self._named, ended))

    def stop(self, reason: EndReason) -> None:  # noqa: ARG002 - only draining stops sockets
        """End the connection; its session is the stage's to end."""
        self._socket.end(DRAINED)

    # -- its life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the socket, which the client has been told is accepted."""
        handshake = self._parts.settings.server.handshake_timeout
        self._init_timer = self._loop.call_later(handshake, self._socket.end, NOT_INITIALIZED)
        self._watch_silence()
        await self._socket.run(self._read, self._leave)

    def _watch_silence(self) -> None:
        """End the socket when nothing has come for the time that is set; 0: never."""
        patience = self._parts.settings.avatar.heartbeat_timeout
        if not patience:
            return
        left = self._heard_at + patience - self._loop.time()
        if left <= 0:
            self._socket.end(SILENT)
        else:
            self._silence_timer = self._loop.call_later(left, self._watch_silence)

    async def _leave(self, ending: Ending) -> None:
        log.info("session %s: a connection ends: %s", self._named, ending.why or "hung up")
        for timer in (self._init_timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
        try:
            if self._entering is not None:
                await asyncio.wait([self._entering])
            if self._avatar is not None and not self._replaced:
                self._avatar.leave()
        finally:
            self._sockets.remove(self)

    # -- reading -------------------------------------------------------------------------------

    async def _read(self, message: Message) -> None:
        self._heard_at = self._loop.time()
        event_id = None
        try:
            command = await self._parse(message.get("text"))
            event_id = command.event_id
            await self._act(command)
        except Refused as error:
            self._refuse(error, event_id)
            # A burst of mistakes is read without a pause: the writer needs its turn too.
            await asyncio.sleep(0)

    async def _parse(self, text: str | None) -> Command:
        if text is None:
            raise Refused(Code.BINARY_FRAME, "Binary frames are not read; send text with JSON")
        longest = self._parts.settings.server.max_message_bytes
        if len(text) > longest:
            message = f"The message has {len(text)} bytes; at most {longest} are read"
            raise Refused(Code.MESSAGE_TOO_LARGE, message)
        if len(text) <= INLINE_CHARACTERS:
            return protocol.parse(text)
        return await asyncio.to_thread(protocol.parse, text)

    async def _act(self, command: Command) -> None:
        if isinstance(command, Init):
            await self._init(command)
            return
        avatar = self._avatar
        if avatar is None:
            message = f"init comes first; {_NAMES[type(command)]} was not acted on"
            raise Refused(Code.NOT_INITIALIZED, message)
        match command:
            case Voice():
                await self._voice(avatar, command)
            case VoiceEnd():
                self._decoder.end_utterance()
                avatar.voice_end()
            case VoiceInterrupt():
                self._decoder.end_utterance()
                avatar.interrupt()
            case Heartbeat():
                self._socket.tell(protocol.heartbeat_ack(command))
            case Special():
                self._special(avatar, command)

    async def _init(self, command: Init) -> None:
        """Begin the session; what its body says beside the session's id was said at its start,
        but for the channel's token, which may have been renewed since."""
        if command.session_id not in (None, self._named):
            message = "The token belongs to another session than init names"
            raise Refused(Code.SESSION_MISMATCH, message)
        if self._avatar is None:
            if self._init_timer is not None:
                self._init_timer.cancel()
            # A task of its own: not to be cancelled half-way, and whoever is let in must leave.
            self._entering = self._loop.create_task(self._enter())
            await asyncio.shield(self._entering)
        if self._avatar is not None and command.channel_token is not None:
            self._avatar.renew(command.channel_token)

    async def _enter(self) -> None:
        try:
            self._avatar = await self._parts.avatars.enter(self._named, self)
        except Exception as error:  # noqa: BLE001 - it is told, and logged if it is a defect
            self._socket.end(not_entered(error))
        else:
            self.session_id = self._named
            log.info("session %s: initialised by a client", self._named)

    async def _voice(self, avatar: LiveAvatar, voice: Voice) -> None:
        if self._decoder.is_quick(voice):
            pcm = self._decoder.decode(voice)
        else:
            pcm = await asyncio.to_thread(self._decoder.decode, voice)
        if not len(pcm):
            return
        try:
            avatar.voice(pcm, voice.rate)
        except CapacityExceeded as error:
            message = f"{error}; this message was dropped, what was accepted still plays"
            raise Refused(Code.AUDIO_QUEUE_FULL, message) from None

    def _special(self, avatar: LiveAvatar, special: Special) -> None:
        steps = read_special(special.content)
        for step in steps.done:
            if isinstance(step, GestureCue):
                avatar.gesture(step)
            else:
                avatar.set_activity(step)
        applied = [step.name if isinstance(step, GestureCue) else str(step) for step in steps.done]
        self._socket.tell(protocol.special_ack(special.event_id, applied, steps.ignored))

    def _refuse(self, error: Refused, event_id: protocol.EventId) -> None:
        """Answer a frame that can't be acted on; the session lives on."""
        log.debug("session %s: %s", self._named, error.code)
        answered = error.event_id if event_id is None else event_id
        self._socket.tell(protocol.error_frame(error, answered))
        if error.code is not Code.AUDIO_QUEUE_FULL:
            self._socket.count_mistake()


_NAMES: dict[type, str] = {
    Voice: "voice",
    VoiceEnd: "voice_end",
    VoiceInterrupt: "voice_interrupt",
    Heartbeat: "heartbeat",
    Special: "special",
}
