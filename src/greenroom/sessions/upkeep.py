"""What ends sessions that nobody will end, and the signs of life by which nodes know each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from greenroom.errors import SessionNotFound
from greenroom.sessions import overdue, reader
from greenroom.sessions.clock import Clock
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.holders import Holders
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.node import Node, beat, forget, forget_silent, register
from greenroom.sessions.overdue import Overdue, Waits
from greenroom.sessions.store import Store
from greenroom.sessions.tables import micros

INTERVAL = 5.0
"""Seconds between a node's signs of life, and between rounds of upkeep."""

NODE_LOST_AFTER = 30.0
"""Seconds without a sign of life after which a node's sessions are given up. The nodes' times of
day must agree better than that."""

TAKEN_UP_WITHIN = 60.0
"""Seconds for another node to take up a session that this one let go of; then it is lost."""

_FORGET_EVERY = 3_600.0
_FORGOTTEN_AFTER = timedelta(days=1)

EndSession: TypeAlias = Callable[[Overdue], Awaitable[Session]]
"""Ends a session, and returns it as it is then. Raises SessionNotFound, StorageUnavailable."""

_log = logging.getLogger(__name__)


class Upkeep:
    """Upkeep of one node. `start` it after `register`, and `close` it.

    `waits`: how long a session may wait to be started. `reconnect_grace`: seconds that an active
    session of this node may be held by nobody.
    """

    def __init__(
        self,
        store: Store,
        node: Node,
        clock: Clock,
        holders: Holders,
        end: EndSession,
        *,
        waits: Waits,
        reconnect_grace: float,
    ) -> None:
        self._store = store
        self._node = node
        self._clock = clock
        self._holders = holders
        self._end = end
        self._waits = waits
        self._reconnect_grace = reconnect_grace
        self._task: asyncio.Task[None] | None = None
        self._last_beat = -NODE_LOST_AFTER
        self._beating_since = 0.0
        self._forgot_at = -_FORGET_EVERY

    async def register(self) -> None:
        """Write down that this boot of the node has begun."""
        at = micros(self._clock.now())
        await self._store.write(partial(register, node=self._node, at=at))
        self._last_beat = self._beating_since = self._clock.time()

    async def recover(self) -> list[Session]:
        """End, as lost, what earlier boots of this node left active; then give a sign of life."""
        find = partial(overdue.left_by_earlier_boots, node=self._node.id)
        left = await self._store.read(find)
        ended = await self._end_all(
            session for session in left if not self._holders.is_known(session.session_id)
        )
        await self._beat()
        return ended

    def start(self) -> None:
        """Begin: a sign of life and a round of `reap`, every INTERVAL."""
        self._task = asyncio.create_task(self._run(), name="sessions-upkeep")

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def leave(self) -> None:
        """An ephemeral node is no more. The last thing: nothing is written for it afterwards."""
        if not self._node.ephemeral:
            return
        try:
            await self._store.write(partial(forget, node_id=self._node.id))
        except StorageUnavailable as exc:
            _log.warning("node %s is forgotten later: %s", self._node.id, exc)

    async def find(self) -> list[Overdue]:
        """Return what nobody will end, as far as this node can tell."""
        now, time = self._clock.now(), self._clock.time()
        found = await self._store.read(partial(overdue.never_started, now=now, waits=self._waits))
        here, reason = self._node.id, EndReason.DISCONNECTED
        found += [
            Overdue(session_id, Status.STOPPED, reason, only_on=here)
            for session_id in self._holders.left_before(time - self._reconnect_grace)
        ]
        let_go_at = now - timedelta(seconds=TAKEN_UP_WITHIN)
        found += [
            Overdue(session_id, Status.FAILED, EndReason.NODE_LOST, let_go_at, only_on=here)
            for session_id in self._holders.given_away_before(time - TAKEN_UP_WITHIN)
        ]
        # While this node could not give signs of life, perhaps no other could.
        beating = time - self._beating_since >= NODE_LOST_AFTER >= time - self._last_beat
        if self._store.shared and beating:
            silent_since = now - timedelta(seconds=NODE_LOST_AFTER)
            find = partial(overdue.on_lost_nodes, silent_since=silent_since, but=here)
            found += await self._store.read(find)
        return found

    async def reap(self) -> list[Session]:
        """Do one round: end what nobody will end, and return it."""
        ended = await self._end_all(await self.find())
        await self._stop_gone()
        await self._forget_nodes()
        return ended

    async def _stop_gone(self) -> None:
        """Stop holders whose session was ended or taken over, if no message told them."""
        held = self._holders.held()
        if not held:
            return
        find = partial(reader.gone_among, session_ids=held, node=self._node.id)
        for session in await self._store.read(find):
            self._holders.ended(session.id)
            self._holders.stop(session.id, session.end_reason or EndReason.REPLACED)

    async def _forget_nodes(self) -> None:
        """Delete, once in a while, what is left of workers that were killed."""
        time = self._clock.time()
        if self._store.shared and time - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = time
            silent_since = micros(self._clock.now() - _FORGOTTEN_AFTER)
            await self._store.write(partial(forget_silent, silent_since=silent_since))

    async def _end_all(self, found: Iterable[Overdue]) -> list[Session]:
        """End sessions together: they share commits. Return those that have ended."""

        async def end(one: Overdue) -> Session | None:
            try:
                session = await self._end(one)
            except SessionNotFound:
                # Somebody deleted it from the database.
                return None
            return session if session.ended else None

        ended = await asyncio.gather(*map(end, found))
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
