"""The only way to change a session."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import orjson
from sqlalchemy.exc import IntegrityError

from greenroom.errors import InvalidInput, SessionEnded, SessionNotFound
from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.codec import encode_json
from greenroom.sessions.control import ControlBus, make_bus
from greenroom.sessions.holders import Holders, Stop
from greenroom.sessions.journal import Journal
from greenroom.sessions.model import EndReason, Entry, Record, Session, Status
from greenroom.sessions.node import NOWHERE, Node, NodeClaim, Place, places
from greenroom.sessions.operations import AppendOnce, Create, End, Start, append_row
from greenroom.sessions.overdue import Overdue, Waits
from greenroom.sessions.reader import (
    MAX_ID_CHARACTERS,
    Records,
    SessionReader,
    Sessions,
    is_session_id,
)
from greenroom.sessions.store import Store
from greenroom.sessions.tables import micros
from greenroom.sessions.upkeep import NODE_LOST_AFTER, Upkeep
from greenroom.settings import Settings

Places: TypeAlias = list[Place]
"""Named, since within a class that has a method `list` no annotation can say list[...]."""

_CACHED = 4_096
_TRUSTED_FOR = 1.0
"""Seconds for which a live session is taken from the cache where other nodes may change it."""

_LET_GO_WITHIN = 5.0
"""Seconds for holders that were told to stop at the end of a server."""


class SessionService:
    """Sessions of one server. Made by `open_sessions`, or by hand: `open`, `recover`, `close`.

    `waits`: how long a session may wait to be started. `reconnect_grace`: seconds that an active
    session of this node may be held by nobody. `owned` is closed last. Every method that waits may
    raise StorageUnavailable.
    """

    def __init__(
        self,
        store: Store,
        node: Node,
        *,
        bus: ControlBus,
        clock: Clock | None = None,
        commit_interval: float = 0.04,
        max_pending: int = 50_000,
        waits: Waits | None = None,
        reconnect_grace: float = 30.0,
        owned: AsyncExitStack | None = None,
    ) -> None:
        self.store = store
        self.node = node
        self.bus = bus
        self._clock = clock or SystemClock()
        self.journal = Journal(
            store, node, self._clock, interval=commit_interval, max_pending=max_pending
        )
        self._reader = SessionReader(store)
        self._holders = Holders(self._clock)
        self._upkeep = Upkeep(
            store,
            node,
            self._clock,
            self._holders,
            self._end_overdue,
            waits=waits or Waits(),
            reconnect_grace=reconnect_grace,
        )
        # Sessions that this process created, started or ended, and when that was known.
        self._cache: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        self._owned = owned

    async def open(self) -> None:
        """Write down that this node has begun, and begin to write and to listen."""
        await self._upkeep.register()
        self.journal.start()
        await self.bus.open(self.node.id, self._holders.stop)

    async def close(self) -> None:
        """End upkeep, write what is left, close what is owned. Sessions are left as they are."""
        try:
            await self._upkeep.close()
            await self.bus.close()
            await self.journal.close()
            await self._upkeep.leave()
        finally:
            if self._owned is not None:
                await self._owned.aclose()

    # What may happen to a session.

    async def create(
        self, *, api: str, tenant: str, settings: dict[str, Any], session_id: str | None = None
    ) -> Session:
        """Make a session that waits to be started; it is durable on return.

        Raises InvalidInput for settings that are not JSON and for an id that can't be or is taken.
        """
        if session_id is None:
            session_id = str(uuid.uuid4())
        elif not is_session_id(session_id):
            allowed = f"1 to {MAX_ID_CHARACTERS} printable characters"
            raise InvalidInput("session_id", "is not fit to be an id", allowed)
        now = self._clock.now()
        row: dict[str, Any] = {
            "id": session_id,
            "api": api,
            "tenant": tenant,
            "status": Status.WAITING.value,
            "created_at": micros(now),
            "settings": encode_json("settings", settings),
        }
        operation = Create(row)
        operation.size = len(row["settings"])
        try:
            await self.journal.submit(operation)
        except IntegrityError as exc:
            raise InvalidInput("session_id", "is the id of another session") from exc
        # As it will be read back, and the caller's to change no more.
        kept = orjson.loads(row["settings"])
        session = Session(session_id, api, tenant, Status.WAITING, now, kept)
        return self._remember(session)

    async def start(self, session_id: str) -> Session:
        """Make a waiting session active on this node; an active one is taken over (a reconnect,
        or the node before is lost).

        A holder on another node is stopped with REPLACED, which takes at most 2 s where that node
        does not answer. Raises SessionNotFound, SessionEnded.
        """
        if not is_session_id(session_id):
            raise SessionNotFound(session_id)
        at = micros(self._clock.now())
        try:
            outcome = await self.journal.submit(Start(session_id, self.node.id, at))
        except BaseException:
            # It may be written all the same: then upkeep ends it, as one that nobody holds.
            self._holders.activated(session_id)
            raise
        session = outcome.session
        if session is None:
            raise SessionNotFound(session_id)
        self._remember(session)
        if session.ended:
            raise SessionEnded(session_id, session.end_reason or session.status)
        self._holders.activated(session_id)
        previous = outcome.previous_node
        if previous is not None and previous != self.node.id:
            await self.bus.request_stop(previous, session_id, EndReason.REPLACED)
        return session

    async def end(
        self,
        session_id: str,
        status: Status,
        reason: EndReason,
        detail: str = "",
        *,
        ended_at: datetime | None = None,
    ) -> Session:
        """End a session, once all that was appended to it is durable.

        One that has ended is returned as it ended first. `detail` goes into the journal; `ended_at`
        is when it ended, if that was before now. Raises SessionNotFound.
        """
        if not is_session_id(session_id):
            raise SessionNotFound(session_id)
        now = micros(self._clock.now())
        at = now if ended_at is None else micros(ended_at)
        return await self._end(
            End(session_id, status.value, reason.value, detail, at=now, ended_at=at)
        )

    def append(self, session_id: str, entry: Entry) -> None:
        """Write an entry into the session's journal, soon. Never blocks.

        Raises InvalidInput for an entry that isn't JSON or is too large. An entry of a session that
        doesn't exist is dropped when it comes to be written.
        """
        self.journal.append(session_id, entry)

    async def append_once(self, session_id: str, entry: Entry, key: str) -> Record:
        """Write an entry unless the session has one of this key; durable on return.

        Returns the record that has the key: this one, or the one that was first. Raises
        InvalidInput as `append` does, SessionNotFound, StorageUnavailable.
        """
        row = append_row(session_id, micros(self._clock.now()), entry)
        operation = AppendOnce({**row, "key": key})
        operation.size = len(row["data"])
        try:
            outcome = await self.journal.submit(operation)
        except IntegrityError as exc:
            raise SessionNotFound(session_id) from exc
        assert outcome.record is not None  # noqa: S101 - the operation gives one
        return outcome.record

    # What can be seen of sessions.

    async def get(self, session_id: str, *, tenant: str | None = None) -> Session:
        """Return a session. Raises SessionNotFound, also for one of another tenant."""
        session = self._recall(session_id)
        if session is None:
            session = await self._reader.get(session_id, tenant=tenant)
            if session.ended:
                # Only what can't change any more: a live one could be out of date by now.
                self._remember(session)
        if tenant not in (None, session.tenant):
            raise SessionNotFound(session_id)
        return session

    async def list(
        self,
        *,
        tenant: str | None = None,
        api: str | None = None,
        status: Status | Sequence[Status] | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Sessions:
        """Return sessions, newest first; see `SessionReader.list`."""
        return await self._reader.list(
            tenant=tenant, api=api, status=status, limit=limit, before=before
        )

    async def records(self, session_id: str, *, kinds: Collection[str] | None = None) -> Records:
        """Return a session's records in order, with everything that was appended so far here."""
        await self.journal.flush()
        return await self._reader.records(session_id, kinds=kinds)

    async def spoken(self, session_ids: Collection[str]) -> dict[str, Records]:
        """Return the transcript entries of sessions, with all that was appended so far here.

        Of a turn id that was written more than once the last entry.
        """
        await self.journal.flush()
        return await self._reader.spoken(session_ids)

    async def places(self) -> Places:
        """Where the nodes are that give signs of life, this one included."""
        since = self._clock.now() - timedelta(seconds=NODE_LOST_AFTER)
        return await self.store.read(partial(places, alive_since=micros(since)))

    # Who holds a live session.

    def hold(self, session_id: str, stop: Stop) -> Callable[[], None]:
        """Say that the caller runs the live session; return what lets go of it.

        `stop` is called when the session is to be stopped, with the reason; the holder then ends
        it. With REPLACED another has taken the session over: then the holder must only let go.
        """
        return self._holders.hold(session_id, stop)

    def let_go(self, session_id: str) -> None:
        """Say that this node has the session no more, and that another will take it up.

        It stays active: neither a drain nor the end of this node ends it, nor `reconnect_grace`.
        Where nobody has taken it up within a minute (TAKEN_UP_WITHIN) it is ended as lost, at this
        time; half a minute, if this node has ended by then.
        """
        self._holders.give_away(session_id)
        # Another may have it before this node hears of that.
        self._cache.pop(session_id, None)

    async def request_stop(self, session_id: str, reason: EndReason) -> bool:
        """Ask whoever holds the session, on whichever node, to stop it; False if nobody does."""
        if self._holders.stop(session_id, reason):
            return True
        try:
            session = await self._reader.get(session_id)
        except SessionNotFound:
            return False
        if session.ended or session.node is None or session.node == self.node.id:
            return False
        return await self.bus.request_stop(session.node, session_id, reason)

    async def drain(self, seconds: float) -> None:
        """Give the talks that are held here `seconds` to end, then end every session of this node.

        For the end of a server; nothing may be started afterwards.
        """
        if not await self._holders.wait_free(seconds):
            for session_id in self._holders.held():
                self._holders.stop(session_id, EndReason.DRAINED)
            await self._holders.wait_free(_LET_GO_WITHIN)
        for session_id in self._holders.active():
            # Perhaps another node has taken it, and could not tell.
            drained = Overdue(session_id, Status.STOPPED, EndReason.DRAINED, only_on=self.node.id)
            await self._end_overdue(drained)

    # Upkeep.

    async def recover(self) -> Sessions:
        """End, as lost, the sessions that earlier boots of this node left active.

        Each ended at the time of its last record, or of the boot's last sign of life where that was
        later. Call it before any session is started.
        """
        return await self._upkeep.recover()

    async def reap(self) -> Sessions:
        """End what nobody will end: sessions that never started, were left, or lost their node.

        Also stops holders here of sessions that were ended, or taken over, without them.
        """
        return await self._upkeep.reap()

    def start_background(self) -> None:
        """Begin upkeep: signs of life and `reap`, at a set interval until `close`."""
        self._upkeep.start()

    async def _end_overdue(self, overdue: Overdue) -> Session:
        return await self._end(overdue.ending(self._clock.now()))

    async def _end(self, operation: End) -> Session:
        session = (await self.journal.submit(operation)).session
        self._holders.ended(operation.session_id)
        if session is None:
            raise SessionNotFound(operation.session_id)
        return self._remember(session)

    def _remember(self, session: Session) -> Session:
        self._cache[session.id] = (session, self._clock.time())
        self._cache.move_to_end(session.id)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return session

    def _recall(self, session_id: str) -> Session | None:
        known = self._cache.get(session_id)
        if known is None:
            return None
        session, known_at = known
        if session.ended or not self.store.shared:
            return session
        return session if self._clock.time() - known_at < _TRUSTED_FOR else None


async def open_sessions(
    settings: Settings,
    *,
    control_url: str | None = None,
    clock: Clock | None = None,
    place: Place = NOWHERE,
    node: Node | None = None,
) -> SessionService:
    """Bring up the sessions of a server: lock, database, journal, bus, recovery, upkeep.

    `place`: where the server's avatars are. `node`: of a worker, an ephemeral one; it needs no lock
    and has nothing to recover, and shares the server's data folder where the database lies there.

    The service owns all of that; end it by `close`. Raises ConfigurationError (a data folder in use
    by another server, a database of a newer Greenroom, ...), StorageUnavailable.
    """
    async with AsyncExitStack() as stack:
        outlives = node is None
        if node is None:
            claim = NodeClaim(settings.data_dir, place)
            stack.callback(claim.release)
            node = claim.node
        store = Store.of(settings)
        stack.push_async_callback(store.close)
        await store.migrate()
        service = SessionService(
            store,
            node,
            bus=make_bus(control_url),
            clock=clock,
            commit_interval=settings.storage.commit_interval_ms / 1000,
            max_pending=settings.storage.max_pending_entries,
            waits=Waits.of(settings),
            reconnect_grace=settings.replies.reconnect_grace,
            owned=stack.pop_all(),
        )
    try:
        await service.open()
        if outlives:
            await service.recover()
    except BaseException:
        await service.close()
        raise
    service.start_background()
    return service
