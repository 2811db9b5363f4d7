"""Finds agents that were lost, and sends for others.

Servers and workers each do this; many at once are harmless, since each lapse of a lease is told to
one of them alone, and one that fails in the middle leaves an offer that lapses as well.

How long it takes, with the usual lease of 3 s, until another agent is in the room after a worker
was killed: the lease lapses 2 to 3 s after that, by when it was last renewed; it is claimed at most
0.4 s later; then a task is sent and taken within some 0.1 s, and the room is joined in some 0.5 s.
That makes 4 s at the worst. It is 2.4 s more (an offer and a look) where the task is lost as well:
taken by another worker that is killed in the same moment, or, where a machine was lost rather than
a process, sent to a connection on which Redis still believes the dead worker to wait. After Redis
itself was away, or this process has just begun, nothing is claimed for the length of a lease.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import timedelta

from greenroom.errors import SessionNotFound
from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.model import EndReason, LifecycleEntry, Session, Status
from greenroom.sessions.service import SessionService
from greenroom.workers.leases import CLAIMED_AT_ONCE, Holder, Lapsed, Leases
from greenroom.workers.order import API, AgentOrder
from greenroom.workers.ports import NoCapacity
from greenroom.workers.trouble import Troubles

CLAIM_EVERY = 0.4
"""Seconds between two looks for lapsed leases."""

RECONCILE_EVERY = 10.0
"""Seconds between two comparisons of the leases with the database."""

_STARTED_WITHIN = 5.0
"""Seconds after which a session that waits, and has no lease, is not one that is being made."""

_AT_ONCE = 200

Send = Callable[[str, int], Awaitable[None]]
"""Sends for an agent, by session and attempt. Raises PlacementFailed."""

_log = logging.getLogger(__name__)


class Supervision:
    """Supervision by one process. `start` it, and `close` it.

    Where Redis, the database or `send` fails it goes on when that works again.
    """

    def __init__(
        self, leases: Leases, sessions: SessionService, send: Send, *, clock: Clock | None = None
    ) -> None:
        self._leases = leases
        self._sessions = sessions
        self._send = send
        self._clock = clock or SystemClock()
        self._troubles = Troubles(_log, "supervision of agents")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="supervision")

    async def close(self) -> None:
        """End. What is half done is done by others, or when its offer lapses."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """Send for an agent wherever a lease has lapsed; end the sessions that were given up."""
        claimed = CLAIMED_AT_ONCE
        while claimed == CLAIMED_AT_ONCE:
            claimed = 0
            with self._troubles.survive("Redis"):
                lapsed = await self._leases.claim_lapsed()
                claimed = len(lapsed)
                handled = await asyncio.gather(
                    *map(self._on_lapsed, lapsed), return_exceptions=True
                )
                for error in filter(None, handled):
                    _log.error("supervision of a session failed", exc_info=error)

    async def reconcile(self) -> None:
        """Offer anew the sessions that wait for an agent and have no lease.

        Redis was emptied or restarted since they were offered. Nothing else is to be compared:

        - An active session without a lease has lost its worker and its lease at once: a worker that
          lives makes its lease anew. Upkeep of sessions ends it when its node has been silent.
        - Upkeep also ends what has waited for longer than a start may take.
        - A lease without a live session lapses, since no agent renews it, and is then deleted.
        """
        with self._troubles.survive("the database"):
            waiting = await self._sessions.list(api=API, status=Status.WAITING, limit=_AT_ONCE)
            before = self._clock.now() - timedelta(seconds=_STARTED_WITHIN)
            waiting = [session for session in waiting if session.created_at < before]
            if waiting:
                with self._troubles.survive("Redis"):
                    live = await self._leases.live()
                    for session in waiting:
                        if session.id not in live:
                            await self._offer(session)

    async def _offer(self, session: Session) -> None:
        try:
            await self._leases.offer(session.id, AgentOrder.of(session).user_name)
        except NoCapacity as error:
            _log.warning("session %s could not be offered again: %s", session.id, error)
            return
        _log.warning("session %s: its lease had vanished, it is offered again", session.id)
        with self._troubles.survive("sending"):
            await self._send(session.id, 1)

    async def _on_lapsed(self, lapsed: Lapsed) -> None:
        with self._troubles.survive("the database"):
            try:
                session = await self._sessions.get(lapsed.session_id)
            except SessionNotFound:
                # It is reserved and about to be made, or never will be and is given up in the end.
                return
            if session.ended:
                with self._troubles.survive("Redis"):
                    await self._leases.release(lapsed.session_id)
                return
            if not lapsed.given_up:
                # First: somebody waits.
                with self._troubles.survive("sending"):
                    await self._send(lapsed.session_id, lapsed.attempt)
            if lapsed.last_seen is not None and not lapsed.handed_over:
                await self._record_loss(lapsed, lapsed.last_seen)
            if lapsed.given_up:
                await self._give_up(lapsed)

    async def _record_loss(self, lapsed: Lapsed, last_seen: float) -> None:
        """Write it down; once, however often the session is offered until one takes it."""
        lost = Holder(lapsed.owner, last_seen).lost()
        happens = "given up" if lapsed.given_up else f"attempt {lapsed.attempt} is sent for"
        told = LifecycleEntry(None, "agent lost", f"{lapsed.owner}; {happens}")
        before = lapsed.attempt - 1
        await asyncio.gather(
            self._sessions.append_once(lapsed.session_id, lost, f"agent {before} lost"),
            self._sessions.append_once(lapsed.session_id, told, f"agent {before} replaced"),
        )

    async def _give_up(self, lapsed: Lapsed) -> None:
        if lapsed.last_seen is None:
            reason, detail = EndReason.AGENT_FAILED, "no worker has taken it"
        elif lapsed.handed_over:
            reason, detail = EndReason.NODE_LOST, "no worker has taken it over"
        else:
            reason, detail = EndReason.NODE_LOST, f"{lapsed.attempt - 1} agents were lost"
        _log.warning("session %s is given up: %s", lapsed.session_id, detail)
        await self._sessions.end(lapsed.session_id, Status.FAILED, reason, detail)

    async def _run(self) -> None:
        reconciled = -math.inf
        while True:
            try:
                await self.look()
                if self._clock.time() - reconciled >= RECONCILE_EVERY:
                    reconciled = self._clock.time()
                    await self.reconcile()
            except Exception:  # noqa: BLE001 - supervision must outlive one bad round
                _log.exception("a round of supervision failed")
            await self._clock.sleep(CLAIM_EVERY)
