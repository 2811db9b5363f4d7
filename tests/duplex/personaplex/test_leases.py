"""Servers serve one talk at a time, in the order of the queue, and rest when they fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from greenroom.duplex.personaplex.leases import Lease, Leases, Ticket
from greenroom.errors import ProviderFailed
from greenroom.testing import ManualClock

LOST = ProviderFailed("s", "the connection is lost")


class Talk:
    """What a talk was given and told."""

    def __init__(self, leases: Leases) -> None:
        self.lease: Lease | None = None
        self.positions: list[int] = []
        self.ticket = leases.ticket(self._on_lease, self.positions.append)
        leases.wait(self.ticket)

    def _on_lease(self, lease: Lease) -> None:
        assert self.lease is None or not self.lease.open
        self.lease = lease

    @property
    def server(self) -> str:
        return self.lease.member if self.lease and self.lease.open else ""


def pool(*members: str) -> tuple[Leases, ManualClock]:
    clock = ManualClock()
    return Leases(members or ("a", "b"), clock), clock


def test_each_server_takes_one_talk_and_the_others_wait_in_order() -> None:
    leases, _ = pool()
    first, second, third, fourth = (Talk(leases) for _ in range(4))
    assert (first.server, second.server) == ("a", "b")
    assert (third.positions, fourth.positions) == ([1], [2])
    assert second.lease is not None
    second.lease.free()
    second.lease.free()
    assert (third.server, fourth.positions) == ("b", [2, 1])
    assert leases.waiting == 1


def test_who_leaves_the_queue_lets_the_others_come_forward() -> None:
    leases, clock = pool("a")
    _, second, third = (Talk(leases) for _ in range(3))
    leases.leave(second.ticket)
    leases.leave(second.ticket)
    assert third.positions == [2, 1]
    assert clock.pending == 0


def test_a_talk_that_was_failed_goes_elsewhere_before_those_who_came_later() -> None:
    leases, _ = pool()
    first, second, third = (Talk(leases) for _ in range(3))
    assert first.lease is not None
    first.lease.fail(LOST)
    leases.wait(first.ticket)
    assert third.positions == [1, 2]
    assert second.lease is not None
    second.lease.free()
    assert first.server == "b"


def test_a_server_that_failed_rests_longer_each_time_and_is_tried_by_one_talk() -> None:
    leases, clock = pool()
    lasting = Talk(leases)
    rests = []
    for _ in range(7):
        talk = Talk(leases)
        waited = 0
        while not talk.server:
            clock.advance(10)
            waited += 10
        rests.append(waited)
        other = Talk(leases)
        assert not other.server
        assert talk.lease is not None
        talk.lease.fail(LOST)
        leases.leave(other.ticket)
    assert rests == [0, 10, 20, 40, 80, 160, 160]
    healed = Talk(leases)
    clock.advance(160)
    assert healed.lease is not None
    healed.lease.well()
    healed.lease.free()
    assert Talk(leases).server
    assert lasting.server == "a"


def test_a_wrong_key_makes_it_rest_longest_and_a_server_may_say_how_long() -> None:
    for error, rest in (
        (ProviderFailed("s", "refused", retryable=False), 160),
        (ProviderFailed("s", "refused", retry_after=33), 33),
    ):
        leases, clock = pool()
        Talk(leases)
        talk = Talk(leases)
        assert talk.lease is not None
        talk.lease.fail(error)
        after = Talk(leases)
        clock.advance(rest - 1)
        assert not after.server
        clock.advance(1)
        assert after.server == "b"


def test_where_all_rest_they_are_tried_nonetheless_and_then_the_talk_is_told() -> None:
    leases, clock = pool()
    for _ in range(2):
        talk = Talk(leases)
        for _ in range(2):
            assert talk.lease is not None
            talk.lease.fail(LOST)
            if len(talk.ticket.failures) < 2:
                leases.wait(talk.ticket)
        with pytest.raises(ProviderFailed, match="lost"):
            leases.wait(talk.ticket)
    assert leases.trouble() == "the connection is lost"
    assert clock.pending == 0


def test_a_server_that_others_use_is_asked_again_after_a_while() -> None:
    leases, clock = pool("a")
    talk = Talk(leases)
    assert talk.lease is not None
    talk.lease.busy()
    leases.wait(talk.ticket)
    assert talk.positions == [1]
    assert not leases.trouble()
    clock.advance(10)
    assert talk.server == "a"


class Pool(RuleBasedStateMachine):
    """Any order of what can happen: nobody is forgotten, nobody is served twice at once."""

    @initialize(servers=st.integers(1, 4))
    def begin(self, servers: int) -> None:
        self.clock = ManualClock()
        self.leases = Leases([str(n) for n in range(servers)], self.clock)
        self.waiting: list[Ticket] = []
        self.leased: dict[Ticket, Lease] = {}
        self.told: dict[Ticket, int] = {}

    def _ticket(self) -> Ticket:
        def on_lease(lease: Lease) -> None:
            self.waiting.remove(ticket)
            self.leased[ticket] = lease

        def on_position(position: int) -> None:
            self.told[ticket] = position

        ticket = self.leases.ticket(on_lease, on_position)
        return ticket

    def _wait(self, ticket: Ticket) -> None:
        self.waiting.append(ticket)
        self.waiting.sort(key=lambda each: each.number)
        try:
            self.leases.wait(ticket)
        except ProviderFailed:
            self.waiting.remove(ticket)
            assert len(ticket.failures) == len(self.leases.members)

    @rule()
    def come(self) -> None:
        self._wait(self._ticket())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self.leases.leave(ticket)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), how=st.sampled_from(["free", "well", "fail", "busy"]))
    def end(self, data: Any, how: str) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.leased, key=lambda each: each.number)))
        lease = self.leased[ticket]
        if how == "well":
            lease.well()
            return
        del self.leased[ticket]
        if how == "free":
            lease.free()
            return
        lease.fail(LOST) if how == "fail" else lease.busy()
        self._wait(ticket)

    @rule(seconds=st.sampled_from([1, 10, 200]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def one_talk_at_a_time(self) -> None:
        members = [lease.member for lease in self.leased.values()]
        assert len(members) == len(set(members))

    @invariant()
    def places_are_right(self) -> None:
        assert [self.told[each] for each in self.waiting] == [*range(1, len(self.waiting) + 1)]

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Who waits does so for a talk's end or for a time that is sure to come."""
        if self.waiting:
            assert self.leased or self.clock.pending
        else:
            assert not self.clock.pending

    def teardown(self) -> None:
        """All end, time passes, and everybody's turn comes."""
        while self.leased or self.waiting:
            for ticket, lease in list(self.leased.items()):
                del self.leased[ticket]
                lease.free()
            self.clock.advance(200)


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
