"""Who is in a room to talk to, and since when nobody has been."""

from __future__ import annotations

import pytest

from greenroom.rooms.ports import Participant
from greenroom.rooms.presence import Presence
from greenroom.testing.clock import ManualClock

ADA = Participant("ada", "PA_1")
BOB = Participant("bob", "PA_2")


class Watched:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[bool | str] = []
        self.presence = Presence(
            self.clock,
            join_timeout=60,
            absence=20,
            on_change=self.told.append,
            on_absent=lambda: self.told.append("absent"),
        )


def test_nobody_within_the_time_to_join_is_absence() -> None:
    watched = Watched()
    watched.clock.advance(59)
    assert watched.told == []
    watched.clock.advance(2)
    assert watched.told == ["absent"]


def test_the_first_to_come_and_the_last_to_go_are_told() -> None:
    watched = Watched()
    watched.presence.joined(ADA)
    watched.presence.joined(BOB)
    watched.presence.left(ADA)
    assert watched.presence.anybody
    watched.presence.left(BOB)
    watched.presence.left(BOB)
    assert watched.told == [True, False]
    watched.clock.advance(21)
    assert watched.told == [True, False, "absent"]


def test_who_comes_back_in_time_is_not_absent() -> None:
    watched = Watched()
    watched.presence.joined(ADA)
    watched.presence.left(ADA)
    watched.clock.advance(19)
    watched.presence.joined(Participant("ada", "PA_3"))
    watched.clock.advance(1_000)
    assert watched.told == [True, False, True]


@pytest.mark.parametrize(
    "participant",
    [Participant("a", "PA_4", kind="agent"), Participant("h", "PA_5", hidden=True)],
)
def test_agents_and_the_hidden_are_nobody_to_talk_to(participant: Participant) -> None:
    watched = Watched()
    watched.presence.joined(participant)
    watched.presence.left(participant)
    assert watched.told == []


def test_nothing_is_told_after_the_end() -> None:
    watched = Watched()
    watched.presence.close()
    watched.clock.advance(100)
    assert watched.told == []
    assert watched.clock.pending == 0
