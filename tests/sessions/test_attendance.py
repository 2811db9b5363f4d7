from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import ManualClock
from greenroom.sessions.attendance import Attendance, Gap, billed, gaps, talk_seconds
from greenroom.sessions.model import (
    Entry,
    LifecycleEntry,
    PresenceEntry,
    PresenceEvent,
    Record,
    TranscriptEntry,
)
from greenroom.sessions.tables import micros

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

Told = tuple[float, PresenceEvent, str]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entries(*told: Told) -> list[PresenceEntry]:
    return [PresenceEntry(None, event, micros(at(when)), who) for when, event, who in told]


def records(*written: Entry) -> list[Record]:
    return [Record(seq, "s", NOON, entry) for seq, entry in enumerate(written)]


def course(*told: Told) -> list[Record]:
    return records(*entries(*told))


BEGUN: tuple[Told, ...] = (
    (0, "agent_joined", "a"),
    (2, "human_joined", "ann"),
    (3, "first_words", ""),
)
ENDED = LifecycleEntry(None, "ended", "client_stopped")


def test_a_conversation_lasts_from_its_first_words_until_the_agent_leaves() -> None:
    told = course(*BEGUN, (128, "agent_left", "a"))
    assert talk_seconds(told, at(500)) == 125
    assert billed(talk_seconds(told, at(500))) == (125, 3)


def test_one_that_goes_on_lasts_until_the_time_that_is_asked_for() -> None:
    assert talk_seconds(course(*BEGUN), at(10.25)) == 7.25
    assert talk_seconds(course(*BEGUN), at(1)) == 0


def test_without_first_words_there_was_no_conversation() -> None:
    assert talk_seconds(course(*BEGUN[:2]), at(100)) == 0
    assert gaps(course(*BEGUN[:2], (4, "agent_lost", ""))) == []
    assert talk_seconds([], at(100)) == 0


def test_time_alone_does_not_count() -> None:
    told = course(
        *BEGUN, (10, "human_left", "ann"), (60, "human_joined", "ann"), (70, "human_left", "ann")
    )
    assert talk_seconds(told, at(1000)) == 7 + 10


def test_a_conversation_that_an_opening_line_begins_counts_once_somebody_hears_it() -> None:
    told = course(
        (0, "agent_joined", "a"),
        (1, "first_words", ""),
        (5, "human_joined", "ann"),
        (9, "agent_left", "a"),
    )
    assert talk_seconds(told, at(9)) == 4


def test_two_humans_at_once_count_once() -> None:
    told = course(
        *BEGUN, (5, "human_joined", "bob"), (8, "human_left", "ann"), (9, "human_left", "bob")
    )
    assert talk_seconds(told, at(100)) == 6


def test_a_lost_agent_is_a_gap_that_does_not_count_and_the_next_one_tells_anew_who_is_there() -> (
    None
):
    told = course(
        *BEGUN,
        (4, "human_joined", "bob"),
        (12, "agent_joined", "b"),
        (12, "human_joined", "ann"),
        (13, "first_words", ""),
        # Found out, and written, late.
        (10, "agent_lost", "a"),
        (20, "human_left", "ann"),
    )
    # Bob left while nobody saw it.
    assert talk_seconds(told, at(100)) == 7 + 8
    assert gaps(told) == [Gap(at(10), at(12))]


def test_an_agent_that_was_lost_before_its_first_sign_of_life_was_there_while_it_wrote() -> None:
    told = course(
        *BEGUN,
        (4, "human_joined", "bob"),
        # It was last seen as it took the session: before it joined.
        (-1, "agent_lost", "a"),
        (8, "agent_joined", "b"),
        (8, "human_joined", "ann"),
    )
    assert talk_seconds(told, at(10)) == 1 + 2
    assert gaps(told) == [Gap(at(4), at(8))]


def test_a_gap_that_nobody_has_filled_is_open_also_when_the_session_ends_so() -> None:
    told = entries(*BEGUN, (10, "agent_lost", ""))
    assert gaps(records(*told)) == [Gap(at(10), None)]
    assert gaps(records(*told, ENDED)) == [Gap(at(10), None)]
    assert talk_seconds(records(*told, ENDED), at(100)) == 7


def test_a_hand_over_is_a_gap_but_the_end_is_not() -> None:
    left = entries(*BEGUN, (10, "agent_left", "a"))
    assert gaps(records(*left)) == [Gap(at(10), None)]
    taken_over = [*left, *entries((11, "agent_joined", "b"), (15, "agent_left", "b"))]
    assert gaps(records(*taken_over, ENDED)) == [Gap(at(10), at(11))]


def test_a_gap_before_the_first_words_is_none() -> None:
    told = course(
        (0, "agent_joined", "a"),
        (1, "agent_lost", ""),
        (3, "agent_joined", "b"),
        (3, "human_joined", "ann"),
        (4, "first_words", ""),
    )
    assert gaps(told) == []
    assert talk_seconds(told, at(6)) == 2


def test_an_agent_that_was_replaced_takes_nobody_with_it_when_it_leaves() -> None:
    told = course(
        *BEGUN, (5, "agent_joined", "b"), (5, "human_joined", "ann"), (6, "agent_left", "a")
    )
    assert talk_seconds(told, at(10)) == 7
    assert gaps(told) == []


def test_what_is_written_after_the_end_changes_nothing() -> None:
    told: list[Entry] = [
        *entries(*BEGUN),
        ENDED,
        *entries((90, "agent_left", "a"), (8, "human_left", "ann")),
    ]
    assert talk_seconds(records(*told), at(10)) == 7


def test_other_records_are_passed_over() -> None:
    told: list[Entry] = [TranscriptEntry("t1", "user", "hello"), *entries(*BEGUN)]
    assert talk_seconds(records(*told), at(10)) == 7


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, (0, 0)), (0.99, (0, 0)), (1, (1, 1)), (60, (60, 1)), (60.9, (60, 1)), (61, (61, 2))],
)
def test_seconds_are_rounded_down_and_minutes_up_from_those(
    seconds: float, expected: tuple[int, int]
) -> None:
    assert billed(seconds) == expected


# Looked at by somebody who stands in the room and counts the seconds.

ACTIONS = st.lists(
    st.sampled_from(["join", "leave", "lose", "ann", "bob", "speak", "nothing"]), max_size=40
)
"""One a second. A human's name: comes, or goes."""


class Room:
    """What really happens, and what is told of it: nothing of humans while there is no agent."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.together = self.without = self._waited = 0
        self._humans: set[str] = set()
        self._agent = self._begun = False
        self._agents = 0

    def second(self, now: int, action: str) -> None:
        getattr(self, f"_{action}", self._toggle)(now, action)
        if self._begun and self._agent:
            self.together += bool(self._humans)
            self.without, self._waited = self.without + self._waited, 0
        elif self._begun:
            self._waited += 1

    def _nothing(self, now: int, action: str) -> None:
        pass

    def _join(self, now: int, action: str) -> None:
        if not self._agent:
            self._agent = True
            self._agents += 1
            self.told.append((now, "agent_joined", f"agent {self._agents}"))
            self.told += [(now, "human_joined", who) for who in sorted(self._humans)]

    def _gone(self, now: int, event: PresenceEvent) -> None:
        if self._agent:
            self._agent = False
            self.told.append((now, event, f"agent {self._agents}"))

    def _leave(self, now: int, action: str) -> None:
        self._gone(now, "agent_left")

    def _lose(self, now: int, action: str) -> None:
        self._gone(now, "agent_lost")

    def _speak(self, now: int, action: str) -> None:
        if self._agent:
            self._begun = True
            self.told.append((now, "first_words", ""))

    def _toggle(self, now: int, who: str) -> None:
        self._humans ^= {who}
        if self._agent:
            event: PresenceEvent = "human_joined" if who in self._humans else "human_left"
            self.told.append((now, event, who))


@given(ACTIONS, st.randoms(use_true_random=False))
def test_every_second_is_counted_in_which_both_are_there_however_late_it_is_told(
    actions: list[str], random: Random
) -> None:
    room = Room()
    for now, action in enumerate(actions):
        room.second(now, action)
    written = entries(*room.told)
    for entry in entries(*(told for told in room.told if told[1] == "agent_lost")):
        late = random.randrange(written.index(entry), len(written))
        written.remove(entry)
        written.insert(late, entry)
    end = at(len(actions))
    assert talk_seconds(records(*written), end) == room.together
    assert (
        sum((gap.ended - gap.began).total_seconds() for gap in gaps(records(*written)) if gap.ended)
        == room.without
    )
    assert talk_seconds(records(*written, *written), end) == room.together, "told twice"


# The side of the agent.


class Writer:
    """An agent's attendance on a clock of the test, whose time of day can be set."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.day = NOON
        self.written: list[PresenceEntry] = []
        self.attendance = Attendance(
            self.written.append, "a", now=lambda: self.day, time=self.clock.time
        )

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(entry.event, entry.who) for entry in self.written]


def test_an_agent_writes_down_who_is_there_and_when() -> None:
    writer = Writer()
    attendance = writer.attendance
    attendance.agent_joined()
    writer.clock.advance(1)
    attendance.human_joined("ann")
    attendance.first_words()
    # Somebody sets the machine's clock.
    writer.day -= timedelta(hours=1)
    writer.clock.advance(61.5)
    attendance.human_left("ann")
    attendance.agent_left()
    assert writer.events == [
        ("agent_joined", "a"),
        ("human_joined", "ann"),
        ("first_words", ""),
        ("human_left", "ann"),
        ("agent_left", "a"),
    ]
    assert [entry.happened for entry in writer.written] == [
        micros(at(seconds)) for seconds in (0, 1, 1, 62.5, 62.5)
    ]
    assert talk_seconds(records(*writer.written), at(0)) == 61.5


def test_nothing_is_written_twice_or_before_the_agent_joins_or_after_it_leaves() -> None:
    writer = Writer()
    attendance = writer.attendance
    attendance.human_joined("ann")
    attendance.human_joined("bob")
    attendance.human_left("bob")
    attendance.first_words()
    assert writer.events == []
    for _ in range(2):
        attendance.agent_joined()
        attendance.human_joined("ann")
        attendance.first_words()
    attendance.human_left("bob")
    for _ in range(2):
        attendance.agent_left()
    attendance.human_left("ann")
    attendance.agent_joined()
    assert writer.events == [
        ("agent_joined", "a"),
        ("human_joined", "ann"),
        ("first_words", ""),
        ("agent_left", "a"),
    ]


def test_an_agent_that_leaves_before_it_has_joined_was_never_there() -> None:
    writer = Writer()
    writer.attendance.agent_left()
    writer.attendance.agent_joined()
    assert writer.events == []
