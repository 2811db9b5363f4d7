"""All duplex sessions of a server: made, talked in, found again, stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from greenroom.duplex.archive import TrackedSessions
from greenroom.duplex.changes import Changes
from greenroom.duplex.connection import Connection
from greenroom.duplex.live_talk import LiveTalk
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.pauses import pause
from greenroom.duplex.ports import ChatClient, SessionOrder, TrackedSession
from greenroom.duplex.targets import check_url
from greenroom.errors import CapacityExceeded, GreenroomError, InvalidInput, SessionEnded
from greenroom.providers.clock import Timer
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Session, Status

STOP_TIMEOUT = 5.0
"""Seconds for another node to end a session; then it is ended in the database."""

FOLLOW_INTERVAL = 2.0
"""Seconds between two looks at a session that is not talked in on this node."""

_POLL = 0.1
_STOPPED = Ended(Status.STOPPED, EndReason.CLIENT_STOPPED)
_DRAINED = Ended(Status.STOPPED, EndReason.DRAINED, "the server is shutting down")

_log = logging.getLogger(__name__)


class TalkSessions:
    """See `ports.DuplexSessions`. To be drained at the end, which frees everything."""

    def __init__(self, parts: TalkParts) -> None:
        self._parts = parts
        self._sessions = parts.sessions
        self._archive = parts.archive
        self._settings = parts.settings
        self._changes = Changes(parts.clock)
        self._waiting: dict[str, Timer] = {}
        self._creating = 0
        self._live: dict[str, LiveTalk] = {}
        self._starting = 0
        self._beginnings: dict[str, asyncio.Task[LiveTalk]] = {}
        self._reapings: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def voices(self) -> Sequence[str]:
        """See DuplexSessions."""
        return self._parts.voices

    @property
    def talking(self) -> int:
        """How many are talked in on this node."""
        return len(self._live)

    # Made, and looked at.

    async def create(self, order: SessionOrder, *, tenant: str) -> TrackedSession:
        """See DuplexSessions. Raises CapacityExceeded too."""
        self._check(order)
        waiting = len(self._waiting) + self._creating
        if self._draining or waiting >= self._settings.max_waiting:
            limit = 0 if self._draining else self._settings.max_waiting
            raise CapacityExceeded("sessions that nobody has entered yet", limit)
        self._creating += 1
        try:
            tracked = await self._archive.create(order, tenant=tenant)
        finally:
            self._creating -= 1
        self._wait_for(tracked.session.id)
        return tracked

    def _check(self, order: SessionOrder) -> None:
        persona, longest = order.persona, self._settings.max_prompt
        if persona.voice_prompt not in self.voices:
            raise InvalidInput(
                "voice_prompt", f"{persona.voice_prompt[:100]!r} is none", ", ".join(self.voices)
            )
        if len(persona.text_prompt) > longest:
            problem = f"has {len(persona.text_prompt)} characters"
            raise InvalidInput("text_prompt", problem, f"at most {longest}")
        if order.webhook_url:
            check_url(order.webhook_url, allow_private=self._settings.webhook_private)

    async def get(self, session_id: str, *, tenant: str) -> TrackedSession:
        """See DuplexSessions."""
        return await self._archive.get(session_id, tenant=tenant)

    async def list(
        self,
        *,
        tenant: str,
        limit: int = 50,
        before: str | None = None,
        status: str | None = None,
    ) -> TrackedSessions:
        """See DuplexSessions. Raises InvalidInput, SessionNotFound for a cursor that is none."""
        return await self._archive.list(tenant=tenant, limit=limit, before=before, status=status)

    async def follow(self, session_id: str) -> AsyncGenerator[datetime, None]:
        """See DuplexSessions."""
        with self._changes.follower(session_id) as follower:
            seen = await self._archive.state(session_id)
            yield seen.at
            while not seen.ended:
                told = await follower.wait(FOLLOW_INTERVAL)
                if not told and session_id in self._live:
                    continue  # it would have told
                state = await self._archive.state(session_id)
                if state != seen:
                    seen = state
                    yield seen.at

    # Entered.

    async def enter(self, session_id: str, client: ChatClient, *, tenant: str) -> Connection:
        """See DuplexSessions."""
        await self._archive.find(session_id, tenant=tenant)
        live = self._live.get(session_id)
        if live is not None and live.ending:
            await live.gone.wait()
            live = self._live.get(session_id)
        if live is None:
            beginning = self._beginnings.get(session_id)
            if beginning is None:
                beginning = asyncio.get_running_loop().create_task(self._begin(session_id))
                self._beginnings[session_id] = beginning
                beginning.add_done_callback(lambda task: self._on_begun(session_id, task))
            # A client that goes away meanwhile does not undo it: it may come back.
            live = await asyncio.shield(beginning)
        connection = live.connect(client)
        try:
            await live.wait_opened()
        except asyncio.CancelledError:
            connection.leave(finished=False)
            raise
        return connection

    def _on_begun(self, session_id: str, task: asyncio.Task[LiveTalk]) -> None:
        del self._beginnings[session_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("session %s was not begun: %s", session_id, error)

    async def _begin(self, session_id: str) -> LiveTalk:
        """Take a session, from whoever has it."""
        tracked = await self._archive.get(session_id)
        if tracked.session.ended:
            raise SessionEnded(session_id, tracked.session.end_reason or tracked.session.status)
        limit = self._settings.max_sessions
        if self._draining or len(self._live) + self._starting >= limit:
            raise CapacityExceeded("talks at once", 0 if self._draining else limit)
        self._starting += 1
        try:
            session = await self._sessions.start(session_id)
        finally:
            self._starting -= 1
        self._forget(session_id)
        live = LiveTalk(
            self._parts,
            session,
            tracked.persona,
            tracked.transcript,
            on_gone=self._gone,
            on_changed=lambda: self._changes.tell(session_id),
        )
        self._live[session_id] = live
        self._changes.tell(session_id)
        return live

    def _gone(self, live: LiveTalk, ended: Session | None) -> None:
        if self._live.get(live.id) is live:
            del self._live[live.id]
        if ended is not None:
            self._tell_webhook(ended)

    async def type(self, session_id: str, text: str, *, tenant: str) -> None:
        """See DuplexSessions. Raises CapacityExceeded too."""
        session = await self._archive.find(session_id, tenant=tenant)
        if session.ended:
            raise SessionEnded(session_id, session.end_reason or session.status)
        live = await self._find(session_id)
        if live is None or live.ending:
            raise InvalidInput("session_id", "is not talked in on this server now")
        live.type(text)

    # Stopped.

    async def stop(self, session_id: str, *, tenant: str) -> TrackedSession:
        """See DuplexSessions."""
        session = await self._archive.find(session_id, tenant=tenant)
        if session.ended:
            raise SessionEnded(session_id, session.end_reason or session.status)
        if (live := await self._find(session_id)) is not None:
            live.finish(_STOPPED)
            await live.gone.wait()
        elif await self._sessions.request_stop(session_id, _STOPPED.reason):
            await self._wait_for_end(session_id)
        await self._end_unheld(session_id, _STOPPED)
        return await self._archive.get(session_id, tenant=tenant)

    async def _end_unheld(self, session_id: str, ended: Ended) -> None:
        """End what nobody here has in hand; as it has ended by now, or else so."""
        self._forget(session_id)
        session = await self._sessions.end(session_id, ended.status, ended.reason, ended.detail)
        self._changes.tell(session_id)
        self._tell_webhook(session)

    async def _wait_for_end(self, session_id: str) -> None:
        for _ in range(round(STOP_TIMEOUT / _POLL)):
            if (await self._sessions.get(session_id)).ended:
                return
            await pause(self._parts.clock, _POLL)

    def _wait_for(self, session_id: str) -> None:
        def never_entered() -> None:
            self._forget(session_id)
            task = asyncio.get_running_loop().create_task(self._reap(session_id))
            self._reapings.add(task)
            task.add_done_callback(self._reapings.discard)

        clock = self._parts.clock
        self._waiting[session_id] = clock.call_at(
            clock.time() + self._settings.enter_timeout, never_entered
        )

    async def _reap(self, session_id: str) -> None:
        """End a session that was not entered in time, here or on another node."""
        if session_id in self._beginnings or session_id in self._live:
            return
        try:
            if (await self._sessions.get(session_id)).status is Status.WAITING:
                await self._end_unheld(session_id, Ended(Status.STOPPED, EndReason.NEVER_STARTED))
        except GreenroomError as error:
            _log.warning("session %s was never entered, nor ended now: %s", session_id, error)

    async def drain(self, seconds: float) -> None:
        """See DuplexSessions. Sessions that wait still do: they outlive a restart."""
        self._draining = True
        for session_id in list(self._waiting):
            self._forget(session_id)
        if self._beginnings:
            await asyncio.wait(list(self._beginnings.values()))
        gone = [asyncio.create_task(live.gone.wait()) for live in self._live.values()]
        if gone:
            await asyncio.wait(gone, timeout=seconds)
            for live in list(self._live.values()):
                live.end(_DRAINED)
            await asyncio.wait(gone)
        if self._reapings:
            await asyncio.wait(list(self._reapings))

    async def _find(self, session_id: str) -> LiveTalk | None:
        """The session as it lives here, once it is clear whether it does."""
        if (beginning := self._beginnings.get(session_id)) is not None:
            await asyncio.wait((beginning,))
        return self._live.get(session_id)

    def _forget(self, session_id: str) -> None:
        """It does not wait here any more."""
        if (timer := self._waiting.pop(session_id, None)) is not None:
            timer.cancel()

    def _tell_webhook(self, session: Session) -> None:
        if self._parts.webhooks is not None:
            self._parts.webhooks.send(session)
