"""The one writer of a process: everything about sessions is written here, in order, in groups.

A group is committed as soon as somebody waits for something in it, else a set interval after its
first entry. While one group is being written the next one gathers, so that under load many share
one commit, and a lone caller waits for his own only.

A database that fails is tried again until it answers; what was appended is kept, up to a bound. A
row that the database refuses is found by halving its group, and refused alone.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial

from greenroom.sessions.clock import Clock
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import Entry
from greenroom.sessions.node import Node
from greenroom.sessions.operations import (
    Append,
    AppendOnce,
    Barrier,
    Create,
    Mark,
    Operation,
    Outcome,
    Start,
    append_row,
    write_batch,
)
from greenroom.sessions.store import Store
from greenroom.sessions.tables import micros

_MAX_BATCH = 100
"""Operations in one transaction: bounds how long it holds the database, and the event loop."""

_MAX_PENDING_BYTES = 128 * 1_048_576

_FIRST_RETRY = 0.05
_LAST_RETRY = 2.0

_log = logging.getLogger(__name__)


class Journal:
    """Writes for one process. `start` it on the event loop, and `close` it.

    `interval`: seconds that an entry may wait for its commit to begin. `max_pending`: operations
    kept while the database can't take them. `patience`: seconds after which a caller that waits is
    told that the database fails.
    """

    def __init__(
        self,
        store: Store,
        node: Node,
        clock: Clock,
        *,
        interval: float = 0.04,
        max_pending: int = 50_000,
        patience: float = 5.0,
    ) -> None:
        self._store = store
        self._node = node
        self._clock = clock
        self._interval = interval
        self._max_pending = max_pending
        self._patience = patience
        self._numbers = itertools.count(1)
        self._queue: deque[Operation] = deque()
        self._writing: Sequence[Operation] = ()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._failing_since: float | None = None
        self._dropping = False
        self.dropped = 0
        """Entries that were lost because the database failed for too long."""
        self.rejected = 0
        """Operations that the database refused."""

    @property
    def pending(self) -> int:
        """Operations that are not committed yet."""
        return len(self._queue) + len(self._writing)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="journal")

    def append(self, session_id: str, entry: Entry) -> None:
        """Write an entry soon. Never blocks. Raises InvalidInput for one that can't be stored."""
        operation = Append(append_row(session_id, micros(self._clock.now()), entry))
        operation.size = len(operation.row["data"])
        if self._full:
            if not self._dropping:
                _log.critical("journal: entries are being lost: %d wait already", self.pending)
            self._dropping = True
            self.dropped += 1
            return
        self._add(operation)

    async def submit(self, operation: Operation) -> Outcome:
        """Write an operation and return what came of it, once committed.

        Raises StorageUnavailable, after which a change of state may still be written later, and
        what the database refused it with.
        """
        refused = self._task is None
        if isinstance(operation, _WITHDRAWABLE):
            refused |= self._impatient(self._failing_since)
        if isinstance(operation, Create | Start | AppendOnce):
            # Not so for what only waits, or ends a session: these add nothing that lasts.
            refused |= self._full
        if refused:
            raise StorageUnavailable(f"{self.pending} operations wait to be written")
        operation.done = asyncio.get_running_loop().create_future()
        operation.queued = self._clock.time()
        self._add(operation)
        self._due = True
        self._wake.set()
        return await operation.done

    async def flush(self) -> None:
        """Return when all that was appended so far is committed. Raises StorageUnavailable."""
        if self.pending:
            await self.submit(Barrier())

    async def close(self, patience: float = 5.0) -> None:
        """Write what is left, for at most `patience` seconds, and end."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(patience):
                await self.flush()
        except (StorageUnavailable, TimeoutError):
            _log.critical("journal: ends with %d operations not written", self.pending)
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        self._disarm()
        for operation in (*self._writing, *self._queue):
            _fail(operation, StorageUnavailable("the journal is closed"))

    @property
    def _full(self) -> bool:
        return self.pending >= self._max_pending or self._bytes >= _MAX_PENDING_BYTES

    def _impatient(self, since: float | None) -> bool:
        return since is not None and self._clock.time() - since >= self._patience

    def _add(self, operation: Operation) -> None:
        self._queue.append(operation)
        self._bytes += operation.size
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._due = True
        self._wake.set()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due and self._queue:
                self._disarm()
                self._writing = [
                    self._queue.popleft() for _ in range(min(len(self._queue), _MAX_BATCH))
                ]
                # What is left over was due too.
                self._due = bool(self._queue)
                await self._write(self._writing)
                self._bytes -= sum(operation.size for operation in self._writing)
                self._writing = ()
            self._due = False

    async def _write(self, batch: Sequence[Operation]) -> None:
        """Write `batch` in one transaction, or, where something in it is refused, in parts."""
        mark = None
        if self._store.networked:
            # Only a commit over a network can fail in a way that leaves open whether it was done.
            mark = Mark(self._node.id, self._node.boot, next(self._numbers))
        delay = _FIRST_RETRY
        again = False
        while True:
            # A creation whose caller has gone away must not come into being behind his back.
            batch = [operation for operation in batch if not _is_withdrawn(operation)]
            if not batch:
                return
            try:
                outcomes = await self._store.write(
                    partial(write_batch, batch=batch, mark=mark, again=again)
                )
            except StorageUnavailable as exc:
                self._on_failure(exc)
                again = True
                await self._clock.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY)
            except Exception as exc:  # noqa: BLE001 - whatever one row brings, the rest is written
                await self._reject(batch, exc)
                return
            else:
                break
        self._on_success()
        for operation, outcome in zip(batch, outcomes, strict=True):
            if operation.done is not None and not operation.done.done():
                operation.done.set_result(outcome or _NOTHING)

    async def _reject(self, batch: Sequence[Operation], exc: Exception) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
            return
        self.rejected += 1
        if not _fail(batch[0], exc):
            kind = type(batch[0]).__name__.lower()
            _log.error("journal: %s refused by the database: %s", kind, type(exc).__name__)

    def _on_failure(self, exc: StorageUnavailable) -> None:
        if self._failing_since is None:
            self._failing_since = self._clock.time()
            _log.error("journal: %s; entries are kept and written later", exc)
        for operation in (*self._writing, *self._queue):
            if operation.done is not None and self._impatient(operation.queued):
                _fail(operation, exc)

    def _on_success(self) -> None:
        if self._failing_since is not None:
            seconds = self._clock.time() - self._failing_since
            _log.warning(
                "journal: the database answers again after %.1f s; %d entries were lost",
                seconds,
                self.dropped,
            )
            self._failing_since = None
            self._dropping = False


_NOTHING = Outcome(None)

_WITHDRAWABLE = (Barrier, Create)
"""What is pointless once nobody waits for it any more."""


def _is_withdrawn(operation: Operation) -> bool:
    done = operation.done
    return isinstance(operation, _WITHDRAWABLE) and done is not None and done.done()


def _fail(operation: Operation, exc: Exception) -> bool:
    """Tell whoever waits for `operation`; False where nobody does."""
    if operation.done is None or operation.done.done():
        return False
    operation.done.set_exception(exc)
    return True
