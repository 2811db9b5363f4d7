"""Waiting on a clock that tests may own."""

from __future__ import annotations

import asyncio

from greenroom.providers.clock import Clock


async def pause(clock: Clock, seconds: float) -> None:
    """Return after `seconds` of the clock's time."""
    over = asyncio.Event()
    timer = clock.call_at(clock.time() + seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()
