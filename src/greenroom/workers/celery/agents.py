"""A worker's agents: each session's lease is taken, its agent is run, and the lease is given back.

All of this runs on the agents' event loop; Celery's threads only wait for `LeasedAgents.run`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended
from greenroom.workers.leases import Acquired, Leases

BACK = "Sorry, I lost the line for a moment. Please go on."
"""What an agent says that takes the place of one that was lost."""

_HAND_OVER_WITHIN = 10.0
"""Seconds for agents that were told to leave."""

_log = logging.getLogger(__name__)


class Host(Protocol):
    """What runs agents on this loop: `workers.host.AgentHost`."""

    async def run(self, session_id: str, opening: str | None = None) -> Ended | None:
        """Run a session's agent to its end; None: the session lives on elsewhere.

        Raises SessionNotFound, SessionEnded, CapacityExceeded, StorageUnavailable.
        """
        ...

    def hand_over(self, session_id: str) -> None:
        """Have the agent leave in good order, without an end of the session."""
        ...


class Keeper(Protocol):
    """What renews leases: `workers.lease_keeper.LeaseKeeper`."""

    def add(self, session_id: str) -> None:
        """Renew this one too."""
        ...

    def remove(self, session_id: str) -> None:
        """Renew it no more. Harmless where it is not renewed."""
        ...


class LeasedAgents:
    """The agents of one worker, whose leases are `owner`'s. End it with `drain`."""

    def __init__(self, host: Host, leases: Leases, keeper: Keeper, owner: str) -> None:
        self._host = host
        self._leases = leases
        self._keeper = keeper
        self._owner = owner
        self._running: dict[str, asyncio.Task[object]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurried = asyncio.Event()
        self.draining = False
        """Whether no more is taken."""

    @property
    def sessions(self) -> Sequence[str]:
        """Whose agents run now. From any thread."""
        return sorted(self._running.copy())

    async def run(self, session_id: str) -> str:
        """Take the session and run its agent; return, in words, what came of it.

        Raises PlacementFailed where the leases can't be reached.
        """
        if self.draining:
            # The offer lapses in a moment and goes to another worker.
            return "not taken: this worker is ending"
        acquired = await self._leases.acquire(session_id, self._owner)
        if acquired is None:
            return "not taken: another worker has it, or it is over"
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._running[session_id] = task
        self._idle.clear()
        self._keeper.add(session_id)
        try:
            return await self._run(session_id, acquired)
        finally:
            self._keeper.remove(session_id)
            del self._running[session_id]
            if not self._running:
                self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Take no more; give talks `seconds` to end, then hand the rest over to other workers."""
        self.draining = True
        await self._wait_idle(seconds)
        for session_id in self.sessions:
            self._host.hand_over(session_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_HAND_OVER_WITHIN):
                await self._idle.wait()
        for session_id, task in self._running.items():
            # Its lease lapses, as if this worker had been lost.
            _log.error("session %s: the agent did not leave", session_id)
            task.cancel()

    def hurry(self) -> None:
        """Hand over at once what runs when this worker drains."""
        self._hurried.set()

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

    async def _wait_idle(self, seconds: float) -> None:
        """Wait until no agent runs, for `seconds` or until that is hurried."""
        waits = [asyncio.create_task(event.wait()) for event in (self._idle, self._hurried)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)


def _opening(acquired: Acquired) -> str | None:
    """What the agent says first; None: as the session was asked for, where nothing was said."""
    lost = acquired.last_seen is not None and not acquired.handed_over
    return BACK if lost else None
