from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from redis.asyncio import Redis

from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Status
from greenroom.workers.celery import agents as module
from greenroom.workers.celery.agents import LeasedAgents
from greenroom.workers.host import LINE_LOST, AgentHost
from greenroom.workers.lease_keeper import LeaseKeeper
from greenroom.workers.leases import Acquired
from greenroom.workers.ports import WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS, let_pass

OVER = Ended(Status.STOPPED, EndReason.CLIENT_STOPPED)


class Host:
    """Agents that end when the test says how."""

    def __init__(self) -> None:
        self.draining = False
        self.openings: list[str | None] = []
        self.endings: dict[str, asyncio.Future[Ended | None]] = {}
        self.began = asyncio.Event()
        self.stubborn = False

    async def run(self, session_id: str, opening: str | None = None) -> Ended | None:
        self.openings.append(opening)
        ending = self.endings[session_id] = asyncio.get_running_loop().create_future()
        self.began.set()
        return await ending

    def leave(self, session_id: str) -> None:
        self.endings[session_id].set_result(None)

    async def drain(self, seconds: float, *, hand_over: bool = False) -> None:
        self.draining = True
        for ending in self.endings.values():
            if not self.stubborn and not ending.done():
                ending.set_result(None if hand_over else OVER)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def agents(host: Host, leases: RedisLeases) -> AsyncIterator[LeasedAgents]:
    keeper = LeaseKeeper(
        leases,
        "worker-1",
        lease=TERMS.lease,
        load=lambda: WorkerLoad("agents@here", 0, 5),
        lost=host.leave,
    )
    yield LeasedAgents(cast(AgentHost, host), leases, keeper, "worker-1")
    await keeper.close()


Run = Callable[[], asyncio.Task[str]]


@pytest.fixture
async def run(agents: LeasedAgents, host: Host, leases: RedisLeases) -> AsyncIterator[Run]:
    """Begin the agent of a session that is on offer."""
    await leases.offer("s", "ann")
    tasks: list[asyncio.Task[str]] = []

    def begin() -> asyncio.Task[str]:
        tasks.append(asyncio.create_task(agents.run("s")))
        return tasks[-1]

    yield begin
    for task in tasks:
        assert task.done()


async def test_an_agent_has_its_lease_until_its_session_is_over(
    run: Run, agents: LeasedAgents, host: Host, leases: RedisLeases
) -> None:
    running = run()
    await host.began.wait()
    assert await leases.held("s")
    assert agents.sessions == ["s"]
    assert host.openings == [None]
    host.endings["s"].set_result(OVER)
    assert await running == "stopped: client_stopped"
    assert await leases.live() == set()
    assert agents.sessions == []


async def test_a_session_that_another_worker_has_is_left_to_it(
    run: Run, process: Callable[..., RedisLeases], host: Host
) -> None:
    other = process()
    await other.acquire("s", "worker-2")
    assert await run() == "not taken: another worker has it, or it is over"
    assert host.openings == []
    assert await other.held("s")


async def test_an_agent_in_the_place_of_a_lost_one_says_that_it_is_back(
    run: Run, process: Callable[..., RedisLeases], host: Host, redis: Redis
) -> None:
    await process().acquire("s", "worker-2")
    await let_pass(redis, TERMS.lease + 1)
    await process().claim_lapsed()
    running = run()
    await host.began.wait()
    assert host.openings == [LINE_LOST]
    host.endings["s"].set_result(OVER)
    await running


async def test_an_agent_in_the_place_of_one_that_left_in_good_order_says_nothing_of_it(
    run: Run, process: Callable[..., RedisLeases], host: Host
) -> None:
    before = process()
    await before.acquire("s", "worker-2")
    await before.hand_over("s", "worker-2")
    await before.claim_lapsed()
    running = run()
    await host.began.wait()
    assert host.openings == [None]
    host.endings["s"].set_result(OVER)
    await running


@pytest.mark.parametrize("error", [SessionNotFound("s"), SessionEnded("s", "idle_timeout")])
async def test_the_lease_of_a_session_that_is_over_is_deleted(
    run: Run, host: Host, leases: RedisLeases, error: Exception
) -> None:
    running = run()
    await host.began.wait()
    host.endings["s"].set_exception(error)
    assert await running == f"not run: {error}"
    assert await leases.live() == set()


@pytest.mark.parametrize("error", [CapacityExceeded("agents", 5), StorageUnavailable("down")])
async def test_a_session_that_can_not_run_here_goes_to_another_worker(
    run: Run,
    host: Host,
    leases: RedisLeases,
    process: Callable[..., RedisLeases],
    error: Exception,
) -> None:
    running = run()
    await host.began.wait()
    host.endings["s"].set_exception(error)
    assert await running == f"given back: {error}"
    (lapsed,) = await leases.claim_lapsed()
    assert lapsed.handed_over
    assert await process().acquire("s", "worker-2") is not None


async def test_a_session_that_another_has_taken_over_stays_with_it(
    run: Run, host: Host, leases: RedisLeases, process: Callable[..., RedisLeases], redis: Redis
) -> None:
    running = run()
    await host.began.wait()
    await let_pass(redis, TERMS.lease + 1)
    other = process()
    await other.claim_lapsed()
    assert await other.acquire("s", "worker-2") is not None
    host.leave("s")
    assert await running == "taken over by another worker"
    assert await leases.held("s")


async def test_a_worker_that_ends_hands_its_sessions_over_and_takes_no_more(
    run: Run, agents: LeasedAgents, host: Host, leases: RedisLeases
) -> None:
    running = run()
    await host.began.wait()
    await agents.drain(0)
    assert await running == "handed over"
    (lapsed,) = await leases.claim_lapsed()
    assert (lapsed.session_id, lapsed.handed_over) == ("s", True)
    assert await agents.run("s") == "not taken: this worker is ending"
    assert await leases.live() == {"s"}


async def test_an_agent_that_does_not_leave_is_given_up_as_lost(
    run: Run,
    agents: LeasedAgents,
    host: Host,
    leases: RedisLeases,
    process: Callable[..., RedisLeases],
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_GIVEN_BACK_WITHIN", 0.01)
    host.stubborn = True
    running = run()
    await host.began.wait()
    await agents.drain(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await leases.held("s")
    await let_pass(redis, TERMS.lease + 1)
    (lapsed,) = await leases.claim_lapsed()
    assert not lapsed.handed_over
    assert await process().acquire("s", "worker-2") == Acquired(2, lapsed.last_seen)
