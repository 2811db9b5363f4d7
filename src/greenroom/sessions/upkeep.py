"""What ends sessions that nobody will end, and the signs of life by which nodes know each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from greenroom.errors import SessionNotFound
from greenroom.sessions import reader
from greenroom.sessions.clock import Clock
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.holders import Holders
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.node import Node, beat, register
from greenroom.sessions.store import Store
from greenroom.sessions.tables import micros

INTERVAL = 5.0
"""Seconds between a node's signs of life, and between rounds of upkeep."""

NODE_LOST_AFTER = 30.0
"""Seconds without a sign of life after which a node's sessions are given up. The nodes' times of
day must agree better than that."""

_AT_ONCE = 500

_log = logging.getLogger(__name__)


class EndSession(Protocol):
    """Ends a session, at a time of the past if one is given, `only_on` a node if one is given."""

    def __call__(
        self,
        session_id: str,
        status: Status,
        reason: EndReason,
        detail: str = "",
        *,
        ended_at: datetime | None = None,
        only_on: str | None = None,
    ) -> Awaitable[Session]:
        """Return the session as it is then. Raises SessionNotFound, StorageUnavailable."""
        ...


class Upkeep:
    """Upkeep of one node. `start` it after `register`, and `close` it.

    `never_started_after`: seconds that a session may wait. `reconnect_grace`: seconds that an
    active session of this node may be held by nobody.
    """

    def __init__(
        self,
        store: Store,
        node: Node,
        clock: Clock,
        holders: Holders,
        end: EndSession,
        *,
        never_started_after: float,
        reconnect_grace: float,
    ) -> None:
        self._store = store
        self._node = node
        self._clock = clock
        self._holders = holders
        self._end = end
        self._never_started_after = never_started_after
        self._reconnect_grace = reconnect_grace
        self._task: asyncio.Task[None] | None = None
        self._last_beat = -NODE_LOST_AFTER
        self._beating_since = 0.0

    async def register(self) -> None:
        """Write down that this boot of the node has begun."""
        at = micros(self._clock.now())
        await self._store.write(partial(register, node=self._node, at=at))
        self._last_beat = self._beating_since = self._clock.time()

    async def recover(self) -> list[Session]:
        """End, as lost, what earlier boots of this node left active."""
        left = await self._store.read(partial(reader.active_on, node=self._node.id))
        return await self._give_up(
            [session for session in left if not self._holders.is_known(session.session_id)]
        )

    def start(self) -> None:
        """Begin: a sign of life and a round of `reap`, every INTERVAL."""
        self._task = asyncio.create_task(self._run(), name="sessions-upkeep")

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def reap(self) -> list[Session]:
        """Do one round: end what nobody will end, and return it."""
        now = self._clock.now()
        before = now - timedelta(seconds=self._never_started_after)
        waiting = await self._store.read(
            partial(reader.never_started, before=before, limit=_AT_ONCE)
        )
        ended = await self._end_all(
            self._end(session_id, Status.STOPPED, EndReason.NEVER_STARTED) for session_id in waiting
        )
        left = self._holders.left_before(self._clock.time() - self._reconnect_grace)
        ended += await self._end_all(
            self._end(session_id, Status.STOPPED, EndReason.DISCONNECTED, only_on=self._node.id)
            for session_id in left
        )
        if self._store.shared:
            ended += await self._reap_lost_nodes(now)
        await self._stop_gone()
        return ended

    async def _reap_lost_nodes(self, now: datetime) -> list[Session]:
        time = self._clock.time()
        if time - self._beating_since < NODE_LOST_AFTER or time - self._last_beat > NODE_LOST_AFTER:
            # While this node could not give signs of life, perhaps no other could.
            return []
        silent_since = now - timedelta(seconds=NODE_LOST_AFTER)
        lost = await self._store.read(
            partial(reader.active_on_lost_nodes, but=self._node.id, silent_since=silent_since)
        )
        return await self._give_up(lost)

    async def _stop_gone(self) -> None:
        """Stop holders whose session was ended or taken over, if no message told them."""
        held = self._holders.held()
        if not held:
            return
        find = partial(reader.gone_among, session_ids=held, node=self._node.id)
        for session in await self._store.read(find):
            self._holders.ended(session.id)
            self._holders.stop(session.id, session.end_reason or EndReason.REPLACED)

    async def _give_up(self, lost: Iterable[reader.Active]) -> list[Session]:
        return await self._end_all(
            self._end(
                session.session_id,
                Status.FAILED,
                EndReason.NODE_LOST,
                ended_at=session.last_at,
                only_on=session.node,
            )
            for session in lost
        )

    async def _end_all(self, endings: Iterable[Awaitable[Session]]) -> list[Session]:
        """End sessions together: they share commits. Return those that have ended."""

        async def end(ending: Awaitable[Session]) -> Session | None:
            try:
                session = await ending
            except SessionNotFound:
                # Somebody deleted it from the database.
                return None
            return session if session.ended else None

        ended = await asyncio.gather(*map(end, endings))
        return [session for session in ended if session is not None]

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self._beat()
                await self.reap()
            except StorageUnavailable as exc:
                _log.warning("upkeep of sessions was put off: %s", exc)
            except Exception:  # noqa: BLE001 - upkeep must outlive one bad round
                _log.exception("a round of upkeep of sessions failed")

    async def _beat(self) -> None:
        at = micros(self._clock.now())
        await self._store.write(partial(beat, node=self._node, at=at))
        now = self._clock.time()
        if now - self._last_beat > NODE_LOST_AFTER:
            self._beating_since = now
        self._last_beat = now
