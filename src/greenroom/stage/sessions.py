"""All avatar sessions of a server: made, begun, found again, stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.errors import (
    CapacityExceeded,
    GreenroomError,
    InvalidInput,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
)
from greenroom.providers.clock import Timer
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.stage.connection import Connection
from greenroom.stage.live_session import LiveSession
from greenroom.stage.orders import Seat
from greenroom.stage.parts import StageParts
from greenroom.stage.ports import AvatarClient, AvatarOrder

STOP_TIMEOUT = 5.0
"""Seconds for another node to end a session; then it is ended in the database."""
_POLL = 0.1
_SCANNED = 1_000
"""Live sessions of a tenant, the newest, that are looked through for one with the same seat."""
_REPLACED = Ended(Status.STOPPED, EndReason.REPLACED, "the same channel and uid were asked for")
_STOPPED = Ended(Status.STOPPED, EndReason.CLIENT_STOPPED)
_DRAINED = Ended(Status.STOPPED, EndReason.DRAINED, "the server is shutting down")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A session of this node that nobody has initialised."""

    seat: Seat
    timer: Timer


class Stage:
    """See `ports.AvatarSessions`. To be drained at the end, which frees everything."""

    def __init__(self, parts: StageParts) -> None:
        self._parts = parts
        self._sessions = parts.sessions
        self._settings = parts.settings
        self._waiting: dict[str, _Waiting] = {}
        self._creating = 0
        self._live: dict[str, LiveSession] = {}
        self._starting = 0
        self._beginnings: dict[str, asyncio.Task[LiveSession]] = {}
        self._seats: dict[Seat, str] = {}
        self._scanned: set[tuple[str, str]] = set()
        self._reapings: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def avatar_ids(self) -> Sequence[str]:
        """See AvatarSessions."""
        return self._parts.avatars.ids()

    # Made.

    async def create(self, order: AvatarOrder, *, api: str, tenant: str) -> Session:
        """See AvatarSessions."""
        self._parts.avatars.find(order.avatar_id)
        seat = Seat.of(order, tenant)
        self._require_capacity(self._seats.get(seat))
        self._creating += 1
        try:
            session = await self._sessions.create(
                api=api, tenant=tenant, settings=self._parts.orders.settings_of(order)
            )
        finally:
            self._creating -= 1
        # No other task runs from here until the seat is taken: of two that want it, one has it.
        before = self._seats.get(seat)
        self._seats[seat] = session.id
        self._wait_for(session.id, seat)
        if before is not None:
            await self._replace(before)
        for other in await self._others_on(seat, session):
            await self._replace(other)
        return session

    def _require_capacity(self, replaced: str | None) -> None:
        """Raise CapacityExceeded where there is no room for one more, `replaced` having gone."""
        settings = self._settings
        if self._draining:
            raise CapacityExceeded("avatar sessions", 0)
        waiting = len(self._waiting) + self._creating - (replaced in self._waiting)
        if waiting >= settings.max_waiting:
            raise CapacityExceeded("avatar sessions not initialised yet", settings.max_waiting)
        if len(self._live) + self._starting - (replaced in self._live) >= settings.max_sessions:
            raise CapacityExceeded("avatar sessions", settings.max_sessions)

    def _wait_for(self, session_id: str, seat: Seat) -> None:
        clock = self._parts.clock

        def never_started() -> None:
            self._forget(session_id)
            task = asyncio.get_running_loop().create_task(self._reap(session_id))
            self._reapings.add(task)
            task.add_done_callback(self._reapings.discard)

        timer = clock.call_at(clock.time() + self._settings.init_timeout, never_started)
        self._waiting[session_id] = _Waiting(seat, timer)

    async def _reap(self, session_id: str) -> None:
        """End a session that was not initialised in time, here or on another node."""
        if session_id in self._beginnings or session_id in self._live:
            return
        try:
            session = await self._sessions.get(session_id)
            if session.status is Status.WAITING:
                await self._sessions.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
        except GreenroomError as error:
            _log.warning("session %s was never started, nor ended now: %s", session_id, error)

    async def _others_on(self, seat: Seat, session: Session) -> list[str]:
        """Live sessions with this seat, older than `session`, that this process may not know of:
        those of other nodes, and those that waited when this one was started."""
        known = (session.tenant, session.api)
        if known in self._scanned and not self._sessions.store.shared:
            return []
        self._scanned.add(known)
        others = []
        for status in (Status.WAITING, Status.ACTIVE):
            found = await self._sessions.list(
                tenant=session.tenant, api=session.api, status=status, limit=_SCANNED
            )
            others += [
                other.id
                for other in found
                if (other.created_at, other.id) < (session.created_at, session.id)
                and self._parts.orders.seat_of(other) == seat
            ]
        return others

    async def _replace(self, session_id: str) -> None:
        """End a session whose seat another has taken."""
        if (live := await self._find(session_id)) is not None:
            live.end(_REPLACED)
            await live.gone.wait()
            return
        self._forget(session_id)
        try:
            # Its holder, where another node has it, takes this for a take-over: it lets go.
            await self._sessions.request_stop(session_id, _REPLACED.reason)
            await self._sessions.end(
                session_id, _REPLACED.status, _REPLACED.reason, _REPLACED.detail
            )
        except SessionNotFound:
            _log.info("session %s is gone from the database", session_id)

    # Begun.

    async def enter(self, session_id: str, client: AvatarClient) -> Connection:
        """See AvatarSessions."""
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
        await live.opened.wait()
        return live.connect(client)

    def _on_begun(self, session_id: str, task: asyncio.Task[LiveSession]) -> None:
        del self._beginnings[session_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("session %s was not begun: %s", session_id, error)

    async def _begin(self, session_id: str) -> LiveSession:
        """Take a session, from whoever has it."""
        session = await self._sessions.get(session_id)
        if session.ended:
            raise SessionEnded(session_id, session.end_reason or session.status)
        order = self._parts.orders.order_of(session)
        try:
            pack = self._parts.avatars.find(order.avatar_id)
        except InvalidInput as error:
            raise ProviderFailed("avatar", f"{order.avatar_id} is not here any more") from error
        limit = self._settings.max_sessions
        if self._draining or len(self._live) + self._starting >= limit:
            raise CapacityExceeded("avatar sessions", 0 if self._draining else limit)
        self._starting += 1
        try:
            session = await self._sessions.start(session_id)
        finally:
            self._starting -= 1
        self._forget(session_id)
        seat = Seat.of(order, session.tenant)
        self._seats.setdefault(seat, session_id)
        live = LiveSession(self._parts, session, order, pack, lambda live: self._gone(live, seat))
        self._live[session_id] = live
        return live

    def _gone(self, live: LiveSession, seat: Seat) -> None:
        if self._live.get(live.id) is live:
            del self._live[live.id]
        if self._seats.get(seat) == live.id:
            del self._seats[seat]

    # Stopped.

    async def stop(self, session_id: str) -> Session:
        """See AvatarSessions."""
        session = await self._sessions.get(session_id)
        if session.ended:
            raise SessionEnded(session_id, session.end_reason or session.status)
        if (live := await self._find(session_id)) is not None:
            live.end(_STOPPED)
            await live.gone.wait()
        else:
            self._forget(session_id)
            if await self._sessions.request_stop(session_id, _STOPPED.reason):
                await self._wait_for_end(session_id)
        # As it has ended by now, or else so.
        return await self._sessions.end(session_id, _STOPPED.status, _STOPPED.reason)

    async def _wait_for_end(self, session_id: str) -> None:
        for _ in range(round(STOP_TIMEOUT / _POLL)):
            if (await self._sessions.get(session_id)).ended:
                return
            await self._sleep(_POLL)

    async def _sleep(self, seconds: float) -> None:
        clock = self._parts.clock
        over = asyncio.Event()
        timer = clock.call_at(clock.time() + seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def drain(self, seconds: float) -> None:
        """See AvatarSessions. Sessions that wait still do: they outlive a restart."""
        self._draining = True
        for session_id in list(self._waiting):
            self._forget(session_id)
        if self._beginnings:
            await asyncio.wait(list(self._beginnings.values()))
        await asyncio.gather(*(self._drain(live, seconds) for live in list(self._live.values())))
        if self._reapings:
            await asyncio.wait(list(self._reapings))

    async def _drain(self, live: LiveSession, seconds: float) -> None:
        speaking = asyncio.create_task(live.spoken_out())
        try:
            await asyncio.wait((speaking,), timeout=seconds)
        finally:
            speaking.cancel()
        live.end(_DRAINED)
        await live.gone.wait()

    async def _find(self, session_id: str) -> LiveSession | None:
        """The session as it lives here, once it is clear whether it does."""
        if (beginning := self._beginnings.get(session_id)) is not None:
            await asyncio.wait((beginning,))
        return self._live.get(session_id)

    def _forget(self, session_id: str) -> None:
        """It does not wait here any more."""
        waiting = self._waiting.pop(session_id, None)
        if waiting is not None:
            waiting.timer.cancel()
            if self._seats.get(waiting.seat) == session_id:
                del self._seats[waiting.seat]
