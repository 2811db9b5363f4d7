"""Leases in a real Redis do what a plain model of them does, whatever is asked in which order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis.asyncio import Redis

import services
from greenroom.workers.lease_scripts import USERS
from greenroom.workers.ports import NoCapacity, WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS as LONG
from support.leases import Watch, kept, let_pass

TERMS = replace(LONG, max_sessions=2, max_per_user=1)
SESSIONS = st.sampled_from(["s0", "s1", "s2"])
WORKERS = st.sampled_from(["w0", "w1"])
LOAD = WorkerLoad("agents@here", 0, 1)


@dataclass
class Lease:
    user: str
    since: int
    due: int
    attempt: int = 1
    owner: str = ""
    before: str = ""
    handed: bool = False


class LeasesAndTheirModel(RuleBasedStateMachine):
    url: str
    loop: asyncio.AbstractEventLoop

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.redis = Redis.from_url(self.url, decode_responses=True)
        self.wait(self.redis.flushall())
        # Each worker is a process with leases of its own; so is the server.
        watch = Watch()
        self.server = RedisLeases(self.url, TERMS, time=watch)
        watch.seconds += TERMS.lease
        self.workers = {name: RedisLeases(self.url, TERMS) for name in ("w0", "w1")}
        self.now = 0
        self.leases: dict[str, Lease] = {}
        self.mine: dict[str, dict[str, Lease]] = {name: {} for name in self.workers}

    @rule(session=SESSIONS, user=st.sampled_from(["ann", "bob"]))
    def offer(self, session: str, user: str) -> None:
        of_user = sum(lease.user == user for lease in self.leases.values())
        full = len(self.leases) >= TERMS.max_sessions or of_user >= TERMS.max_per_user
        try:
            self.wait(self.server.offer(session, user))
        except NoCapacity:
            assert full
            assert session not in self.leases
            return
        if session not in self.leases:
            assert not full
            self.leases[session] = Lease(user, self.now, self.now + int(TERMS.offer))

    @rule(session=SESSIONS, worker=WORKERS)
    def acquire(self, session: str, worker: str) -> None:
        acquired = self.wait(self.workers[worker].acquire(session, worker))
        lease = self.leases.get(session)
        if lease is None or lease.owner or session in self.mine[worker]:
            assert acquired is None
            return
        assert acquired.attempt == lease.attempt
        assert (acquired.last_seen is not None) == bool(lease.before)
        assert acquired.handed_over == lease.handed
        lease.owner, lease.due = worker, self.now + int(TERMS.lease)
        self.mine[worker][session] = replace(lease)

    @rule(worker=WORKERS)
    def renew(self, worker: str) -> None:
        mine = self.mine[worker]
        # It may name more than it has.
        lost = self.wait(self.workers[worker].renew(worker, {*mine, "s0"}, LOAD))
        for session, held in list(mine.items()):
            lease = self.leases.get(session)
            due = self.now + int(TERMS.lease)
            if lease is None:
                self.leases[session] = Lease(held.user, self.now, due, held.attempt, worker)
            elif lease.owner == worker:
                lease.due = due
            else:
                assert session in lost
                del mine[session]
        assert not {*lost} & {*mine}

    @rule(session=SESSIONS, worker=WORKERS)
    def hand_over(self, session: str, worker: str) -> None:
        lease = self.leases.get(session)
        given = self.wait(self.workers[worker].hand_over(session, worker))
        self.mine[worker].pop(session, None)
        assert given == (lease is not None and lease.owner == worker)
        if given and lease is not None:
            lease.owner, lease.before, lease.handed = "", worker, True
            lease.since = lease.due = self.now

    @rule(session=SESSIONS, who=st.sampled_from(["server", "w0", "w1"]))
    def release(self, session: str, who: str) -> None:
        released = self.wait({"server": self.server, **self.workers}[who].release(session))
        assert released == (self.leases.pop(session, None) is not None)
        self.mine.get(who, {}).pop(session, None)

    @rule(seconds=st.sampled_from([10, 20, 30, 50]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.wait(let_pass(self.redis, seconds))

    @rule()
    def claim(self) -> None:
        expected = {}
        for session, lease in list(self.leases.items()):
            if lease.due > self.now:
                continue
            if lease.owner:
                lease.owner, lease.before, lease.handed = "", lease.owner, False
                lease.attempt, lease.since = lease.attempt + 1, self.now
            patience = lease.since + int(TERMS.start_timeout)
            given_up = lease.attempt > TERMS.attempts or self.now >= patience
            if given_up:
                del self.leases[session]
            lease.due = min(self.now + int(TERMS.offer), patience)
            expected[session] = (lease.attempt, lease.before, lease.handed, given_up)
        lapsed = self.wait(self.server.claim_lapsed())
        assert expected == {
            each.session_id: (each.attempt, each.owner, each.handed_over, each.given_up)
            for each in lapsed
        }
        assert all((each.last_seen is not None) == bool(each.owner) for each in lapsed)

    @rule()
    def forget(self) -> None:
        self.wait(self.redis.flushall())
        self.leases.clear()

    @invariant()
    def the_same_is_kept(self) -> None:
        assert self.wait(self.server.live()) == set(self.leases)
        counted = Counter(lease.user for lease in self.leases.values())
        users = self.wait(self.redis.hgetall(USERS))
        assert sorted(map(int, users.values())) == sorted(counted.values())

    @invariant()
    def no_session_has_two_agents(self) -> None:
        for session, lease in self.leases.items():
            assert self.wait(self.server.held(session)) == bool(lease.owner)

    def teardown(self) -> None:
        for session in list(self.leases):
            self.wait(self.server.release(session))
        for name, worker in self.workers.items():
            self.wait(worker.leave(name))
        left = self.wait(kept(self.redis))
        for each in (self.redis, self.server, *self.workers.values()):
            self.wait(each.aclose() if isinstance(each, Redis) else each.close())
        assert left == set()


@pytest.fixture(scope="module", autouse=True)
def redis_of_the_machine() -> Iterator[None]:
    with services.redis_server() as server, asyncio.Runner() as runner:
        LeasesAndTheirModel.url = server.url
        LeasesAndTheirModel.loop = runner.get_loop()
        yield


TestLeases = LeasesAndTheirModel.TestCase
TestLeases.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
