"""An agent's voice in a room, as a conversation drives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import Pcm, ms_of, samples_of
from greenroom.audio.resample import Resampler
from greenroom.providers.clock import Clock
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.ports import AudioTrack
from greenroom.rooms.reception import wait_for_reception

LEAD = 0.05
"""Seconds at least between the voice's reaching a client and its first word there: the client still
has to decode the track and to play it. What takes that long to synthesize is no later for it. Of 90
greetings of 164 ms, to six people at a time on a busy machine, 3 were lost whole without it, and
none with it."""


class RoomOutput:
    """A `conversation.ports.AudioOutput` over an `AudioTrack`.

    The track counts what has left and what was heard since it began; a reply's own position is
    counted from where the track was when the reply began. `on_begin` is told of each reply, and
    `on_sound` of the first sound of each that leaves, or waits for LEAD to pass.
    """

    def __init__(
        self,
        track: AudioTrack,
        clock: Clock,
        on_begin: Callable[[str], None] = lambda _: None,
        on_sound: Callable[[], None] = lambda: None,
    ) -> None:
        self._track = track
        self._clock = clock
        self._on_begin = on_begin
        self._on_sound = on_sound
        self._reply = ""
        self._rate = track.rate
        self._resampler: Resampler | None = None
        self._base_ms = 0.0
        self._written_ms = 0.0
        self._paused = False
        self._first_sent: float | None = None
        self._not_before = 0.0

    async def wait_until_received(self, limit: float) -> bool:
        """Whether somebody receives the voice within `limit` seconds, as soon as that is known.

        A reply that begins after that begins with silence for what is left of LEAD. Raises
        RoomIsClosed.
        """
        received = await wait_for_reception(self._track, self._clock, limit=limit)
        self._not_before = self._clock.time() + LEAD
        return received

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:  # noqa: ARG002 - the port's
        """A new reply, at `rate` Hz."""
        self._silence()
        self._reply, self._rate = reply_id, rate
        self._resampler = None if rate == self._track.rate else Resampler(rate, self._track.rate)
        self._base_ms = self._track.sent_ms + self._write_lead()
        self._written_ms = 0.0
        self._first_sent = None
        self._on_begin(reply_id)

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:  # noqa: ARG002
        """More of a sentence of the current reply."""
        if reply_id != self._reply or not len(pcm):
            return
        if not self._paused:
            self._leaves()
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        self._written_ms += ms_of(len(pcm), self._track.rate)
        self._track.write(pcm)

    def end(self, reply_id: str) -> None:
        """No more sentences; what the resampler holds back is the end of the last."""
        if reply_id == self._reply and self._resampler is not None:
            rest = self._resampler.flush()
            self._written_ms += ms_of(len(rest), self._track.rate)
            self._track.write(rest)

    def pause(self) -> None:
        """Silence, until `resume` or `flush`."""
        self._paused = True
        self._track.pause()

    def resume(self) -> None:
        """Go on where `pause` held."""
        self._paused = False
        if self._written_ms:
            self._leaves()
        self._track.resume()

    def flush(self) -> float:
        """Silence at once; the ms that were heard."""
        # What has left is still on its way, and will be heard: the record counts it.
        played = min(self._written_ms, max(0.0, self._track.sent_ms - self._base_ms))
        self._silence()
        return played

    def played_ms(self) -> float:
        """What the listener has heard of the reply, in ms."""
        return min(self._written_ms, max(0.0, self._track.heard_ms - self._base_ms))

    def first_times(self) -> tuple[float | None, float | None]:
        """When the reply's first audio left, and was heard."""
        if self._first_sent is None:
            return None, None
        way = max(0.0, self._track.sent_ms - self._track.heard_ms) / 1000
        return self._first_sent, self._first_sent + way

    async def wait_until_ahead(self, ms: float) -> None:
        """Return when at most `ms` of the reply's audio are unheard; never, if the room is gone."""
        try:
            await self._track.wait_until_queued(ms)
        except RoomIsClosed:
            # Nobody hears it any more: whoever has the conversation cuts the reply.
            await asyncio.get_running_loop().create_future()
        # The rest is on its way and is heard by itself.
        while (surplus := self._written_ms - self.played_ms() - ms) > 1e-6:
            await self._pass(max(surplus, 1.0) / 1000)

    def _write_lead(self) -> float:
        """Its ms, mostly 0."""
        left = self._not_before - self._clock.time()
        samples = max(0, samples_of(left * 1000, self._track.rate))
        if samples:
            self._track.write(np.zeros(samples, np.int16))
        return ms_of(samples, self._track.rate)

    def _leaves(self) -> None:
        if self._first_sent is None:
            self._first_sent = max(self._clock.time(), self._not_before)
            self._on_sound()

    def _silence(self) -> None:
        self._reply = ""
        self._paused = False
        self._track.flush()

    async def _pass(self, seconds: float) -> None:
        passed = asyncio.Event()
        timer = self._clock.call_at(self._clock.time() + seconds, passed.set)
        try:
            await passed.wait()
        finally:
            timer.cancel()
