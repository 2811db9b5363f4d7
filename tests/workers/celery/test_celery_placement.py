from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from redis.asyncio import Redis

import clocks
from greenroom.sessions.model import EndReason
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings
from greenroom.workers.celery.placement import CeleryPlacement
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.ports import NoCapacity, PlacementFailed, Withdrawn, WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS, kept, let_pass

Leases = Callable[..., RedisLeases]


class Tasks:
    """What was asked of the broker, which may be away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.revoked: list[str] = []
        self.away = False

    async def send(self, session_id: str, attempt: int) -> None:
        await self.check()
        self.sent.append((session_id, attempt))

    async def revoke(self, session_id: str) -> None:
        await self.check()
        self.revoked.append(session_id)

    async def check(self) -> None:
        if self.away:
            raise PlacementFailed("the Celery broker does not answer")


class Sessions:
    """The sessions floor: `holder` is told of a stop, and says whether it is one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, EndReason]] = []
        self.holder: Callable[[str], Any] | None = None

    async def request_stop(self, session_id: str, reason: EndReason) -> bool:
        self.told.append((session_id, reason))
        return self.holder is not None and bool(await self.holder(session_id))


@pytest.fixture
def broker_calls() -> Tasks:
    return Tasks()


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def clock() -> clocks.ManualClock:
    return clocks.ManualClock()


@pytest.fixture
def worker(process: Leases) -> RedisLeases:
    """The leases as a worker has them."""
    return process()


@pytest.fixture
def placement(
    leases: RedisLeases,
    broker_calls: Tasks,
    sessions: Sessions,
    settings: Settings,
    clock: clocks.ManualClock,
) -> CeleryPlacement:
    return CeleryPlacement(
        leases, cast(AgentTasks, broker_calls), cast(SessionService, sessions), settings, clock
    )


async def report(worker: RedisLeases, load: WorkerLoad, owner: str = "worker-1") -> None:
    await worker.renew(owner, [], load)


async def started(placement: CeleryPlacement, worker: RedisLeases, session_id: str = "s") -> None:
    await report(worker, WorkerLoad("agents@here", 0, 2))
    await placement.reserve(session_id, "ann")
    await placement.place(session_id)


async def test_an_agent_is_sent_for_by_a_lease_and_a_task(
    placement: CeleryPlacement, worker: RedisLeases, broker_calls: Tasks
) -> None:
    await started(placement, worker)
    assert await placement.live() == {"s"}
    assert broker_calls.sent == [("s", 1)]
    assert await worker.acquire("s", "worker-1") is not None


async def test_no_agent_is_sent_for_where_no_worker_runs(placement: CeleryPlacement) -> None:
    with pytest.raises(PlacementFailed, match="no worker is running"):
        await placement.reserve("s", "ann")
    assert await placement.live() == set()


async def test_full_workers_are_found_full_before_they_report_it(
    placement: CeleryPlacement, worker: RedisLeases
) -> None:
    await report(worker, WorkerLoad("agents@here", 0, 2))
    await placement.reserve("s", "ann")
    await placement.reserve("t", "bob")
    with pytest.raises(NoCapacity) as full:
        await placement.reserve("u", "cid")
    assert (full.value.limit, full.value.retry_after) == (2, 7)
    assert await placement.live() == {"s", "t"}


async def test_a_worker_that_drains_has_no_place_and_its_agents_take_none_elsewhere(
    placement: CeleryPlacement, worker: RedisLeases
) -> None:
    await report(worker, WorkerLoad("old@here", 0, 2))
    await placement.reserve("s", "ann")
    await worker.acquire("s", "worker-1")
    await report(worker, WorkerLoad("old@here", 1, 2, draining=True))
    with pytest.raises(NoCapacity):
        await placement.reserve("t", "bob")
    await report(worker, WorkerLoad("new@here", 0, 1), "worker-2")
    await placement.reserve("t", "bob")


async def test_where_the_broker_is_away_nothing_is_left_half_made(
    placement: CeleryPlacement, worker: RedisLeases, broker_calls: Tasks
) -> None:
    broker_calls.away = True
    with pytest.raises(PlacementFailed, match="broker"):
        await started(placement, worker)
    assert await placement.live() == set()


async def test_a_task_that_no_worker_has_begun_is_revoked(
    placement: CeleryPlacement,
    worker: RedisLeases,
    broker_calls: Tasks,
    sessions: Sessions,
    redis: Redis,
) -> None:
    await started(placement, worker)
    assert await placement.withdraw("s", running=False) == Withdrawn(revoked=True, cleaned=True)
    assert broker_calls.revoked == ["s"]
    assert sessions.told == []
    assert await worker.acquire("s", "worker-1") is None
    await worker.leave("worker-1")
    assert await kept(redis) == set()


async def test_an_agent_is_told_to_stop_and_waited_for(
    placement: CeleryPlacement,
    worker: RedisLeases,
    broker_calls: Tasks,
    sessions: Sessions,
    clock: clocks.ManualClock,
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    told = asyncio.Event()

    async def hold(session_id: str) -> bool:
        told.set()
        return True

    sessions.holder = hold
    withdrawing = asyncio.create_task(placement.withdraw("s", running=True))
    await told.wait()
    await clock.wait_for_sleeper()
    assert not withdrawing.done()
    await worker.release("s")
    clock.advance(0.05)
    assert await withdrawing == Withdrawn(revoked=True, stopped=True, cleaned=True)
    assert sessions.told == [("s", EndReason.CLIENT_STOPPED)]
    assert broker_calls.revoked == []


async def test_a_worker_that_has_the_lease_and_not_yet_the_session_is_asked_again(
    placement: CeleryPlacement,
    worker: RedisLeases,
    sessions: Sessions,
    clock: clocks.ManualClock,
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    withdrawing = asyncio.create_task(placement.withdraw("s", running=False))
    await clock.wait_for_sleeper()

    async def stop(session_id: str) -> bool:
        return await worker.release(session_id)

    sessions.holder = stop
    clock.advance(0.05)
    assert await withdrawing == Withdrawn(revoked=True, stopped=True, cleaned=True)
    assert len(sessions.told) == 2


async def test_an_agent_that_does_not_go_is_reported_and_its_lease_deleted(
    placement: CeleryPlacement,
    worker: RedisLeases,
    broker_calls: Tasks,
    clock: clocks.ManualClock,
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    withdrawing = asyncio.create_task(placement.withdraw("s", running=True))
    await clock.wait_for_sleeper()
    clock.advance(10)
    done = await withdrawing
    assert done.errors == ("the agent's worker did not answer",)
    assert (done.revoked, done.stopped, done.cleaned) == (False, False, True)
    # For its time to be counted until it was last heard of.
    assert done.lost is not None
    assert (done.lost.event, done.lost.who) == ("agent_lost", "worker-1")
    assert broker_calls.revoked == []
    assert await placement.live() == set()


async def test_a_worker_that_is_dead_is_not_waited_for_until_its_lease_lapses(
    placement: CeleryPlacement, worker: RedisLeases, clock: clocks.ManualClock
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    withdrawing = asyncio.create_task(placement.withdraw("s", running=True))
    await clock.wait_for_sleeper()
    for _ in range(3):
        await clock.let_pass(0.4)
    # It is not there to be told, but it is there: it renews its lease.
    await worker.renew("worker-1", ["s"], WorkerLoad("agents@here", 1, 2))
    for _ in range(4):
        await clock.let_pass(0.4)
    assert not withdrawing.done()
    clock.advance(0.4)
    done = await withdrawing
    assert (done.stopped, done.cleaned) == (False, True)
    assert done.errors == ("the agent's worker did not answer",)


async def test_the_task_for_the_place_of_a_lost_agent_is_revoked(
    placement: CeleryPlacement,
    worker: RedisLeases,
    broker_calls: Tasks,
    redis: Redis,
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    await let_pass(redis, TERMS.lease + 1)
    await worker.claim_lapsed()
    done = await placement.withdraw("s", running=True)
    assert (done.revoked, done.stopped, done.cleaned, done.errors) == (True, False, True, ())
    assert done.lost is not None
    assert done.lost.who == "worker-1"
    assert broker_calls.revoked == ["s"]


async def test_what_is_over_has_nothing_to_withdraw(
    placement: CeleryPlacement, broker_calls: Tasks
) -> None:
    assert await placement.withdraw("s", running=False) == Withdrawn(cleaned=True)
    assert broker_calls.revoked == []


async def test_without_redis_it_says_so(
    process: Leases, broker_calls: Tasks, sessions: Sessions, settings: Settings
) -> None:
    away = RedisLeases("redis://127.0.0.1:1/0", TERMS)
    placement = CeleryPlacement(
        away, cast(AgentTasks, broker_calls), cast(SessionService, sessions), settings
    )
    with pytest.raises(PlacementFailed):
        await placement.reserve("s", "ann")
    done = await placement.withdraw("s", running=False)
    assert (done.revoked, done.stopped, done.cleaned, len(done.errors)) == (False, False, False, 1)
    state = await placement.state()
    assert (state.ok, state.redis, state.celery) == (False, False, True)
    assert state.why == "Redis does not answer"
    await away.close()


async def test_its_state_tells_what_is_missing(
    placement: CeleryPlacement, worker: RedisLeases, broker_calls: Tasks
) -> None:
    state = await placement.state()
    assert (state.ok, state.redis, state.celery) == (False, True, False)
    assert state.why == "no worker is running"
    load = WorkerLoad("agents@here", 1, 2)
    await report(worker, load)
    assert (await placement.state()).ok
    assert (await placement.state()).workers == (load,)
    broker_calls.away = True
    state = await placement.state()
    assert (state.ok, state.redis, state.celery) == (False, True, False)
    assert state.why == "the Celery broker does not answer"


async def test_a_server_that_ends_leaves_agents_on_workers_alone(
    placement: CeleryPlacement, worker: RedisLeases
) -> None:
    await started(placement, worker)
    await worker.acquire("s", "worker-1")
    await placement.drain(0)
    assert await worker.held("s")
