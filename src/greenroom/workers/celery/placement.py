"""Sends for agents by Celery: a lease is offered, a task is sent, and a worker takes both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from typing import TypeVar

from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, PresenceEntry
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.leases import Leases
from greenroom.workers.ports import (
    NoCapacity,
    PlacementFailed,
    PlacementState,
    Withdrawn,
    WorkerLoad,
)

NO_WORKER = "no worker is running"

_GONE_WITHIN = 5.0
"""Seconds for an agent that was told to stop; more than a lease that its worker leaves behind."""
_FIRST_LOOK, _LOOK_AT_LEAST = 0.05, 0.4
"""Seconds between looks whether it is gone: twice as many each time, for many end at once."""

_Answer = TypeVar("_Answer")


class CeleryPlacement:
    """A `workers.ports.Placement`. The leases and the tasks are its caller's to close."""

    def __init__(
        self,
        leases: Leases,
        tasks: AgentTasks,
        sessions: SessionService,
        settings: Settings,
        clock: Clock | None = None,
    ) -> None:
        self._leases = leases
        self._tasks = tasks
        self._sessions = sessions
        self._retry_after = settings.orchestrator.retry_after
        # Leases are renewed three times in their time.
        self._renewed_within = settings.workers.lease / 2
        self._clock = clock or SystemClock()

    async def reserve(self, session_id: str, user_name: str) -> None:
        """Offer the session's lease.

        Raises NoCapacity at the limits of the settings, and where all workers are full: a session
        that waits for a place is one that its user hears nothing of. Raises PlacementFailed where
        Redis does not answer or no worker runs.
        """
        loads = await self._leases.loads()
        if not loads:
            raise PlacementFailed(NO_WORKER)
        free, places = _places(loads, len(await self._leases.live()))
        if free <= 0:
            raise NoCapacity("agents on all workers", places, self._retry_after)
        await self._leases.offer(session_id, user_name)

    async def place(self, session_id: str) -> None:
        """Send the task. Raises PlacementFailed, with the lease given back."""
        try:
            await self._tasks.send(session_id, 1)
        except PlacementFailed:
            await self._leases.release(session_id)
            raise

    async def withdraw(self, session_id: str, *, running: bool) -> Withdrawn:
        """Revoke the task that no worker has begun, or stop the agent, and delete the lease."""
        errors: list[str] = []
        revoked = stopped = cleaned = False
        lost: PresenceEntry | None = None
        try:
            if running or await self._leases.held(session_id):
                stopped = await self._stop(session_id)
            holder = await self._leases.last_holder(session_id)
            held = holder is not None and holder.holds
            if holder is not None and not stopped:
                lost = holder.lost()
            if held:
                errors.append("the agent's worker did not answer")
            offered = await self._leases.release(session_id) and not held
            cleaned = True
            if offered:
                await self._tasks.revoke(session_id)
                revoked = True
        except (PlacementFailed, StorageUnavailable) as error:
            errors.append(str(error))
        return Withdrawn(revoked or stopped, stopped, cleaned, tuple(errors), lost)

    async def state(self) -> PlacementState:
        """Whether Redis, the broker and a worker answer."""
        asked = asyncio.gather(_answer(self._leases.loads()), _answer(self._tasks.check()))
        (redis, loads), (celery, _) = await asked
        if not redis:
            why = "Redis does not answer"
        elif not celery:
            why = "the Celery broker does not answer"
        elif not loads:
            why = NO_WORKER
        else:
            why = ""
        # Without Redis nobody knows of the workers.
        celery = celery and (bool(loads) or not redis)
        return PlacementState(not why, redis, celery, why, tuple(loads or ()))

    async def live(self) -> Collection[str]:
        """Every session that has a lease. Raises PlacementFailed."""
        return await self._leases.live()

    async def drain(self, seconds: float) -> None:
        """Return: the agents run elsewhere, and go on there."""

    async def _stop(self, session_id: str) -> bool:
        """Have the agent stopped; whether it was told and is gone.

        A worker that nobody reaches and that does not renew its lease either is dead.
        """
        told, wait = False, _FIRST_LOOK
        now = self._clock.time()
        until, dead_at, seen = now + _GONE_WITHIN, now, 0.0
        while now < until:
            # A worker that has the lease may be about to have the session: it is asked again.
            told = told or await self._sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
            holder = await self._leases.last_holder(session_id)
            if holder is None or not holder.holds:
                return told
            if told or holder.seen != seen:
                seen, dead_at = holder.seen, now + self._renewed_within
            elif now >= dead_at:
                return False
            await self._clock.sleep(wait)
            wait = min(2 * wait, _LOOK_AT_LEAST)
            now = self._clock.time()
        return False


async def _answer(asked: Awaitable[_Answer]) -> tuple[bool, _Answer | None]:
    """Whether there was an answer, and what it was."""
    try:
        return True, await asked
    except PlacementFailed:
        return False, None


def _places(loads: Sequence[WorkerLoad], live: int) -> tuple[int, int]:
    """How many places are free, and how many there are, on workers that take more.

    Counted by the leases, which are exact: the loads that workers report are up to a second old.
    """
    places = sum(load.capacity for load in loads if not load.draining)
    elsewhere = sum(load.agents for load in loads if load.draining)
    return places - max(live - elsewhere, 0), places
