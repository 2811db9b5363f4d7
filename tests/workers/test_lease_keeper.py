from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

import pytest

from clocks import ManualClock
from greenroom.workers.lease_keeper import LeaseKeeper
from greenroom.workers.ports import PlacementFailed, WorkerLoad

LEASE = 3.0


@dataclass
class Renewals:
    """Leases of which one sees what is renewed, and when. `error`: what comes of it."""

    clock: ManualClock
    made: list[tuple[float, str, list[str], WorkerLoad]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    error: Exception | None = None
    takes: float = 0

    async def renew(
        self, owner: str, sessions: Collection[str], load: WorkerLoad
    ) -> Collection[str]:
        self.made.append((self.clock.time(), owner, sorted(sessions), load))
        if self.takes:
            await self.clock.sleep(self.takes)
        if self.error is not None:
            raise self.error
        lost, self.lost = self.lost, []
        return lost

    async def leave(self, owner: str) -> None:
        if self.error is not None:
            raise self.error
        self.left.append(owner)


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def renewals(clock: ManualClock) -> Renewals:
    return Renewals(clock)


@pytest.fixture
def gone() -> list[str]:
    """The sessions whose agents were told to leave."""
    return []


@pytest.fixture
async def keeper(
    renewals: Renewals, clock: ManualClock, gone: list[str]
) -> AsyncIterator[LeaseKeeper]:
    keeper = LeaseKeeper(
        renewals,
        "w1",
        lease=LEASE,
        load=lambda: WorkerLoad("agents@here", 2, 20),
        lost=gone.append,
        clock=clock,
    )
    keeper.start()
    await clock.wait_for_sleeper()
    yield keeper
    await keeper.close()


async def test_it_says_three_times_in_a_lease_what_runs_and_how_full_the_worker_is(
    keeper: LeaseKeeper, renewals: Renewals, clock: ManualClock
) -> None:
    load = WorkerLoad("agents@here", 2, 20)
    assert renewals.made == [(0, "w1", [], load)]
    keeper.add("s1")
    keeper.add("s2")
    for _ in range(3):
        await clock.let_pass(LEASE / 3)
    keeper.remove("s1")
    keeper.remove("never there")
    await clock.let_pass(LEASE / 3)
    assert renewals.made[1:] == [
        (1, "w1", ["s1", "s2"], load),
        (2, "w1", ["s1", "s2"], load),
        (3, "w1", ["s1", "s2"], load),
        (4, "w1", ["s2"], load),
    ]


async def test_an_agent_whose_lease_was_lost_is_told_to_leave_once(
    keeper: LeaseKeeper, renewals: Renewals, clock: ManualClock, gone: list[str]
) -> None:
    keeper.add("s1")
    keeper.add("s2")
    renewals.lost = ["s1"]
    await clock.let_pass(1)
    await clock.let_pass(1)
    assert gone == ["s1"]
    assert renewals.made[-1][2] == ["s2"]


async def test_while_redis_is_away_it_tries_on_and_says_so_once(
    keeper: LeaseKeeper,
    renewals: Renewals,
    clock: ManualClock,
    gone: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    keeper.add("s1")
    renewals.error = PlacementFailed("Redis does not answer")
    for _ in range(4):
        await clock.let_pass(1)
    renewals.error = None
    for _ in range(2):
        await clock.let_pass(1)
    assert [time for time, *_ in renewals.made] == [0, 1, 2, 3, 4, 5, 6]
    assert renewals.made[-1][2] == ["s1"]
    assert gone == []
    assert [record.getMessage() for record in caplog.records] == [
        "renewing leases: Redis fails: Redis does not answer",
        "renewing leases: Redis works again",
    ]


async def test_a_slow_answer_does_not_delay_the_next_renewal(
    keeper: LeaseKeeper, renewals: Renewals, clock: ManualClock
) -> None:
    renewals.takes = 0.4
    await clock.let_pass(1)
    await clock.let_pass(0.4)
    await clock.let_pass(0.6)
    assert [time for time, *_ in renewals.made] == [0, 1, 2]
    renewals.takes = 1.5
    await clock.let_pass(0.4)
    await clock.let_pass(0.6)
    await clock.let_pass(1.5)
    await clock.let_pass(0.1)
    # Tried again soon after one that took longer than it may.
    assert [time for time, *_ in renewals.made] == pytest.approx([0, 1, 2, 3, 4.6])


async def test_one_fault_does_not_end_the_renewals(
    keeper: LeaseKeeper,
    renewals: Renewals,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    renewals.error = ValueError("a defect")
    await clock.let_pass(1)
    renewals.error = None
    await clock.let_pass(1)
    assert len(renewals.made) == 3
    assert "a renewal of leases failed" in caplog.text


async def test_at_its_end_the_worker_is_known_to_be_no_more(
    renewals: Renewals, clock: ManualClock
) -> None:
    keeper = LeaseKeeper(
        renewals,
        "w1",
        lease=LEASE,
        load=lambda: WorkerLoad("agents@here", 0, 20),
        lost=lambda session_id: None,
        clock=clock,
    )
    keeper.start()
    await clock.wait_for_sleeper()
    await keeper.close()
    assert renewals.left == ["w1"]
    renewals.error = PlacementFailed("Redis does not answer")
    await asyncio.wait_for(keeper.close(), 5)
