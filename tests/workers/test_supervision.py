from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

import services
from clocks import ManualClock
from greenroom.sessions.control import LocalBus
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import (
    EndReason,
    LifecycleEntry,
    PresenceEntry,
    Session,
    Status,
)
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from greenroom.workers.lease_keeper import LeaseKeeper
from greenroom.workers.leases import LeaseTerms
from greenroom.workers.order import API, AgentOrder
from greenroom.workers.ports import PlacementFailed, WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from greenroom.workers.supervision import CLAIM_EVERY, RECONCILE_EVERY, Supervision
from support.database import put_database
from support.leases import TERMS, kept, let_pass

Process = Callable[..., RedisLeases]


class Tasks:
    """The tasks that were sent. `error`: the broker is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.error: Exception | None = None
        self.came = asyncio.Event()

    async def send(self, session_id: str, attempt: int) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((session_id, attempt))
        self.came.set()


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def sessions(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SessionService]:
    path = tmp_path / "sessions.db"
    put_database(path)
    store = Store(database_url(f"sqlite:///{path}", tmp_path))
    service = SessionService(store, Node("server", "boot"), bus=LocalBus(), clock=clock)
    await service.open()
    yield service
    await service.close()
    await store.close()


@pytest.fixture
async def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def supervision(
    leases: RedisLeases, sessions: SessionService, tasks: Tasks, clock: ManualClock
) -> Supervision:
    return Supervision(leases, sessions, tasks.send, clock=clock)


class Start:
    """Starts sessions as a server does; no task is sent."""

    def __init__(self, leases: RedisLeases, sessions: SessionService) -> None:
        self.leases, self.sessions = leases, sessions

    async def __call__(self, session_id: str, *, offered: bool = True) -> Session:
        order = AgentOrder("ann", "Ashley", "Hello!")
        if offered:
            await self.leases.offer(session_id, order.user_name)
        return await self.sessions.create(
            api=API, tenant="", settings=order.as_settings(), session_id=session_id
        )


@pytest.fixture
def start(leases: RedisLeases, sessions: SessionService) -> Start:
    return Start(leases, sessions)


async def presence(sessions: SessionService, session_id: str) -> list[PresenceEntry]:
    records = await sessions.records(session_id, kinds=["presence"])
    return [each.entry for each in records if isinstance(each.entry, PresenceEntry)]


async def lifecycle(sessions: SessionService, session_id: str) -> list[tuple[str, str]]:
    records = await sessions.records(session_id, kinds=["lifecycle"])
    entries = [each.entry for each in records]
    return [(each.event, each.detail) for each in entries if isinstance(each, LifecycleEntry)]


async def test_another_agent_is_sent_for_where_one_was_lost_and_that_is_written_down_once(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    process: Process,
    redis: Redis,
) -> None:
    await start("s")
    worker = process()
    await worker.acquire("s", "w1")
    await sessions.start("s")
    await supervision.look()
    assert tasks.sent == []
    await let_pass(redis, TERMS.lease)
    await supervision.look()
    assert tasks.sent == [("s", 2)]
    # Nobody takes it in time.
    await let_pass(redis, TERMS.offer)
    await supervision.look()
    assert tasks.sent == [("s", 2), ("s", 2)]
    acquired = await process().acquire("s", "w2")
    assert acquired is not None
    assert acquired.last_seen is not None
    # Of the first lapse, before time passed once more.
    lost_at = round((acquired.last_seen + TERMS.offer) * 1_000_000)
    assert await presence(sessions, "s") == [PresenceEntry(None, "agent_lost", lost_at, "w1")]
    assert await lifecycle(sessions, "s") == [
        ("created", ""),
        ("started", ""),
        ("agent lost", "w1; attempt 2 is sent for"),
    ]
    assert (await sessions.get("s")).status is Status.ACTIVE


async def test_an_agent_that_handed_over_was_not_lost(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    leases: RedisLeases,
) -> None:
    await start("s")
    await leases.acquire("s", "w1")
    await leases.hand_over("s", "w1")
    await supervision.look()
    assert tasks.sent == [("s", 1)]
    assert await presence(sessions, "s") == []


async def test_a_session_that_loses_too_many_agents_ends_as_failed(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    process: Process,
    redis: Redis,
) -> None:
    await start("s")
    for worker in ("w1", "w2"):
        assert await process().acquire("s", worker)
        await let_pass(redis, TERMS.lease)
        await supervision.look()
    session = await sessions.get("s")
    assert (session.status, session.end_reason) == (Status.FAILED, EndReason.NODE_LOST)
    assert tasks.sent == [("s", 2)]
    assert [each.who for each in await presence(sessions, "s")] == ["w1", "w2"]
    assert (await lifecycle(sessions, "s"))[1:] == [
        ("agent lost", "w1; attempt 2 is sent for"),
        ("agent lost", "w2; given up"),
        ("ended", "node_lost: 2 agents were lost"),
    ]
    assert await kept(redis) == set()


@pytest.mark.parametrize(
    ("handed_over", "reason", "detail"),
    [
        (False, EndReason.AGENT_FAILED, "agent_failed: no worker has taken it"),
        (True, EndReason.NODE_LOST, "node_lost: no worker has taken it over"),
    ],
)
async def test_a_session_that_nobody_takes_is_sent_for_until_it_ends_as_failed(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    leases: RedisLeases,
    redis: Redis,
    handed_over: bool,
    reason: EndReason,
    detail: str,
) -> None:
    await start("s")
    if handed_over:
        await leases.acquire("s", "w")
        await leases.hand_over("s", "w")
    for _ in range(2):
        await let_pass(redis, TERMS.offer)
        await supervision.look()
    assert not (await sessions.get("s")).ended
    await let_pass(redis, TERMS.start_timeout - 2 * TERMS.offer)
    await supervision.look()
    session = await sessions.get("s")
    assert (session.status, session.end_reason) == (Status.FAILED, reason)
    assert (await lifecycle(sessions, "s"))[-1] == ("ended", detail)
    assert tasks.sent == [("s", 1), ("s", 1)]
    assert await presence(sessions, "s") == []
    assert await kept(redis) == set()


async def test_the_lease_of_a_session_that_has_ended_is_deleted(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    redis: Redis,
) -> None:
    await start("s")
    await sessions.end("s", Status.STOPPED, EndReason.CLIENT_STOPPED)
    await let_pass(redis, TERMS.offer)
    await supervision.look()
    assert tasks.sent == []
    assert await kept(redis) == set()


async def test_a_session_that_is_reserved_and_not_made_yet_keeps_its_lease(
    leases: RedisLeases, supervision: Supervision, tasks: Tasks, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    await let_pass(redis, TERMS.offer)
    await supervision.look()
    assert tasks.sent == []
    assert await leases.live() == {"s"}
    await let_pass(redis, TERMS.start_timeout)
    await supervision.look()
    assert await kept(redis) == set()


async def test_a_hundred_agents_that_are_lost_together_are_each_sent_for_once_by_two_supervisors(
    sessions: SessionService, tasks: Tasks, process: Process, clock: ManualClock, redis: Redis
) -> None:
    many = LeaseTerms(lease=30, offer=20, max_per_user=1_000)
    start = Start(process(many), sessions)
    worker = process(many)
    ids = [f"s{n}" for n in range(120)]
    await asyncio.gather(*map(start, ids))
    await asyncio.gather(*(worker.acquire(id_, "w1") for id_ in ids))
    await let_pass(redis, many.lease)
    supervisors = [Supervision(process(many), sessions, tasks.send, clock=clock) for _ in range(2)]
    await asyncio.gather(*(each.look() for each in supervisors))
    assert sorted(tasks.sent) == sorted((id_, 2) for id_ in ids)


async def test_sessions_that_wait_without_a_lease_are_offered_again(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    leases: RedisLeases,
    clock: ManualClock,
) -> None:
    """Redis was emptied since they were offered."""
    await start("forgotten", offered=False)
    await start("offered")
    await sessions.create(api="commerce", tenant="", settings={}, session_id="of another API")
    active = await start("active", offered=False)
    await sessions.start(active.id)
    clock.advance(6)
    await start("being made", offered=False)
    await supervision.reconcile()
    assert tasks.sent == [("forgotten", 1)]
    assert await leases.live() == {"forgotten", "offered"}
    await supervision.reconcile()
    assert tasks.sent == [("forgotten", 1)]


async def test_not_beyond_the_limit(
    start: Start,
    supervision: Supervision,
    tasks: Tasks,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for session_id in ("s1", "s2"):
        await start(session_id)
    await start("s3", offered=False)
    clock.advance(6)
    await supervision.reconcile()
    assert tasks.sent == []
    assert "s3 could not be offered again: at most 2 live sessions of one user" in caplog.text


async def test_a_broker_that_is_away_delays_what_is_sent_and_is_mentioned_once(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    leases: RedisLeases,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "greenroom.workers.supervision")
    await start("s")
    await leases.acquire("s", "w1")
    tasks.error = PlacementFailed("the broker does not answer")
    await let_pass(redis, TERMS.lease)
    for _ in range(2):
        await supervision.look()
        await let_pass(redis, TERMS.offer)
    tasks.error = None
    await supervision.look()
    assert tasks.sent == [("s", 2)]
    assert len(await presence(sessions, "s")) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "supervision of agents: sending fails: the broker does not answer",
        "supervision of agents: sending works again",
    ]


async def test_a_database_that_is_away_delays_it_too(
    start: Start,
    supervision: Supervision,
    sessions: SessionService,
    tasks: Tasks,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "greenroom.workers.supervision")
    await start("s")

    async def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "get", fail)
        patch.setattr(sessions, "list", fail)
        await let_pass(redis, TERMS.offer)
        await supervision.look()
        await supervision.reconcile()
    assert tasks.sent == []
    await let_pass(redis, TERMS.offer)
    await supervision.look()
    assert tasks.sent == [("s", 1)]
    assert [record.getMessage() for record in caplog.records] == [
        "supervision of agents: the database fails: storage unavailable: connection refused",
        "supervision of agents: the database works again",
    ]


async def test_redis_stopped_and_started_again_costs_one_line_each(
    sessions: SessionService, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "greenroom.workers.supervision")
    with services.redis_server() as server:
        leases = RedisLeases(server.url, TERMS)
        start = Start(leases, sessions)
        supervision = Supervision(leases, sessions, tasks.send, clock=ManualClock())
        await start("s")
        server.stop()
        for _ in range(3):
            await supervision.look()
        server.start()
        await supervision.look()
        await leases.close()
    assert [record.getMessage() for record in caplog.records] == [
        "supervision of agents: Redis fails: Redis does not answer",
        "supervision of agents: Redis works again",
    ]


async def test_a_defect_in_one_session_does_not_keep_the_others_from_being_sent_for(
    start: Start,
    sessions: SessionService,
    leases: RedisLeases,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = []

    async def send(session_id: str, attempt: int) -> None:
        if session_id == "s1":
            raise ValueError("a defect")
        sent.append(session_id)

    await start("s1")
    await start("s2")
    await let_pass(redis, TERMS.offer)
    await Supervision(leases, sessions, send).look()
    assert sent == ["s2"]
    assert "a defect" in caplog.text


async def test_it_looks_about_twice_a_second_and_compares_now_and_then(
    supervision: Supervision,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks, comparisons = [], []

    async def look() -> None:
        looks.append(clock.time())
        if len(looks) == 2:
            raise ValueError("a defect")

    async def reconcile() -> None:
        comparisons.append(clock.time())

    monkeypatch.setattr(supervision, "look", look)
    monkeypatch.setattr(supervision, "reconcile", reconcile)
    supervision.start()
    await clock.wait_for_sleeper()
    for _ in range(30):
        await clock.let_pass(CLAIM_EVERY)
    await supervision.close()
    assert looks == pytest.approx([n * CLAIM_EVERY for n in range(31)])
    assert comparisons == pytest.approx([0, RECONCILE_EVERY])
    assert "a round of supervision failed" in caplog.text


async def test_a_worker_that_is_killed_is_replaced_in_real_time(
    sessions: SessionService, tasks: Tasks, process: Process
) -> None:
    """By the clock of Redis."""
    terms = LeaseTerms(lease=1.0)
    leases, worker = process(terms), process(terms)
    lost: list[str] = []
    keeper = LeaseKeeper(
        worker,
        "w1",
        lease=terms.lease,
        load=lambda: WorkerLoad("agents@here", 1, 20),
        lost=lost.append,
    )
    await Start(leases, sessions)("s")
    await worker.acquire("s", "w1")
    keeper.add("s")
    keeper.start()
    supervision = Supervision(leases, sessions, tasks.send)
    supervision.start()
    try:
        # As long as it lives nothing is sent.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tasks.came.wait(), 1.2 * terms.lease)
        keeper.remove("s")  # its renewals end
        await asyncio.wait_for(tasks.came.wait(), 20)
    finally:
        await supervision.close()
        await keeper.close()
    assert tasks.sent[0] == ("s", 2)
    assert lost == []
    assert await leases.release("s")
