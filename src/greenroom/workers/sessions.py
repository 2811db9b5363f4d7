"""The sessions of the orchestrator: started, ended, and told what happens in their rooms."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, replace

from livekit.protocol.webhook import WebhookEvent

from greenroom.errors import GreenroomError, InvalidInput, SessionNotFound
from greenroom.rooms.ports import Rooms
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.attendance import billed, talk_seconds
from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.service import SessionService
from greenroom.speech.ports import VOICES
from greenroom.workers.order import API, AgentOrder
from greenroom.workers.ports import Placement, Withdrawn
from greenroom.workers.report import EndReport
from greenroom.workers.room_events import RoomEvents

END_TIMEOUT = 5.0
"""Seconds for whoever has a session to end it; then it is ended in the database."""
_POLL = 0.05

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """A session whose agent was sent for. `token` opens its room, of the session's id, at `url`."""

    session: Session
    token: str
    url: str


class AgentSessions:
    """Made once in a server. `tokens` open rooms for as long as `orchestrator.token_ttl` says."""

    def __init__(
        self,
        sessions: SessionService,
        placement: Placement,
        rooms: Rooms,
        tokens: LiveKitTokens,
        clock: Clock | None = None,
    ) -> None:
        self._sessions = sessions
        self._placement = placement
        self._rooms = rooms
        self._tokens = tokens
        self._clock = clock or SystemClock()
        self._events = RoomEvents(sessions, placement)
        self._endings: dict[str, asyncio.Task[EndReport]] = {}

    async def start(self, order: AgentOrder, tenant: str) -> Started:
        """Make a session and send for its agent; where that fails nothing is left half made.

        Raises InvalidInput for an unknown voice, RoomsFailed without keys to sign a token with,
        NoCapacity, PlacementFailed, StorageUnavailable.
        """
        if order.voice not in VOICES:
            raise InvalidInput("voiceId", "is no voice that is known", ", ".join(VOICES))
        session_id = f"session_{int(self._clock.now().timestamp())}_{secrets.token_hex(6)}"
        token = self._tokens.sign(session_id, f"user_{order.user_name}", name=order.user_name)
        await self._placement.reserve(session_id, order.user_name)
        try:
            session = await self._sessions.create(
                api=API, tenant=tenant, settings=order.as_settings(), session_id=session_id
            )
            await self._placement.place(session_id)
        except BaseException:
            await self._undo(session_id)
            raise
        return Started(session, token, self._rooms.url)

    async def end(self, session_id: str, tenant: str) -> EndReport:
        """End a session wherever it is, and tell what that did; the second time says the same.

        Takes some END_TIMEOUT at most. Raises SessionNotFound, StorageUnavailable.
        """
        session = await self._sessions.get(session_id, tenant=tenant)
        if session.api != API:
            raise SessionNotFound(session_id)
        ending = self._endings.get(session_id)
        if ending is None:
            # A task of its own: a client that goes away meanwhile does not leave it half done.
            ending = asyncio.get_running_loop().create_task(self._end(session))
            self._endings[session_id] = ending
            ending.add_done_callback(lambda task: self._on_ended(session_id, task))
        return await asyncio.shield(ending)

    async def on_room_event(self, event: WebhookEvent) -> None:
        """Take note of what LiveKit tells, as `RoomEvents.take`. Raises StorageUnavailable."""
        await self._events.take(event)

    async def close(self) -> None:
        """Wait for sessions that are being ended; that takes END_TIMEOUT and little more."""
        if self._endings:
            await asyncio.wait(list(self._endings.values()))

    async def _undo(self, session_id: str) -> None:
        withdrawn = await self._placement.withdraw(session_id, running=False)
        for error in withdrawn.errors:
            _log.warning("session %s was not started, and %s", session_id, error)
        try:
            await self._sessions.end(
                session_id, Status.FAILED, EndReason.AGENT_FAILED, "no agent could be sent for"
            )
        except SessionNotFound:
            pass  # nothing was made
        except GreenroomError as error:
            # Upkeep ends it, as one that no agent has taken.
            _log.warning("session %s was not started, nor ended: %s", session_id, error)

    async def _end(self, session: Session) -> EndReport:
        kinds = ("lifecycle", "presence", EndReport.KIND)
        if session.ended:
            report = EndReport.of(await self._sessions.records(session.id, kinds=kinds))
            if report is not None:
                return report
        asked = self._clock.now()
        withdrawn = await self._call_off(session)
        errors, was_active = withdrawn.errors, session.status is Status.ACTIVE
        if withdrawn.lost is not None:
            await self._sessions.append_once(session.id, withdrawn.lost, "agent lost at the end")
        # As it has ended by now, or else so; nobody pays for the wait for who does not answer.
        session = await self._sessions.end(
            session.id, Status.STOPPED, EndReason.CLIENT_STOPPED, ended_at=asked
        )
        by_us = session.end_reason is EndReason.CLIENT_STOPPED
        if was_active and by_us and not withdrawn.stopped and not errors:
            errors = ("nobody answered who has the session; it was ended in the database",)
        records = await self._sessions.records(session.id, kinds=kinds)
        assert session.ended_at is not None  # noqa: S101 - it has ended
        seconds, minutes = billed(talk_seconds(records, session.ended_at))
        report = EndReport(
            session.id,
            celery_task_revoked=withdrawn.revoked,
            process_killed=withdrawn.stopped,
            redis_cleaned=withdrawn.cleaned,
            errors=errors,
            duration_seconds=seconds,
            duration_minutes=minutes,
        )
        # Another server may have ended it at the same time: then its report is everybody's.
        first = await self._sessions.append_once(session.id, report.as_entry(), EndReport.KEY)
        return EndReport.of([first]) or report

    async def _call_off(self, session: Session) -> Withdrawn:
        """End it where it is, and give back what it has; one that is over may have left some."""
        running = session.status is Status.ACTIVE
        withdrawn = await self._placement.withdraw(session.id, running=running)
        if session.ended or withdrawn.stopped or withdrawn.errors:
            return withdrawn
        # Another server may have it, in itself.
        if not await self._sessions.request_stop(session.id, EndReason.CLIENT_STOPPED):
            return withdrawn
        if await self._ends(session.id):
            return replace(withdrawn, stopped=True)
        return replace(withdrawn, errors=("the agent did not stop in time",))

    async def _ends(self, session_id: str) -> bool:
        for _ in range(round(END_TIMEOUT / _POLL)):
            if (await self._sessions.get(session_id)).ended:
                return True
            await self._clock.sleep(_POLL)
        return False

    def _on_ended(self, session_id: str, task: asyncio.Task[EndReport]) -> None:
        del self._endings[session_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("session %s could not be ended: %s", session_id, error)
