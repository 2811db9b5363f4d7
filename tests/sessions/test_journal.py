from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

import services
from greenroom.errors import InvalidInput
from greenroom.sessions.clock import SystemClock
from greenroom.sessions.engines import T, Work
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.journal import Journal
from greenroom.sessions.model import MetricEntry, Record, Status
from greenroom.sessions.node import Node, register
from greenroom.sessions.operations import Append, Create, End, Start
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store, database_url


class UnsteadyStore(Store):
    """A real store whose writing can be made to fail, before or after its commit."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(database_url(url, folder))
        self.fails = False
        self.lost_answers = 0
        self.writes = 0
        self.failed = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self.written: asyncio.Queue[None] = asyncio.Queue()

    async def write(self, work: Work[T]) -> T:
        self.writes += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            self.failed.set()
            raise StorageUnavailable("made to fail")
        try:
            result = await super().write(work)
        except StorageUnavailable:
            self.failed.set()
            raise
        self.written.put_nowait(None)
        if self.lost_answers:
            self.lost_answers -= 1
            raise StorageUnavailable("made to fail after the commit")
        return result


@pytest.fixture
async def unsteady(url: str, tmp_path: Path) -> AsyncIterator[UnsteadyStore]:
    store = UnsteadyStore(url, tmp_path)
    await store.migrate()
    yield store
    await store.close()


MakeJournal = Callable[..., Awaitable[Journal]]


@pytest.fixture
async def make_journal(unsteady: UnsteadyStore) -> AsyncIterator[MakeJournal]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Journal:
            node = Node("one", "first")
            await unsteady.write(partial(register, node=node, at=1))
            journal = Journal(unsteady, node, SystemClock(), **options)
            journal.start()
            stack.push_async_callback(journal.close)
            unsteady.writes = 0
            unsteady.written.get_nowait()
            return journal

        yield make


@pytest.fixture
async def journal(make_journal: MakeJournal) -> Journal:
    return await make_journal()


def creation(session_id: str) -> Create:
    return Create(
        {
            "id": session_id,
            "api": "commerce",
            "tenant": "shop",
            "status": "waiting",
            "created_at": 1,
            "settings": "{}",
        }
    )


def entry(number: int) -> MetricEntry:
    return MetricEntry("t", "number", {"is": number})


async def numbers(store: Store, session_id: str = "s") -> list[int]:
    """Return the numbers of the entries, in the order of the journal."""
    records = await SessionReader(store).records(session_id, kinds=["metric"])
    return [_number(record) for record in records]


def _number(record: Record) -> int:
    assert isinstance(record.entry, MetricEntry)
    number: int = record.entry.values["is"]
    return number


async def test_entries_are_stored_in_the_order_of_their_appending(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    await journal.submit(creation("s"))
    for number in range(1000):
        journal.append("s", entry(number))
    await journal.flush()
    assert journal.pending == 0
    assert await numbers(unsteady) == list(range(1000))


async def test_an_entry_that_nobody_waits_for_is_committed_after_the_interval(
    make_journal: MakeJournal, unsteady: UnsteadyStore
) -> None:
    journal = await make_journal(interval=0.04)
    await journal.submit(creation("s"))
    await unsteady.written.get()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    journal.append("s", entry(1))
    # Soon after the first entry, well before the interval is over.
    loop.call_later(0.02, journal.append, "s", entry(2))
    async with asyncio.timeout(5):
        await unsteady.written.get()
    assert 0.035 < loop.time() - begun < 1
    assert unsteady.writes == 2
    assert await numbers(unsteady) == [1, 2]


async def test_what_somebody_waits_for_is_committed_at_once_with_all_before_it(
    make_journal: MakeJournal, unsteady: UnsteadyStore
) -> None:
    journal = await make_journal(interval=3600)
    await journal.submit(creation("s"))
    journal.append("s", entry(1))
    await journal.flush()
    assert await numbers(unsteady) == [1]
    assert unsteady.writes == 2


async def test_callers_who_come_together_share_a_commit(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    unsteady.hold = asyncio.Event()
    callers = [asyncio.create_task(journal.submit(creation(f"s{n}"))) for n in range(100)]
    await asyncio.sleep(0)
    late = asyncio.create_task(journal.submit(creation("late")))
    unsteady.hold.set()
    await asyncio.gather(*callers, late)
    assert unsteady.writes <= 2


async def test_flushing_nothing_costs_nothing(journal: Journal, unsteady: UnsteadyStore) -> None:
    await journal.flush()
    assert unsteady.writes == 0


async def test_what_is_not_json_is_refused_at_once(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    with pytest.raises(InvalidInput):
        journal.append("s", MetricEntry("t", "number", {"is": object()}))
    assert journal.pending == 0


async def test_a_row_that_the_database_refuses_harms_no_other(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    await journal.submit(creation("s"))
    for number in range(9):
        journal.append("nobody" if number in (2, 7) else "s", entry(number))
    other = asyncio.create_task(journal.submit(creation("other")))
    again = asyncio.create_task(journal.submit(creation("s")))
    await asyncio.wait([other, again])
    assert other.exception() is None
    assert isinstance(again.exception(), IntegrityError)
    assert await numbers(unsteady) == [0, 1, 3, 4, 5, 6, 8]
    assert journal.rejected == 3


async def test_a_fault_of_our_own_does_not_end_the_writer(
    journal: Journal, unsteady: UnsteadyStore, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.submit(creation("s"))
    broken = Append({"session_id": "s"})
    journal._add(broken)
    journal.append("s", entry(1))
    await journal.flush()
    assert await numbers(unsteady) == [1]
    assert "append refused" in caplog.text


async def test_what_could_not_be_written_is_written_once_the_database_is_back(
    journal: Journal, unsteady: UnsteadyStore, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.submit(creation("s"))
    unsteady.fails = True
    journal.append("s", entry(1))
    await unsteady.failed.wait()
    journal.append("s", entry(2))
    waiting = asyncio.create_task(journal.flush())
    unsteady.fails = False
    await waiting
    assert await numbers(unsteady) == [1, 2]
    assert "answers again" in caplog.text
    assert caplog.text.count("kept and written later") == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_nothing_is_written_twice_when_the_answer_to_a_commit_is_lost(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    await journal.submit(creation("s"))
    unsteady.lost_answers = 1
    journal.append("s", entry(1))
    created = asyncio.create_task(journal.submit(creation("new")))
    started = asyncio.create_task(journal.submit(Start("s", "one", 5)))
    ended = asyncio.create_task(
        journal.submit(End("s", "stopped", "client_stopped", "", at=6, ended_at=6))
    )
    await created
    outcome = await started
    assert outcome.session is not None
    assert (await ended).session == outcome.session
    assert outcome.session.status is Status.STOPPED
    assert unsteady.lost_answers == 0
    assert await numbers(unsteady) == [1]
    lifecycle = await SessionReader(unsteady).records("s", kinds=["lifecycle"])
    assert len(lifecycle) == 3


async def test_callers_lose_patience_with_a_database_that_fails(
    make_journal: MakeJournal, unsteady: UnsteadyStore
) -> None:
    journal = await make_journal(patience=0.1)
    await journal.submit(creation("s"))
    unsteady.fails = True
    creating = asyncio.create_task(journal.submit(creation("new")))
    starting = asyncio.create_task(journal.submit(Start("s", "one", 5)))
    with pytest.raises(StorageUnavailable):
        await creating
    with pytest.raises(StorageUnavailable):
        await starting
    # From now on nobody has to wait to be told.
    with pytest.raises(StorageUnavailable):
        await journal.submit(creation("newer"))
    with pytest.raises(StorageUnavailable):
        await journal.flush()
    await unsteady.written.get()
    unsteady.fails = False
    await unsteady.written.get()
    sessions = await SessionReader(unsteady).list()
    # Nobody waits for the creations any more; the change of state has to be.
    assert [(session.id, session.status) for session in sessions] == [("s", Status.ACTIVE)]


async def test_a_creation_whose_caller_went_away_does_not_come_into_being(
    journal: Journal, unsteady: UnsteadyStore
) -> None:
    unsteady.hold = asyncio.Event()
    first = asyncio.create_task(journal.submit(creation("first")))
    await asyncio.sleep(0)
    gone = asyncio.create_task(journal.submit(creation("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    unsteady.hold.set()
    await first
    await journal.flush()
    assert [session.id for session in await SessionReader(unsteady).list()] == ["first"]


async def test_what_waits_is_bounded(
    make_journal: MakeJournal, unsteady: UnsteadyStore, caplog: pytest.LogCaptureFixture
) -> None:
    journal = await make_journal(max_pending=3)
    await journal.submit(creation("s"))
    unsteady.fails = True
    for number in range(10):
        journal.append("s", entry(number))
    assert journal.pending == 3
    assert journal.dropped == 7
    losses = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(losses) == 1
    with pytest.raises(StorageUnavailable):
        await journal.submit(creation("new"))
    await unsteady.failed.wait()
    await unsteady.written.get()
    unsteady.fails = False
    await unsteady.written.get()
    assert await numbers(unsteady) == [0, 1, 2]


async def test_what_waits_is_bounded_in_bytes_too(
    make_journal: MakeJournal, unsteady: UnsteadyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.sessions.journal._MAX_PENDING_BYTES", 1000)
    journal = await make_journal()
    await journal.submit(creation("s"))
    for _ in range(3):
        journal.append("s", MetricEntry("t", "large", {"is": "x" * 600}))
    assert journal.dropped == 1
    await journal.flush()
    journal.append("s", MetricEntry("t", "large", {"is": "x" * 600}))
    assert journal.dropped == 1


async def test_closing_writes_what_is_left(
    make_journal: MakeJournal, unsteady: UnsteadyStore
) -> None:
    journal = await make_journal(interval=3600)
    await journal.submit(creation("s"))
    journal.append("s", entry(1))
    await journal.close()
    assert await numbers(unsteady) == [1]
    with pytest.raises(StorageUnavailable):
        await journal.submit(creation("late"))
    await journal.close()


async def test_closing_does_not_wait_for_ever_for_a_database_that_fails(
    journal: Journal, unsteady: UnsteadyStore, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.submit(creation("s"))
    unsteady.fails = True
    journal.append("s", entry(1))
    waiting = asyncio.create_task(journal.submit(Start("s", "one", 5)))
    await unsteady.failed.wait()
    await journal.close(patience=0.05)
    with pytest.raises(StorageUnavailable):
        await waiting
    assert "not written" in caplog.text


async def test_postgresql_may_stop_and_come_back(
    postgres: services.Postgres, tmp_path: Path
) -> None:
    store = UnsteadyStore(postgres.empty_database(), tmp_path)
    await store.migrate()
    node = Node("one", "first")
    await store.write(partial(register, node=node, at=1))
    journal = Journal(store, node, SystemClock())
    journal.start()
    try:
        await journal.submit(creation("s"))
        journal.append("s", entry(0))
        await journal.flush()
        postgres.stop()
        try:
            for number in range(1, 400):
                journal.append("s", entry(number))
            waiting = asyncio.create_task(journal.submit(creation("new")))
            await store.failed.wait()
        finally:
            postgres.start()
        await waiting
        assert await numbers(store) == list(range(400))
        assert journal.dropped == 0
    finally:
        await journal.close()
        await store.close()
