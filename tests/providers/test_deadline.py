from __future__ import annotations

import asyncio

import pytest

from greenroom.providers.deadline import Deadline
from greenroom.testing import ManualClock


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_takes_too_long_times_out_by_the_given_clock() -> None:
    clock = ManualClock()

    async def work() -> None:
        async with Deadline(clock, 3):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await settle()
    clock.advance(2.9)
    await settle()
    assert not task.done()
    clock.advance(0.1)
    with pytest.raises(TimeoutError):
        await task
    assert clock.pending == 0


async def test_what_is_done_in_time_leaves_no_timer() -> None:
    clock = ManualClock()
    async with Deadline(clock, 3):
        assert clock.pending == 1
    assert clock.pending == 0


async def test_putting_off_starts_the_time_anew() -> None:
    clock = ManualClock()
    moves = asyncio.Event()

    async def work() -> None:
        async with Deadline(clock, 3) as deadline:
            await moves.wait()
            deadline.put_off()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await settle()
    clock.advance(2)
    moves.set()
    await settle()
    clock.advance(2)
    await settle()
    assert not task.done()
    clock.advance(1)
    with pytest.raises(TimeoutError):
        await task
    assert clock.pending == 0


async def test_a_cancelling_from_outside_is_no_timeout() -> None:
    clock = ManualClock()

    async def work() -> None:
        async with Deadline(clock, 3):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await settle()
    task.cancel()
    clock.advance(3)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.pending == 0
