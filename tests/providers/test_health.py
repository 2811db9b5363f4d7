from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.errors import ProviderFailed
from greenroom.providers.health import (
    MAX_RETRY_AFTER,
    QUICK,
    TRIAL_LIMIT,
    Attempt,
    Health,
    all_failed,
)
from greenroom.testing import ManualClock

FIRST, SECOND, THIRD = "cloud:", "other:", "local:"


def down(*, retryable: bool = True, retry_after: float | None = None) -> ProviderFailed:
    return ProviderFailed(FIRST, "is down", retryable=retryable, retry_after=retry_after)


def health_of(clock: ManualClock, *members: str, retries: int = 1) -> Health:
    return Health(
        "transcriber",
        members or (FIRST, SECOND),
        clock=clock,
        recovery_interval=20,
        retries=retries,
    )


def begin(health: Health) -> Attempt:
    return next(health.attempts())


def serving(health: Health) -> str:
    return next(member.provider for member in health.snapshot() if member.serving)


def test_the_first_serves_while_it_is_well() -> None:
    health = health_of(ManualClock())
    for _ in range(3):
        attempt = begin(health)
        assert (attempt.member, attempt.trial) == (0, False)
        attempt.succeed()
    assert all(member.well for member in health.snapshot())


def test_a_member_that_fails_rests_and_the_next_one_serves() -> None:
    health = health_of(clock := ManualClock())
    attempts = health.attempts()
    next(attempts).fail(down())
    second = next(attempts)
    assert second.member == 1
    second.succeed()
    assert begin(health).member == 1
    clock.advance(5)
    first, other = health.snapshot()
    assert (first.well, first.serving, first.failures, first.why) == (False, False, 1, "is down")
    assert (first.failed_seconds_ago, first.retry_in) == (5, 15)
    assert (other.well, other.serving, other.retry_in) == (True, True, 0)


def test_only_one_call_at_a_time_tries_a_member_that_has_rested() -> None:
    health = health_of(clock := ManualClock())
    begin(health).fail(down())
    clock.advance(20)
    trial = begin(health)
    assert (trial.member, trial.trial) == (0, True)
    assert begin(health).member == 1
    trial.succeed()
    assert begin(health).member == 0


def test_a_trial_that_fails_doubles_the_rest_up_to_sixteen_times() -> None:
    health = health_of(clock := ManualClock())
    rests = []
    for _ in range(7):
        begin(health).fail(down())
        rests.append(health.snapshot()[0].retry_in)
        clock.advance(rests[-1])
    assert rests == [20, 40, 80, 160, 320, 320, 320]


def test_a_trial_that_was_called_off_leaves_the_next_call_to_try() -> None:
    health = health_of(clock := ManualClock())
    begin(health).fail(down())
    clock.advance(20)
    begin(health).release()
    assert begin(health).trial


def test_a_trial_that_nobody_concludes_does_not_bar_the_member_for_ever() -> None:
    health = health_of(clock := ManualClock())
    begin(health).fail(down())
    clock.advance(20)
    lost = begin(health)
    clock.advance(TRIAL_LIMIT)
    new = begin(health)
    assert new.trial
    lost.release()
    assert begin(health).member == 1, "the new trial is still under way"
    new.succeed()
    assert serving(health) == FIRST


def test_what_the_provider_asks_for_is_respected_within_reason() -> None:
    health = health_of(ManualClock())
    begin(health).fail(down(retry_after=75))
    assert health.snapshot()[0].retry_in == 75
    health = health_of(ManualClock())
    begin(health).fail(down(retry_after=1e9))
    assert health.snapshot()[0].retry_in == MAX_RETRY_AFTER


def test_a_wrong_key_rests_longest() -> None:
    health = health_of(ManualClock())
    begin(health).fail(down(retryable=False))
    assert health.snapshot()[0].retry_in == 320


def test_calls_that_fail_together_count_once() -> None:
    health = health_of(clock := ManualClock())
    together = [begin(health) for _ in range(10)]
    for attempt in together:
        attempt.fail(down())
    assert health.snapshot()[0].failures == 1
    late = begin(health_late := health_of(clock))
    begin(health_late).fail(down())
    late.fail(down(retry_after=60))
    assert health_late.snapshot()[0].retry_in == 60, "but a wait that it asks for is kept"


def test_a_call_from_before_the_failure_does_not_make_it_well() -> None:
    health = health_of(ManualClock())
    early = begin(health)
    begin(health).fail(down())
    early.succeed()
    assert not health.snapshot()[0].well


def test_a_late_failure_does_not_hurt_a_member_that_is_well_again() -> None:
    health = health_of(clock := ManualClock())
    early = begin(health)
    begin(health).fail(down())
    clock.advance(20)
    begin(health).succeed()
    early.fail(down(retry_after=60))
    assert health.snapshot()[0].well


def test_where_all_rest_the_one_that_rests_least_is_tried() -> None:
    health = health_of(clock := ManualClock(), FIRST, SECOND, THIRD)
    for attempt in health.attempts():
        attempt.fail(down(retry_after=(0, 300, 600)[attempt.member]))
    clock.advance(1)
    attempts = list(health.attempts())
    assert [attempt.member for attempt in attempts] == [0, 1, 2]
    assert not any(attempt.trial for attempt in attempts)
    attempts[0].fail(down())
    assert health.snapshot()[0].failures == 1, "a try before its time does not make the rest longer"
    attempts[1].succeed()
    assert serving(health) == SECOND


def test_a_call_tries_each_member_once() -> None:
    health = health_of(ManualClock(), FIRST, SECOND, THIRD)
    members = []
    for attempt in health.attempts():
        members.append(attempt.member)
        attempt.fail(down())
    assert members == [0, 1, 2]


def test_a_quick_and_passing_failure_is_worth_another_try_of_the_same_member() -> None:
    clock = ManualClock()
    attempt = begin(health_of(clock, retries=2))
    assert attempt.retry(down())
    assert attempt.retry(down())
    assert not attempt.retry(down()), "that was the third try"


def test_what_would_fail_again_or_took_long_is_not_repeated() -> None:
    clock = ManualClock()
    health = health_of(clock)
    assert not begin(health).retry(down(retryable=False))
    assert not begin(health).retry(down(retry_after=3))
    slow = begin(health)
    clock.advance(QUICK + 0.1)
    assert not slow.retry(down())
    begin(health).fail(down())
    clock.advance(20)
    assert not begin(health).retry(down()), "a trial is one try"


def test_the_only_member_is_always_tried_and_never_on_trial() -> None:
    health = health_of(clock := ManualClock(), FIRST)
    for seconds in (0, 1, 20, 400):
        clock.advance(seconds)
        attempt = begin(health)
        assert (attempt.member, attempt.trial) == (0, False)
        assert attempt.retry(down())
        attempt.fail(down())


def test_each_change_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    health = health_of(clock := ManualClock())
    together = [begin(health) for _ in range(3)]
    for attempt in together:
        attempt.fail(down())
    clock.advance(20)
    begin(health).succeed()
    begin(health).succeed()
    assert [record.message for record in caplog.records] == [
        "transcriber cloud: failed: is down; it rests for 20 s",
        "transcriber cloud: is well again",
    ]
    caplog.clear()
    begin(health_of(clock, FIRST)).fail(down())
    assert caplog.messages == ["transcriber cloud: failed: is down"], "the only one never rests"


def test_the_error_of_a_chain_tells_of_all_members() -> None:
    one = ProviderFailed(FIRST, "HTTP status 401", retryable=False)
    two = ProviderFailed(SECOND, "no answer", retry_after=4)
    assert all_failed("a → b", [one]) is one
    error = all_failed("a → b", [one, two])
    assert error.why == "cloud:: HTTP status 401; other:: no answer"
    assert (error.provider, error.retryable, error.retry_after) == ("a → b", True, 4)
    assert all_failed("a", []).why == "no provider is ready"


class Calls:
    """Calls under way at the same time, moved on step by step."""

    def __init__(self, health: Health, clock: ManualClock) -> None:
        self.health, self.clock = health, clock
        self.calls: list[tuple[list[Attempt], Iterator[Attempt]]] = []

    def step(self, what: str, number: int) -> None:
        if what == "begin":
            attempts = self.health.attempts()
            self.calls.append(([next(attempts)], attempts))
        elif what == "wait":
            self.clock.advance(number * 7)
        elif self.calls:
            tried, attempts = self.calls[number % len(self.calls)]
            match what:
                case "succeed":
                    tried[-1].succeed()
                case "release":
                    tried[-1].release()
                case "next":
                    tried.extend(itertools.islice(attempts, 1))
                case _:
                    tried[-1].fail(down(retryable=what == "fail"))

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for tried, _ in self.calls for attempt in tried]

    @property
    def trials(self) -> list[int]:
        """The members that are being tried."""
        now = self.clock.time()
        return [
            attempt.member
            for attempt in self.attempts
            if attempt.trial and attempt._open and now - attempt.began < TRIAL_LIMIT
        ]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "succeed", "fail", "wrong key", "release", "next", "wait"]),
        st.integers(0, 7),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None, database=None)
@given(count=st.integers(1, 4), steps=_STEPS)
def test_whatever_happens_calls_are_served_and_the_first_comes_back(
    count: int, steps: list[tuple[str, int]]
) -> None:
    clock = ManualClock()
    health = health_of(clock, *(f"member{n}:" for n in range(count)))
    calls = Calls(health, clock)
    for what, number in steps:
        calls.step(what, number)
        assert len(set(calls.trials)) == len(calls.trials), "two trials of one member"
        assert sum(member.serving for member in health.snapshot()) == 1
    assert sorted(a.member for a in health.attempts()) == list(range(count)), "no member starves"
    for attempt in calls.attempts:
        attempt.release()
    clock.advance(20 * 16 + TRIAL_LIMIT)
    for _ in range(count):
        begin(health).succeed()
    assert health.snapshot()[0].well
    assert begin(health).member == 0
