"""ICE-lite: which checks are answered, and where it sends."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from aioice import stun as other

from greenroom.rooms.rtc.ice import IceAgent
from greenroom.rooms.rtc.stun import Address, BindingRequest
from greenroom.testing.clock import ManualClock

HERE: Address = ("192.0.2.1", 1000)
THERE: Address = ("198.51.100.2", 2000)


class Mux:
    def __init__(self) -> None:
        self.agents: dict[bytes, Any] = {}

    def add(self, ufrag: bytes, agent: Any) -> None:
        self.agents[ufrag] = agent

    def remove(self, ufrag: bytes) -> None:
        self.agents.pop(ufrag, None)


class Media:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Address]] = []
        self.expected: dict[Address, Any] = {}

    def send(self, data: bytes, address: Address) -> None:
        self.sent.append((data, address))

    def expect(self, address: Address, agent: Any) -> None:
        self.expected[address] = agent

    def forget(self, address: Address, agent: Any) -> None:
        if self.expected.get(address) is agent:
            del self.expected[address]


class NoAnswer(Exception):
    """The check was dropped."""


class Bench:
    """An agent with everything around it."""

    def __init__(self) -> None:
        self.mux, self.media, self.clock = Mux(), Media(), ManualClock()
        self.states: list[str] = []
        self.agent = IceAgent(
            self.mux,
            self.clock,
            on_datagram=lambda _: None,
            on_state=self.states.append,
        )

    def check(
        self,
        address: Address = HERE,
        *,
        nominate: bool = False,
        credentials: tuple[str, str] | None = None,
        **attributes: object,
    ) -> other.Message:
        """Make a check and return the answer."""
        ufrag, pwd = credentials or (self.agent.ufrag, self.agent.pwd)
        message = other.Message(other.Method.BINDING, other.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ufrag}:theirs"
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        for name, value in attributes.items():
            message.attributes[name.replace("_", "-")] = value
        message.add_message_integrity(pwd.encode())
        self.mux.agents[ufrag.encode()].on_request(
            BindingRequest(bytes(message)), self.media, address
        )
        if not self.media.sent:
            raise NoAnswer
        answer, to = self.media.sent.pop()
        assert to == address
        parsed = other.parse_message(answer)
        assert parsed.transaction_id == message.transaction_id
        return parsed

    def sends_to(self) -> Address | None:
        if not self.agent.send(b"\x80media"):
            return None
        return self.media.sent.pop()[1]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_credentials_are_long_enough_and_never_the_same() -> None:
    agents = [Bench().agent for _ in range(50)]
    assert len({agent.ufrag for agent in agents}) == 50
    assert all(len(agent.ufrag) >= 4 and len(agent.pwd) >= 22 for agent in agents)
    assert all((agent.ufrag + agent.pwd).isalnum() for agent in agents)


def test_a_check_is_answered_with_the_address_and_signed(bench: Bench) -> None:
    answer = bench.check()
    assert answer.message_class == other.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == HERE
    assert answer.check_message_integrity(bench.agent.pwd.encode())
    assert bench.states == ["connected"]
    assert bench.media.expected == {HERE: bench.agent}


def test_nothing_is_sent_before_a_check(bench: Bench) -> None:
    assert bench.sends_to() is None


def test_the_first_path_is_used_until_one_is_nominated_and_the_last_nomination_wins(
    bench: Bench,
) -> None:
    bench.check(HERE)
    bench.check(THERE)
    assert bench.sends_to() == HERE
    bench.check(THERE, nominate=True)
    assert bench.sends_to() == THERE
    bench.check(HERE)
    assert bench.sends_to() == THERE
    bench.check(HERE, nominate=True)
    assert bench.sends_to() == HERE


def test_a_path_that_is_silent_gives_way_to_one_that_is_not_nominated(bench: Bench) -> None:
    bench.check(HERE, nominate=True)
    bench.clock.advance(5)
    bench.check(THERE)
    assert bench.sends_to() == HERE
    bench.clock.advance(2)
    bench.check(THERE)
    assert bench.sends_to() == THERE


def test_a_wrong_password_is_refused_and_changes_nothing(bench: Bench) -> None:
    answer = bench.check(credentials=(bench.agent.ufrag, "wrong"))
    assert answer.error_code == 401
    assert (bench.states, bench.media.expected, bench.sends_to()) == ([], {}, None)
    assert bench.agent.rejected == 1


def test_the_controlled_side_is_told_of_the_conflict(bench: Bench) -> None:
    answer = bench.check(ICE_CONTROLLED=5)
    assert answer.error_code == 487
    assert answer.check_message_integrity(bench.agent.pwd.encode())
    assert bench.states == []


def test_what_has_to_be_understood_and_is_not_is_refused(bench: Bench) -> None:
    answer = bench.check(LIFETIME=5)
    assert answer.error_code == 420
    assert bench.states == []


def test_silence_disconnects_and_a_check_connects_again(bench: Bench) -> None:
    bench.check()
    bench.clock.advance(4)
    bench.check()
    bench.clock.advance(4)
    assert bench.states == ["connected"]
    bench.clock.advance(2)
    assert bench.states == ["connected", "disconnected"]
    assert bench.clock.pending == 0
    bench.check()
    assert bench.states == ["connected", "disconnected", "connected"]
    bench.clock.advance(6)
    assert bench.states[-1] == "disconnected"


def test_what_the_owner_hears_counts(bench: Bench) -> None:
    bench.check()
    bench.clock.advance(5)
    bench.agent.heard = bench.clock.time()
    bench.clock.advance(5)
    assert bench.states == ["connected"]


def test_after_a_restart_both_credentials_are_good_until_the_new_ones_are_used(
    bench: Bench,
) -> None:
    old = bench.agent.ufrag, bench.agent.pwd
    bench.check(nominate=True)
    bench.agent.restart()
    new = bench.agent.ufrag, bench.agent.pwd
    assert old[0] != new[0]
    assert old[1] != new[1]
    assert bench.check(credentials=old).message_class == other.Class.RESPONSE
    assert bench.check(THERE, credentials=new).message_class == other.Class.RESPONSE
    assert list(bench.mux.agents) == [new[0].encode()]


def test_a_restart_that_nobody_has_used_is_replaced(bench: Bench) -> None:
    bench.check()
    used = bench.agent.ufrag
    bench.agent.restart()
    bench.agent.restart()
    assert set(bench.mux.agents) == {used.encode(), bench.agent.ufrag.encode()}


def test_before_anybody_has_connected_a_restart_leaves_the_new_credentials(bench: Bench) -> None:
    bench.agent.restart()
    assert list(bench.mux.agents) == [bench.agent.ufrag.encode()]


def test_a_peer_of_very_many_addresses_is_known_by_some(bench: Bench) -> None:
    bench.check(HERE, nominate=True)
    for port in range(1, 100):
        bench.clock.advance(0.01)
        bench.check(("203.0.113.3", port))
    assert len(bench.media.expected) == 16
    assert HERE in bench.media.expected
    assert ("203.0.113.3", 99) in bench.media.expected
    assert bench.sends_to() == HERE


def test_close_frees_everything(bench: Bench) -> None:
    bench.check()
    bench.agent.restart()
    bench.agent.close()
    bench.agent.close()
    assert bench.mux.agents == {}
    assert bench.media.expected == {}
    assert bench.clock.pending == 0
    assert bench.sends_to() is None


def test_an_address_that_somebody_else_has_taken_over_stays_his(bench: Bench) -> None:
    bench.check()
    bench.media.expected[HERE] = "somebody else"
    bench.agent.close()
    assert bench.media.expected == {HERE: "somebody else"}


def test_checks_and_refusals_are_limited(bench: Bench) -> None:
    def answered(count: int, **check: Any) -> int:
        answers = 0
        for _ in range(count):
            with contextlib.suppress(NoAnswer):
                bench.check(**check)
                answers += 1
        return answers

    assert answered(100, credentials=(bench.agent.ufrag, "wrong")) == 40
    assert answered(500) == 400
    bench.clock.advance(0.5)
    assert answered(500) == 100
    assert bench.agent.rejected == 100 + 100 + 400
    assert bench.states == ["connected"]
