from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from redis.asyncio import Redis

import services
from greenroom.errors import ConfigurationError
from greenroom.settings import OrchestratorSettings, Settings, WorkerSettings
from greenroom.workers.lease_scripts import SESSIONS
from greenroom.workers.leases import CLAIMED_AT_ONCE, Acquired, Lapsed, LeaseTerms
from greenroom.workers.ports import NoCapacity, PlacementFailed, WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS, Watch, kept, let_pass, until

LOAD = WorkerLoad("agents@here", 1, 20)

Process = Callable[..., RedisLeases]


async def waiting(redis: Redis) -> int:
    """How many clients a pause of Redis holds up."""
    return int((await redis.info("clients"))["blocked_clients"])


async def test_of_many_workers_one_gets_an_offered_session(
    leases: RedisLeases, process: Process
) -> None:
    await leases.offer("s", "ann")
    assert await leases.live() == {"s"}
    assert not await leases.held("s")
    workers = {f"worker-{n}": process() for n in range(6)}
    got = await asyncio.gather(*(each.acquire("s", name) for name, each in workers.items()))
    assert Counter(got) == {None: 5, Acquired(1): 1}
    assert await leases.held("s")
    assert await leases.claim_lapsed() == []


async def test_a_task_that_comes_twice_runs_once_also_on_the_same_worker(
    leases: RedisLeases, process: Process
) -> None:
    await leases.offer("s", "ann")
    twice = await asyncio.gather(leases.acquire("s", "w"), leases.acquire("s", "w"))
    assert Counter(twice) == {Acquired(1): 1, None: 1}
    assert await leases.acquire("s", "w") is None
    # A process that does not know that it has it: its answer was lost on the way.
    assert await process().acquire("s", "w") is None


async def test_a_session_that_is_over_or_was_never_offered_is_not_got(leases: RedisLeases) -> None:
    assert await leases.acquire("s", "w") is None
    assert not await leases.held("s")
    await leases.offer("s", "ann")
    assert await leases.release("s")
    assert await leases.acquire("s", "w") is None
    assert not await leases.release("s")


async def test_what_is_renewed_does_not_lapse_and_what_is_not_goes_to_another(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    other = process()
    for session in ("renewed", "silent"):
        await leases.offer(session, "ann")
        await leases.acquire(session, "w1")
    before = time.time()
    for _ in range(3):
        assert await leases.renew("w1", ["renewed"], LOAD) == []
        await let_pass(redis, TERMS.lease - 11)
    [lapsed] = await other.claim_lapsed()
    assert lapsed == Lapsed("silent", 2, lapsed.last_seen, owner="w1")
    assert lapsed.last_seen == pytest.approx(before - 3 * (TERMS.lease - 11), abs=5)
    assert await other.acquire("silent", "w2") == Acquired(2, lapsed.last_seen)
    assert await leases.renew("w1", ["renewed", "silent"], LOAD) == ["silent"]
    # It was told, and has nothing more to do with it.
    assert await leases.renew("w1", ["renewed", "silent"], LOAD) == []
    assert await other.renew("w2", ["silent"], LOAD) == []


async def test_who_had_a_lease_last_is_known_until_the_session_is_over(
    leases: RedisLeases, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    assert await leases.last_holder("s") is None
    before = time.time()
    await leases.acquire("s", "w")
    holder = await leases.last_holder("s")
    assert holder is not None
    assert (holder.owner, holder.seen) == ("w", pytest.approx(before, abs=5))
    assert holder.holds
    await let_pass(redis, TERMS.lease)
    await leases.claim_lapsed()
    claimed = await leases.last_holder("s")
    assert claimed is not None
    assert (claimed.owner, claimed.seen) == ("w", pytest.approx(before - TERMS.lease, abs=5))
    assert not claimed.holds
    assert claimed.lost().happened == round(claimed.seen * 1_000_000)
    await leases.release("s")
    assert await leases.last_holder("s") is None


async def test_a_lease_that_was_claimed_is_lost_though_nobody_has_taken_it(
    leases: RedisLeases, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    await leases.acquire("s", "w")
    await let_pass(redis, TERMS.lease)
    await leases.claim_lapsed()
    # Its task comes to the very worker that lost it and does not know.
    assert await leases.acquire("s", "w") is None
    assert await leases.renew("w", ["s"], LOAD) == ["s"]
    assert (await leases.acquire("s", "w") or Acquired(0)).attempt == 2


async def test_a_late_renewal_is_in_time_where_nobody_has_claimed_the_lease(
    leases: RedisLeases, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    await leases.acquire("s", "w")
    await let_pass(redis, TERMS.lease * 3)
    assert await leases.renew("w", ["s"], LOAD) == []
    assert await leases.claim_lapsed() == []


async def test_each_lapse_is_told_to_one_of_many_callers(process: Process, redis: Redis) -> None:
    terms = replace(TERMS, max_sessions=5_000, max_per_user=5_000)
    callers = [process(terms), process(terms)]
    ids = [f"session_{n}" for n in range(2_000)]
    await asyncio.gather(*(callers[n % 2].offer(id_, "ann") for n, id_ in enumerate(ids)))
    await let_pass(redis, terms.offer)

    async def claim_all(caller: RedisLeases) -> list[str]:
        claimed: list[str] = []
        while lapsed := await caller.claim_lapsed():
            assert len(lapsed) <= CLAIMED_AT_ONCE
            claimed += [each.session_id for each in lapsed]
        return claimed

    one, two = await asyncio.gather(*map(claim_all, callers))
    assert one
    assert two
    assert sorted(one + two) == sorted(ids)
    assert all(await asyncio.gather(*map(callers[0].release, ids)))
    assert await kept(redis) == set()


async def test_an_offer_that_nobody_takes_is_made_again_until_it_is_given_up_on_time(
    leases: RedisLeases, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    for _ in range(2):
        await let_pass(redis, TERMS.offer)
        assert await leases.claim_lapsed() == [Lapsed("s", 1)]
        assert await leases.claim_lapsed() == []
    await let_pass(redis, TERMS.start_timeout - 2 * TERMS.offer)
    assert await leases.claim_lapsed() == [Lapsed("s", 1, given_up=True)]
    assert await leases.acquire("s", "w") is None
    assert await kept(redis) == set()


async def test_a_session_that_loses_too_many_agents_is_given_up(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    told = []
    for owner in ("w1", "w2"):
        assert await process().acquire("s", owner)
        await let_pass(redis, TERMS.lease)
        told += await leases.claim_lapsed()
    assert [(each.attempt, each.owner, each.given_up) for each in told] == [
        (2, "w1", False),
        (3, "w2", True),
    ]
    assert await kept(redis) == set()


async def test_what_is_handed_over_goes_to_another_at_once_and_counts_as_no_loss(
    leases: RedisLeases, process: Process
) -> None:
    other = process()
    await leases.offer("s", "ann")
    await leases.acquire("s", "w1")
    assert not await other.hand_over("s", "w2")
    assert await leases.hand_over("s", "w1")
    assert not await leases.hand_over("s", "w1")
    assert not await leases.held("s")
    [lapsed] = await other.claim_lapsed()
    assert lapsed == Lapsed("s", 1, lapsed.last_seen, handed_over=True, owner="w1")
    assert lapsed.last_seen == pytest.approx(time.time(), abs=5)
    assert await other.acquire("s", "w2") == Acquired(1, lapsed.last_seen, handed_over=True)
    assert await leases.renew("w1", ["s"], LOAD) == []
    assert await other.renew("w2", ["s"], LOAD) == []


async def test_an_agent_that_is_lost_after_a_handover_was_not_handed_over(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    await leases.offer("s", "ann")
    await leases.acquire("s", "w1")
    await leases.hand_over("s", "w1")
    await process().acquire("s", "w2")
    await let_pass(redis, TERMS.lease)
    [lapsed] = await leases.claim_lapsed()
    assert (lapsed.attempt, lapsed.handed_over, lapsed.owner) == (2, False, "w2")


async def test_sessions_are_limited_for_all_and_for_each_user(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    await leases.offer("s1", "ann")
    await leases.offer("s2", "ann")
    before = await redis.hgetall(SESSIONS)
    with pytest.raises(NoCapacity) as of_user:
        await process().offer("s3", "ann")
    assert (of_user.value.limit, of_user.value.retry_after) == (TERMS.max_per_user, 7)
    assert await redis.hgetall(SESSIONS) == before
    await leases.offer("s3", "bob")
    await leases.offer("s4", "cyd")
    with pytest.raises(NoCapacity) as of_all:
        await leases.offer("s5", "dan")
    assert (of_all.value.limit, of_all.value.retry_after) == (TERMS.max_sessions, 7)
    await leases.release("s1")
    await leases.offer("s5", "ann")


async def test_of_starts_that_come_at_once_the_limit_is_let_in(
    leases: RedisLeases, process: Process
) -> None:
    several = (leases, process())
    tries = [several[n % 2].offer(f"s{n}", "ann") for n in range(40)]
    came = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(type(each) for each in came) == {type(None): 2, NoCapacity: 38}
    assert len(await leases.live()) == 2


async def test_to_offer_a_session_again_changes_nothing(leases: RedisLeases) -> None:
    await leases.offer("s", "ann")
    await leases.acquire("s", "w")
    for _ in range(3):
        await leases.offer("s", "ann")
    assert await leases.held("s")
    await leases.offer("s2", "ann")


@pytest.mark.parametrize(
    "name", ["", "{greenroom}:*", "Zoë\0 \r\n", "a" * 256, "\ud83d", '"; return 1', "ann" * 2]
)
async def test_a_user_may_have_any_name(leases: RedisLeases, redis: Redis, name: str) -> None:
    await leases.offer("s1", name)
    await leases.offer("s2", name)
    with pytest.raises(NoCapacity):
        await leases.offer("s3", name)
    await leases.offer("s3", name + "2")
    for session in ("s1", "s2", "s3"):
        await leases.release(session)
    assert await kept(redis) == set()


async def test_what_redis_forgets_is_made_anew_with_its_limits_and_attempts(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    await leases.offer("s1", "ann")
    await leases.acquire("s1", "w0")
    await let_pass(redis, TERMS.lease)
    await leases.claim_lapsed()
    worker = process()
    for session in ("s1", "s2"):
        await leases.offer(session, "ann")
        await worker.acquire(session, "w")
    await leases.offer("never taken", "bob")
    await redis.flushall()
    await redis.script_flush()
    assert await worker.renew("w", ["s1", "s2"], LOAD) == []
    assert await leases.live() == {"s1", "s2"}
    assert await leases.held("s1")
    with pytest.raises(NoCapacity):
        await leases.offer("s3", "ann")
    await let_pass(redis, TERMS.lease)
    lapsed = await leases.claim_lapsed()
    assert [(each.session_id, each.attempt, each.given_up) for each in lapsed] == [
        ("s1", 3, True),
        ("s2", 2, False),
    ]
    await leases.release("s2")
    await worker.leave("w")
    assert await kept(redis) == set()


async def test_a_renewal_on_its_way_does_not_revive_what_is_released(
    leases: RedisLeases, redis: Redis
) -> None:
    for session in ("s1", "s2"):
        await leases.offer(session, "ann")
        await leases.acquire(session, "w")
    # Redis is slow: what would change something waits there.
    await redis.client_pause(30_000, all=False)
    renewal = asyncio.create_task(leases.renew("w", ["s1", "s2"], LOAD))
    await until(lambda: waiting(redis))
    ends = [
        asyncio.create_task(leases.release("s1")),
        asyncio.create_task(leases.hand_over("s2", "w")),
    ]
    for _ in range(10):
        assert await waiting(redis) == 1
    await redis.client_unpause()
    assert await renewal == []
    assert [await end for end in ends] == [True, True]
    assert await leases.live() == {"s2"}
    # Nor does one that begins later.
    assert await leases.renew("w", ["s1", "s2"], LOAD) == []
    assert await leases.live() == {"s2"}
    assert not await leases.held("s2")


async def test_loads_are_known_while_they_are_reported(
    leases: RedisLeases, process: Process, redis: Redis
) -> None:
    assert await leases.loads() == []
    full = WorkerLoad("agents@there", 20, 20, draining=True)
    await leases.renew("w1", [], LOAD)
    await process().renew("w2", [], full)
    assert await leases.loads() == [LOAD, full]
    await let_pass(redis, TERMS.lease / 2)
    await leases.renew("w1", [], replace(LOAD, agents=2))
    await let_pass(redis, TERMS.lease / 2)
    assert await leases.loads() == [replace(LOAD, agents=2)]
    await leases.leave("w1")
    assert await leases.loads() == []
    assert await kept(redis) == set()


async def test_the_last_worker_that_dies_leaves_nothing_behind(
    process: Process, redis: Redis
) -> None:
    await process(replace(TERMS, lease=0.02)).renew("w", [], LOAD)

    async def gone() -> bool:
        return not await kept(redis)

    await until(gone)


async def test_time_is_that_of_redis(process: Process) -> None:
    short = process(replace(TERMS, lease=0.02, offer=0.02))
    await short.offer("s", "ann")
    assert (await short.acquire("s", "w")) == Acquired(1)
    lapsed = await until(short.claim_lapsed)
    assert [each.attempt for each in lapsed] == [2]


async def test_where_redis_is_stopped_calls_fail_and_go_on_when_it_is_back() -> None:
    with services.redis_server() as server:
        leases = RedisLeases(server.url, TERMS)
        await leases.offer("s", "ann")
        await leases.acquire("s", "w")
        server.stop()
        for call in (leases.renew("w", ["s"], LOAD), leases.offer("s2", "bob"), leases.live()):
            with pytest.raises(PlacementFailed, match=r"^Redis does not answer$"):
                await call
        server.start()
        assert await leases.renew("w", ["s"], LOAD) == []
        assert await leases.live() == {"s"}
        await leases.close()


async def test_when_redis_is_back_agents_that_talk_are_not_taken_for_lost(
    process: Process, redis: Redis, watch: Watch
) -> None:
    worker, supervisor = process(), process(timeout=0.1)
    for session in ("talks", "lost"):
        await worker.offer(session, "ann")
        await worker.acquire(session, "w")
    await redis.client_pause(30_000, all=False)
    with pytest.raises(PlacementFailed):
        await supervisor.claim_lapsed()
    await redis.client_unpause()
    await let_pass(redis, TERMS.lease)
    watch.seconds += TERMS.lease - 1
    assert await supervisor.claim_lapsed() == []
    await worker.renew("w", ["talks"], LOAD)
    watch.seconds += 1
    assert [each.session_id for each in await supervisor.claim_lapsed()] == ["lost"]


async def test_nor_by_a_process_that_has_just_begun(
    leases: RedisLeases, redis: Redis, redis_server: services.RedisServer
) -> None:
    await leases.offer("s", "ann")
    await let_pass(redis, TERMS.offer)
    begun = RedisLeases(redis_server.url, TERMS)
    assert await begun.claim_lapsed() == []
    await begun.close()
    assert [each.session_id for each in await leases.claim_lapsed()] == ["s"]


async def test_a_redis_that_says_nothing_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://:secret@127.0.0.1:{silent.getsockname()[1]}/0"
        leases = RedisLeases(url, TERMS, timeout=0.05)
        async with asyncio.timeout(5):
            with pytest.raises(PlacementFailed) as failed:
                await leases.offer("s", "ann")
        assert str(failed.value) == "Redis does not answer"
        await leases.close()


async def test_a_redis_that_refuses_is_told_apart(leases: RedisLeases, redis: Redis) -> None:
    await redis.set(SESSIONS, "of somebody else")
    with pytest.raises(PlacementFailed, match=r"^Redis refuses: ResponseError$"):
        await leases.offer("s", "ann")


def test_a_url_of_something_else_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="redis_url") as wrong:
        RedisLeases("amqp://user:secret@localhost", TERMS)
    assert "secret" not in str(wrong.value)


def test_without_the_client_the_setting_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        RedisLeases("redis://localhost", TERMS)


def test_the_terms_are_those_of_the_settings() -> None:
    settings = Settings(
        orchestrator=OrchestratorSettings(
            max_sessions=3, max_sessions_per_user=2, retry_after=9, start_timeout=12
        ),
        workers=WorkerSettings(lease=6, attempts=4),
    )
    assert LeaseTerms.of(settings) == LeaseTerms(
        lease=6, start_timeout=12, attempts=4, max_sessions=3, max_per_user=2, retry_after=9
    )
    assert LeaseTerms.of(Settings()) == LeaseTerms()
