"""A worker's agents: each session's lease is taken, its agent is run, and the lease is given back.

All of this runs on the agents' event loop; Celery's threads only wait for `LeasedAgents.run`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.sessions.errors import StorageUnavailable
from greenroom.workers.host import LINE_LOST, AgentHost
from greenroom.workers.lease_keeper import LeaseKeeper
from greenroom.workers.leases import Acquired, Leases

_GIVEN_BACK_WITHIN = 3.0
"""Seconds for the leases of agents that have left."""

_log = logging.getLogger(__name__)


class LeasedAgents:
    """The agents of one worker, whose leases are `owner`'s. End it with `drain`."""

    def __init__(self, host: AgentHost, leases: Leases, keeper: LeaseKeeper, owner: str) -> None:
        self._host = host
        self._leases = leases
        self._keeper = keeper
        self._owner = owner
        self._running: dict[str, asyncio.Task[object]] = {}

    @property
    def sessions(self) -> Sequence[str]:
        """Whose agents run now. From any thread."""
        return sorted(self._running.copy())

    async def run(self, session_id: str) -> str:
        """Take the session and run its agent; return, in words, what came of it.

        Raises PlacementFailed where the leases can't be reached.
        """
        if self._host.draining:
            # The offer lapses in a moment and goes to another worker.
            return "not taken: this worker is ending"
        if session_id in self._running:
            # Its agent is still leaving; another worker takes the offer, or this one in a moment.
            return "not taken: an agent of this worker is there"
        acquired = await self._leases.acquire(session_id, self._owner)
        if acquired is None:
            return "not taken: another worker has it, or it is over"
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._running[session_id] = task
        self._keeper.add(session_id)
        try:
            return await self._run(session_id, acquired)
        except Exception:
            # Others may try: here it is unclear what became of it.
            await self._leases.hand_over(session_id, self._owner)
            raise
        finally:
            self._keeper.remove(session_id)
            del self._running[session_id]

    async def drain(self, seconds: float) -> None:
        """Take no more; give talks `seconds` to end, then hand the rest over to other workers.

        Called again, it counts from then: with 0 the rest is handed over at once.
        """
        await self._host.drain(seconds, hand_over=True)
        tasks = self._running.copy()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=_GIVEN_BACK_WITHIN)
        for session_id, task in self._running.items():
            # Its lease lapses, as if this worker had been lost.
            _log.error("session %s: its agent did not leave", session_id)
            task.cancel()

    async def _run(self, session_id: str, acquired: Acquired) -> str:
        try:
            ended = await self._host.run(session_id, _opening(acquired))
        except (SessionNotFound, SessionEnded) as error:
            await self._leases.release(session_id)
            return f"not run: {error}"
        except (CapacityExceeded, StorageUnavailable) as error:
            await self._leases.hand_over(session_id, self._owner)
            return f"given back: {error}"
        if ended is None:
            # Nothing is handed over where another has the lease by now.
            given = await self._leases.hand_over(session_id, self._owner)
            return "handed over" if given else "taken over by another worker"
        await self._leases.release(session_id)
        return f"{ended.status}: {ended.reason}"


def _opening(acquired: Acquired) -> str | None:
    """What the agent says first; None: as the session was asked for, where nothing was said."""
    lost = acquired.last_seen is not None and not acquired.handed_over
    return LINE_LOST if lost else None
