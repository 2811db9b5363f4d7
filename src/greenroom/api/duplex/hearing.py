"""A client's sound on its way in: decoded in order, and bounded by time."""

from __future__ import annotations

import asyncio

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ogg_opus import OpusStreamReader
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.errors import CapacityExceeded
from greenroom.providers.clock import Clock


class Hearing:
    """Turns pieces of Ogg Opus into samples at DUPLEX_RATE.

    How far the client is ahead is its sound's length less the time in which it would have been
    heard; a pause does not save up. `max_ahead` is in seconds.
    """

    def __init__(self, clock: Clock, max_ahead: float) -> None:
        self._clock = clock
        self._max_ahead = max_ahead
        self._reader = OpusStreamReader(max_ahead)
        self._ahead = 0.0
        self._at = clock.time()

    async def take(self, data: bytes) -> Pcm:
        """The samples that are complete with `data`.

        Raises InvalidInput where there is no sound in it, CapacityExceeded where that is too far
        ahead of real time: then it is dropped.
        """
        if self._reader.is_quick(data):
            pcm = self._reader.read(data)
        else:
            pcm = await asyncio.to_thread(self._reader.read, data)
        self._spend(len(pcm) / DUPLEX_RATE)
        return pcm

    def _spend(self, seconds: float) -> None:
        now = self._clock.time()
        self._ahead = max(0.0, self._ahead - (now - self._at))
        self._at = now
        if self._ahead + seconds > self._max_ahead:
            raise CapacityExceeded("seconds of sound ahead of real time", int(self._max_ahead))
        self._ahead += seconds
