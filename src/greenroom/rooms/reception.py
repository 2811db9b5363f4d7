"""Waiting for somebody to receive an agent's voice, in time."""

from __future__ import annotations

import asyncio

from greenroom.providers.clock import Clock
from greenroom.rooms.ports import AudioTrack


async def wait_for_reception(track: AudioTrack, clock: Clock, *, limit: float) -> bool:
    """Whether somebody receives `track` within `limit` seconds, as soon as that is known.

    Raises RoomIsClosed where the track ends meanwhile.
    """
    receiving = asyncio.get_running_loop().create_task(track.wait_until_received())
    timer = clock.call_at(clock.time() + limit, receiving.cancel)
    try:
        await asyncio.wait([receiving])
    finally:
        timer.cancel()
        receiving.cancel()
    if receiving.cancelled():
        return False
    receiving.result()
    return True
