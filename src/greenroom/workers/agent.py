"""One session's agent on this node: it joins the room, talks, and winds everything up.

The agent is in the room from the start; its conversation is opened when the first human is there. A
human who goes and comes back in time goes on with it. Whatever ends the agent says so once, by how
the session ends; None where the session goes on without this agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from greenroom.conversation.ports import (
    AgentReplied,
    Conversation,
    ConversationEvent,
    Conversations,
    ReplyFinished,
    ReplyInterrupted,
    UserSaid,
)
from greenroom.errors import GreenroomError, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import Rooms
from greenroom.rooms.talk import EVICTED, VOICELESS, RoomTalk
from greenroom.sessions import views
from greenroom.sessions.attendance import Attendance
from greenroom.sessions.life import Ended, SessionLife
from greenroom.sessions.model import EndReason, PresenceEntry, Record, Session, Status
from greenroom.sessions.service import SessionService
from greenroom.settings import RoomSettings, Settings

LINE_LOST = "Sorry, I lost the line for a moment."
"""What an agent says that takes the place of one that was lost."""
_GO_ON = "Please go on."
_SAY_AGAIN = "Could you say that again?"

_CUT_OFF = Ended(Status.STOPPED, EndReason.DRAINED)
_NOBODY_CAME = Ended(Status.STOPPED, EndReason.NEVER_STARTED, "nobody joined the room in time")
_NOBODY_CAME_BACK = Ended(Status.COMPLETED, EndReason.DISCONNECTED, "everybody has left the room")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What all agents of a process share. `now` is the time of day, aware; `clock` is monotonic."""

    sessions: SessionService
    conversations: Conversations
    rooms: Rooms
    settings: Settings
    clock: Clock
    now: Callable[[], datetime]


class RunningAgent:
    """Holds its session from now on, and must be `run`, once; that frees everything.

    `opening` is said first, with a word on how to go on, where something was said before this
    agent; where nothing was, the agent begins with its own greeting.
    """

    def __init__(self, parts: AgentParts, session_id: str, opening: str | None = None) -> None:
        self.id = session_id
        self._parts = parts
        self._opening = opening
        self._life = SessionLife(parts.sessions, session_id, parts.clock, stop=self.stop)
        self._attendance = Attendance(
            self._write, parts.sessions.node.id, now=parts.now, time=parts.clock.time
        )
        self._session: Session | None = None
        self._room: RoomTalk | None = None
        self._conversation: Conversation | None = None
        self._somebody = asyncio.Event()
        self._was_met = False
        self._speaking = False
        self._active_at = parts.clock.time()

    @property
    def gone(self) -> asyncio.Event:
        """Set when everything is recorded and the session is let go of."""
        return self._life.gone

    # What ends it from outside.

    def stop(self, reason: EndReason) -> None:
        """End the session; with REPLACED only leave it, since another has it."""
        if reason is EndReason.REPLACED:
            self.leave()
            return
        by_itself = reason is EndReason.DISCONNECTED
        self._life.end(Ended(Status.COMPLETED if by_itself else Status.STOPPED, reason))

    def leave(self) -> None:
        """Leave in good order; the session goes on with another agent."""
        self._life.end(None)

    # Its life.

    async def run(self, after: asyncio.Event | None = None) -> Ended | None:
        """Begin once `after` is set, and return how the session has ended, when all is recorded.

        None: it goes on without this agent, which is nowhere any more. Raises SessionNotFound,
        SessionEnded and StorageUnavailable, before anything was done.
        """
        ended: Ended | None = _CUT_OFF  # where this is cancelled
        try:
            await self._life.unless_ending(self._start(after))
            await self._life.unless_ending(self._talk())
            ended = await self._life.wait_ending()
        except GreenroomError as error:
            if self._session is None:
                ended = None
                raise
            ended = self._failed(error)
        except Exception:  # noqa: BLE001 - a defect of one agent is the end of its session only
            _log.exception("session %s: its agent failed", self.id)
            ended = Ended(Status.FAILED, EndReason.AGENT_FAILED, "internal error")
        finally:
            self._life.end(ended)
            await self._wind_up()
        return await self._life.wait_ending()

    async def _start(self, after: asyncio.Event | None) -> None:
        if after is not None:
            await after.wait()
        self._session = await self._parts.sessions.start(self.id)

    async def _talk(self) -> None:
        session, parts = self._session, self._parts
        if session is None:
            return  # it is to end before it has begun
        lasted = (parts.now() - (session.started_at or parts.now())).total_seconds()
        self._life.after(
            "duration",
            parts.settings.orchestrator.max_duration - lasted,
            lambda: self.stop(EndReason.MAX_DURATION),
        )
        kinds = ("transcript", "context", "presence")
        records = await parts.sessions.records(self.id, kinds=kinds)
        self._was_met = any(
            isinstance(record.entry, PresenceEntry) and record.entry.event == "human_joined"
            for record in records
        )
        room = self._room = await self._join()
        self._attendance.agent_joined()
        room.attend()
        while not room.audible:
            await self._somebody.wait()
        await self._converse(session, room, records)

    async def _join(self) -> RoomTalk:
        parts = self._parts
        return await RoomTalk.open(
            parts.rooms,
            self.id,
            settings=self._patience(parts.settings.rooms),
            clock=parts.clock,
            voice_rate=parts.conversations.voice_rate,
            on_presence=self._on_presence,
            on_absent=self._on_absent,
            on_gone=self._on_gone,
            on_human=self._on_human,
            on_voice=self._attendance.first_words,
        )

    def _patience(self, settings: RoomSettings) -> RoomSettings:
        """Whoever was there before another agent took over has to come back, not to come."""
        if not self._was_met:
            return settings
        return settings.model_copy(update={"join_timeout": settings.human_absence})

    async def _converse(self, session: Session, room: RoomTalk, records: Sequence[Record]) -> None:
        output = room.output
        assert output is not None, "somebody is there"  # noqa: S101
        self._conversation = self._parts.conversations.open(
            session,
            output=output,
            listener=partial(self._on_said, room),
            records=records,
            opening=self._first_words(records),
        )
        room.connect(self._conversation)
        self._on_active()
        self._life.after("idle", self._parts.settings.replies.idle_timeout, self._on_idle)
        await self._conversation.start()

    def _first_words(self, records: Sequence[Record]) -> str | None:
        said = views.transcript(records)
        if self._opening is None or not said:
            return None
        unanswered = said[-1][1].role == "user"
        return f"{self._opening} {_SAY_AGAIN if unanswered else _GO_ON}"

    def _failed(self, error: GreenroomError) -> Ended:
        _log.warning("session %s: its agent failed: %s", self.id, error)
        why = error.why if isinstance(error, ProviderFailed) else str(error)
        return Ended(Status.FAILED, EndReason.AGENT_FAILED, why)

    # What happens.

    def _on_human(self, identity: str, here: bool) -> None:
        if here:
            self._was_met = True
            self._attendance.human_joined(identity)
        else:
            self._attendance.human_left(identity)

    def _on_presence(self, anybody: bool) -> None:
        if anybody:
            self._somebody.set()
            return
        self._somebody.clear()
        if self._conversation is not None:
            self._conversation.interrupt()

    def _on_absent(self) -> None:
        self._life.end(_NOBODY_CAME_BACK if self._was_met else _NOBODY_CAME)

    def _on_gone(self, why: str) -> None:
        if why == EVICTED:
            self.leave()
        elif why == VOICELESS:
            self._life.end(Ended(Status.FAILED, EndReason.AGENT_FAILED, why))
        else:
            detail = f"the room is gone: {why}"
            self._life.end(Ended(Status.COMPLETED, EndReason.DISCONNECTED, detail))

    def _on_said(self, room: RoomTalk, event: ConversationEvent) -> None:
        self._on_active()
        match event:
            case UserSaid():
                self._attendance.first_words()
            case AgentReplied():
                self._speaking = True
            case ReplyInterrupted() | ReplyFinished():
                self._speaking = False
            case _:
                pass
        room(event)

    def _on_active(self) -> None:
        self._active_at = self._parts.clock.time()

    def _on_idle(self) -> None:
        """Checked only when it may be due: activity costs no timer."""
        timeout = self._parts.settings.replies.idle_timeout
        passed = self._parts.clock.time() - self._active_at
        if self._speaking or passed < timeout:
            self._life.after("idle", timeout if self._speaking else timeout - passed, self._on_idle)
        else:
            self.stop(EndReason.IDLE_TIMEOUT)

    def _write(self, entry: PresenceEntry) -> None:
        self._parts.sessions.append(self.id, entry)

    # Its end.

    async def _wind_up(self) -> None:
        """Record what was said, leave the room, and end the session or let go of it."""
        ended = await self._life.wait_ending()
        self._life.stop_timers()
        # The talk is over: nobody is billed for what it takes to wind it up.
        self._attendance.agent_left()
        try:
            async with AsyncExitStack() as last:  # each of these, whatever becomes of the others
                last.callback(self._life.let_go)
                last.push_async_callback(self._leave_session, ended)
                if self._room is not None:
                    last.push_async_callback(self._room.close)
                if self._conversation is not None:
                    last.push_async_callback(self._conversation.close)
        except Exception:  # noqa: BLE001 - as above; upkeep ends the session
            _log.exception("session %s: its agent could not wind up", self.id)

    async def _leave_session(self, ended: Ended | None) -> None:
        if ended is None:
            await self._write_all()
            self._parts.sessions.let_go(self.id)
        else:
            await self._close_room()
            await self._life.record(ended)

    async def _write_all(self) -> None:
        """Who takes the talk up goes on from what was said here."""
        try:
            await self._parts.sessions.journal.flush()
        except GreenroomError as error:
            _log.warning("session %s: its next agent may not know all: %s", self.id, error)

    async def _close_room(self) -> None:
        try:
            await self._parts.rooms.close_room(self.id)
        except GreenroomError as error:
            # It empties by itself: its people are told by their clients' time limits.
            _log.warning("session %s: its room was not closed: %s", self.id, error)
