"""A session's live conversation, whichever ways lead to it: a WebSocket, a LiveKit room, or both.

The socket starts it. While somebody is in the session's room replies go there, and the talk goes on
if the socket is lost; without anybody there it is as long as its socket. Whatever ends it says so
once, by an `Ending`, and one place winds everything up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from greenroom.api.commerce.endings import DEFECT, NOBODY_THERE, Ending, stopped
from greenroom.api.commerce.models import StartData
from greenroom.api.commerce.narrator import Narrator
from greenroom.api.commerce.output import SocketOutput
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.commerce.starting import with_context
from greenroom.api.commerce.talks import Talks
from greenroom.api.live_sockets import GONE_TIMEOUT, wait_at_most
from greenroom.conversation.output_switch import OutputSwitch
from greenroom.conversation.ports import (
    AgentReplied,
    AudioOutput,
    Conversation,
    ConversationEvent,
    ReplyFinished,
    ReplyInterrupted,
)
from greenroom.errors import GreenroomError
from greenroom.rooms.talk import RoomTalk
from greenroom.rooms.tokens import room_name
from greenroom.sessions.model import EndReason, Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketWay:
    """What a socket gives to a talk: a voice, somebody to tell, and how to end it."""

    output: SocketOutput
    narrator: Narrator
    end: Callable[[Ending], None]
    tell_failure: Callable[[GreenroomError], None]


class Talk:
    """One session's conversation. Make it with `begin`; it ends by `leave` or `stop`."""

    def __init__(self, parts: CommerceParts, talks: Talks, session_id: str, way: SocketWay) -> None:
        self.session_id = session_id
        self.gone = asyncio.Event()
        """Set when everything is recorded and the session is let go of."""
        self._parts = parts
        self._talks = talks
        self._loop = asyncio.get_running_loop()
        self._way: SocketWay | None = way
        self._room: RoomTalk | None = None
        self._switch = OutputSwitch(way.output, self._choose)
        self._conversation: Conversation | None = None
        self._release: Callable[[], None] = lambda: None
        self._joining: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._speaking = False
        self._active_at = self._loop.time()

    @classmethod
    async def begin(
        cls, parts: CommerceParts, talks: Talks, session: Session, data: StartData, way: SocketWay
    ) -> Talk:
        """Take the session from whoever holds it, and open its conversation.

        Raises a GreenroomError, with nothing left behind: the client may try again.
        """
        before = talks.get(session.id)
        talk = cls(parts, talks, session.id, way)
        talks.add(talk)
        talk._release = parts.sessions.hold(session.id, talk.stop)
        try:
            if before is not None:
                # Its last words are part of what this conversation goes on from.
                await wait_at_most(before.gone, GONE_TIMEOUT)
            await talk._open(with_context(parts, session, data), data)
        except (GreenroomError, asyncio.CancelledError):
            talk._let_go()
            raise
        except Exception:
            await talk._close(DEFECT)
            raise
        return talk

    @property
    def in_room(self) -> bool:
        """Whether somebody is in the room, so that the talk needs no socket."""
        return self._room is not None and self._room.anybody and self._closing is None

    @property
    def conversation(self) -> Conversation:
        """What hears the user."""
        conversation = self._conversation
        assert conversation is not None, "begin has opened it"  # noqa: S101
        return conversation

    async def start(self) -> None:
        """Greet, where that is wanted."""
        await self.conversation.start()

    def touch(self) -> None:
        """The client has done something."""
        self._active_at = self._loop.time()

    def attach(self, way: SocketWay) -> None:
        """A socket takes the place of the one before, which is told."""
        before, self._way = self._way, way
        if before is not None:
            self._forsake(before)
            before.end(stopped(EndReason.REPLACED))
        self.touch()

    async def leave(self, way: SocketWay, ending: Ending) -> None:
        """The talk's socket has ended. Returns when what follows from that is done."""
        if self._way is not way:
            return  # another has taken its place
        if ending.status is None and not ending.replaced and self.in_room:
            log.info("session %s goes on in its room without a socket", self.session_id)
            self._forsake(way)
            self._way = None
            return
        await self._close(ending)

    def stop(self, reason: EndReason) -> None:
        """End from outside. REPLACED leaves the session to whoever has taken it."""
        self._end(stopped(reason))

    # -- opening -----------------------------------------------------------------------------

    async def _open(self, session: Session, data: StartData) -> None:
        parts = self._parts
        records = await parts.sessions.records(session.id, kinds=("transcript", "context"))
        self._conversation = parts.conversations.open(
            session, output=self._switch, listener=self._on_event, records=records
        )
        if parts.rooms is not None and data.transport == "auto":
            self._joining = self._loop.create_task(self._join())
            self._joining.add_done_callback(self._on_task_done)
        replies = parts.settings.replies
        started = session.started_at or datetime.now(UTC)
        lasted = (datetime.now(UTC) - started).total_seconds()
        self._after(
            max(replies.max_duration - lasted, 0.0), lambda: self.stop(EndReason.MAX_DURATION)
        )
        self._after(replies.idle_timeout, self._on_idle)

    async def _join(self) -> None:
        """Be in the session's room, for a client that comes there."""
        parts = self._parts
        assert parts.rooms is not None  # noqa: S101 - as `_open` has it
        try:
            room = await RoomTalk.open(
                parts.rooms,
                room_name(self.session_id),
                settings=parts.settings.rooms,
                clock=self._loop,
                voice_rate=parts.conversations.voice_rate,
                on_presence=self._on_presence,
                on_absent=self._on_absent,
                on_gone=self._on_room_gone,
            )
        except GreenroomError as error:
            log.warning("session %s has no room: %s", self.session_id, error)
            if self._way is not None:
                self._way.tell_failure(error)
            return
        self._room = room
        room.connect(self.conversation)

    def _choose(self) -> AudioOutput:
        """Where the next reply is spoken."""
        room, way = self._room, self._way
        if room is not None and room.output is not None and (room.audible or way is None):
            return room.output
        if way is not None:
            return way.output
        return self._switch.current

    # -- what happens ------------------------------------------------------------------------

    def _on_event(self, event: ConversationEvent) -> None:
        self.touch()
        match event:
            case AgentReplied():
                self._speaking = True
            case ReplyInterrupted() | ReplyFinished():
                self._speaking = False
            case _:
                pass
        if self._way is not None:
            self._way.narrator(event)
        if self._room is not None:
            self._room(event)

    def _on_presence(self, anybody: bool) -> None:
        if not anybody and self._room is not None and self._switch.current is self._room.output:
            self.conversation.interrupt()

    def _on_absent(self) -> None:
        """Nobody has come to the room, or come back to it; a socket needs nobody there."""
        if self._way is None:
            self._end(NOBODY_THERE)

    def _on_room_gone(self, why: str) -> None:
        log.info("session %s: its room is gone: %s", self.session_id, why)
        if self._way is None:
            self._end(NOBODY_THERE)
        elif self._room is not None and self._switch.current is self._room.output:
            self.conversation.interrupt()

    def _forsake(self, way: SocketWay) -> None:
        """Nobody listens there any more: a reply that is spoken there ends where it is."""
        if self._switch.current is way.output:
            self.conversation.interrupt()

    def _on_idle(self) -> None:
        """Checked only when it may be due: activity costs no timer."""
        timeout = self._parts.settings.replies.idle_timeout
        since = self._loop.time() - self._active_at
        if self._speaking or since < timeout:
            self._after(timeout if self._speaking else timeout - since, self._on_idle)
        else:
            self.stop(EndReason.IDLE_TIMEOUT)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("session %s: its talk failed", self.session_id, exc_info=error)
        self._end(DEFECT)

    # -- ends --------------------------------------------------------------------------------

    def _end(self, ending: Ending) -> None:
        """By the socket, if there is one: its client is told why."""
        if self._way is not None:
            self._way.end(ending)
        elif self._closing is None:
            self._closing = self._loop.create_task(self._close(ending))
            self._closing.add_done_callback(self._on_task_done)

    async def _close(self, ending: Ending) -> None:
        """Record what was said, end the session or let go of it."""
        for timer in self._timers:
            timer.cancel()
        try:
            if self._joining is not None:
                self._joining.cancel()
                await asyncio.wait([self._joining])
            if self._conversation is not None:
                await self._conversation.close()
            await self._leave_room(ending)
            await self._end_in_journal(ending)
        finally:
            self._let_go()

    async def _leave_room(self, ending: Ending) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        await room.close()
        if ending.status is None or self._parts.rooms is None:
            return
        try:
            await self._parts.rooms.close_room(room_name(self.session_id))
        except GreenroomError as error:
            # It empties by itself: its people are told by their clients' time limits.
            log.warning("session %s: its room was not closed: %s", self.session_id, error)

    async def _end_in_journal(self, ending: Ending) -> None:
        if ending.status is None or ending.reason is None:
            return
        try:
            await self._parts.sessions.end(self.session_id, ending.status, ending.reason)
        except GreenroomError as error:
            # The reaper ends it later, as one that nobody holds.
            log.warning("session %s could not be ended: %s", self.session_id, error)

    def _let_go(self) -> None:
        self._release()
        self._talks.remove(self)
        self.gone.set()

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, callback))
