from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.conversation.playout import PlayoutClock
from greenroom.testing import ManualClock


class Listener:
    """Plays what has arrived, millisecond by millisecond."""

    def __init__(self) -> None:
        self.arrived = self.played = 0

    def listen(self, ms: int) -> None:
        for _ in range(ms):
            if self.played < self.arrived:
                self.played += 1


STEPS = st.lists(st.tuples(st.sampled_from(["send", "wait"]), st.integers(1, 400)), max_size=40)


@settings(max_examples=40, deadline=None, database=None)
@given(STEPS)
def test_the_position_is_that_of_a_listener_who_plays_what_arrives(
    steps: list[tuple[str, int]],
) -> None:
    clock, listener = ManualClock(), Listener()
    playout = PlayoutClock(clock)
    for step, ms in steps:
        if step == "send":
            playout.queued(ms)
            playout.sent(ms)
            listener.arrived += ms
        else:
            clock.advance(ms / 1000)
            listener.listen(ms)
        assert playout.played_ms() == pytest.approx(listener.played, abs=1e-3)


def test_a_report_moves_the_position_and_it_goes_on_from_there() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(2_000)
    playout.sent(2_000)
    clock.advance(1.0)
    playout.report(700)
    assert playout.played_ms() == 700
    assert playout.first_times() == pytest.approx((1_000.0, 1_000.3))
    clock.advance(0.5)
    playout.report(1_200)
    assert playout.first_times() == pytest.approx((1_000.0, 1_000.3))
    clock.advance(5)
    assert playout.played_ms() == 2_000


def test_nobody_has_heard_more_than_was_sent() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.report(500)
    assert playout.played_ms() == 0
    assert playout.first_times() == (None, None)
    playout.queued(100)
    playout.sent(100)
    playout.report(1e9)
    assert playout.played_ms() == 100
    playout.report(-5)
    assert playout.played_ms() == 0


def test_after_a_flush_the_position_stands_still() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(1_000)
    playout.sent(1_000)
    clock.advance(0.25)
    assert playout.flush() == pytest.approx(250)
    clock.advance(1)
    assert playout.played_ms() == pytest.approx(250)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_waiter_is_woken_when_little_enough_is_ahead() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(3_000)
    playout.sent(3_000)
    waiting = asyncio.create_task(playout.wait_until_ahead(1_000))
    await settle()
    clock.advance(1.9)
    await settle()
    assert not waiting.done()
    clock.advance(0.1)
    await settle()
    assert waiting.done()
    assert clock.pending == 0


async def test_what_is_queued_but_held_back_is_waited_for_without_a_timer() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(500)
    waiting = asyncio.create_task(playout.wait_until_ahead(0))
    await settle()
    assert clock.pending == 0
    clock.advance(10)
    playout.sent(500)
    await settle()
    assert not waiting.done()
    clock.advance(0.5)
    await settle()
    assert waiting.done()


async def test_what_is_held_back_half_way_is_waited_for() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(500)
    playout.sent(200)
    waiting = asyncio.create_task(playout.wait_until_ahead(0))
    await settle()
    clock.advance(5)
    await settle()
    assert not waiting.done()
    assert clock.pending == 0
    playout.sent(300)
    await settle()
    clock.advance(0.3)
    await settle()
    assert waiting.done()


@pytest.mark.parametrize("end", ["flush", "begin", "report"])
async def test_a_waiter_is_woken_when_there_is_nothing_to_wait_for(end: str) -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(500)
    playout.sent(500)
    waiting = asyncio.create_task(playout.wait_until_ahead(0))
    await settle()
    playout.report(500) if end == "report" else getattr(playout, end)()
    await settle()
    assert waiting.done()
    assert clock.pending == 0


async def test_a_waiter_that_is_cancelled_leaves_no_timer() -> None:
    clock = ManualClock()
    playout = PlayoutClock(clock)
    playout.queued(500)
    playout.sent(500)
    waiting = asyncio.create_task(playout.wait_until_ahead(0))
    await settle()
    assert clock.pending == 1
    waiting.cancel()
    await settle()
    assert waiting.cancelled()
    assert clock.pending == 0


class CreepingClock(ManualClock):
    """Time passes with every look at it, as it does outside of tests."""

    def time(self) -> float:
        self.advance(0.000_05)
        return super().time()


async def test_a_clock_that_moves_between_two_looks_does_not_leave_the_wait_without_a_timer() -> (
    None
):
    for steps in range(40):
        clock = CreepingClock()
        playout = PlayoutClock(clock)
        playout.queued(1.02)
        playout.sent(1.02)
        for _ in range(steps):  # so that the end of the sound falls between any two looks
            clock.time()
        waiting = asyncio.create_task(playout.wait_until_ahead(0))
        await asyncio.sleep(0)
        clock.advance(1)
        async with asyncio.timeout(5):
            await waiting
