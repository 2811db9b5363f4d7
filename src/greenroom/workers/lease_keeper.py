"""Renews the leases of a worker's agents, and reports how full the worker is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from greenroom.sessions.clock import Clock, SystemClock
from greenroom.workers.leases import Leases
from greenroom.workers.ports import WorkerLoad
from greenroom.workers.trouble import Troubles

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """One coroutine that renews all of a worker's leases, three times in `lease` seconds.

    `owner` is who holds them; `load` tells how full it is; `lost` is told of each session whose
    lease was lost, and is to have its agent leave without ending the session. `start` it, and
    `close` it when no agent runs any more.

    Where Redis does not answer it tries again a little later, and the agents talk on. Nobody can
    take them over while Redis is away for all; once it is back, their leases are renewed before
    anybody claims them, or made anew if it has forgotten them. If it is away for this worker alone,
    others find the leases lapsed and take the sessions over while our agents still talk: to take up
    a session moves it in the database and tells this node by the control bus, or at the latest
    upkeep finds that it has moved; and the room evicts the older of two participants of the same
    identity. Each alone makes the older agent leave.
    """

    def __init__(
        self,
        leases: Leases,
        owner: str,
        *,
        lease: float,
        load: Callable[[], WorkerLoad],
        lost: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._leases = leases
        self._owner = owner
        self._interval = lease / 3
        self._load = load
        self._lost = lost
        self._clock = clock or SystemClock()
        self._kept: set[str] = set()
        self._troubles = Troubles(_log, "renewing leases")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin: the first report is made at once."""
        self._task = asyncio.create_task(self._run(), name="lease-keeper")

    async def close(self) -> None:
        """End; others then know that this worker is no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        with self._troubles.survive("Redis"):
            await self._leases.leave(self._owner)

    def add(self, session_id: str) -> None:
        """Renew the lease of this session too, which was just acquired."""
        self._kept.add(session_id)

    def remove(self, session_id: str) -> None:
        """Renew it no more. Harmless where it is not renewed."""
        self._kept.discard(session_id)

    async def renew(self) -> None:
        """Renew all now. Raises PlacementFailed."""
        lost = await self._leases.renew(self._owner, tuple(self._kept), self._load())
        for session_id in lost:
            _log.warning("session %s: the lease was lost, its agent leaves", session_id)
            self._kept.discard(session_id)
            self._lost(session_id)

    async def _run(self) -> None:
        while True:
            began = self._clock.time()
            try:
                with self._troubles.survive("Redis"):
                    await self.renew()
            except Exception:  # noqa: BLE001 - the other agents' leases must outlive one fault
                _log.exception("a renewal of leases failed")
            # From beginning to beginning: a slow answer must not eat into the lease.
            spent = self._clock.time() - began
            await self._clock.sleep(max(self._interval - spent, self._interval / 10))
