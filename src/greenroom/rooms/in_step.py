"""Sound and pictures that are handed over together leave together.

A sound track sends from a queue in steps of its own, and runs dry between two pieces that come just
in time. So each run of sound begins with a little silence, and pictures wait for as long.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

import numpy as np

from greenroom.audio.pcm import Pcm, samples_of
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import EncodedFrame

LEAD_MS = 30
"""Silence before a run of sound: a piece that comes so late, less the 20 ms that a packet takes at
once, is not missed."""
MAX_LEAD_MS = LEAD_MS + 40
"""What may wait when the next piece comes. Packets of 20 ms and pieces of 40 or 50 ms make up to 20
more than the lead; beyond that the sound has fallen behind, as after a standstill."""
PICTURE_DELAY = (LEAD_MS + 10) / 1000
"""Seconds from a picture's coming to its leaving: the lead, and half a packet, which is the mean
time until the next one leaves."""


_SHORTEST = 0.001
"""Seconds of media time between two pictures at least."""


class SoundTrack(Protocol):
    """Of `rooms.ports.AudioTrack`, what is needed here."""

    def write(self, pcm: Pcm) -> None:
        """Queue samples."""
        ...

    def flush(self) -> None:
        """Drop all that is queued."""
        ...

    @property
    def queued_ms(self) -> float:
        """What was written and has not left."""
        ...


class PictureTrack(Protocol):
    """Of `rooms.ports.VideoTrack`, what is needed here."""

    def write(self, frame: EncodedFrame) -> None:
        """Send a picture now."""
        ...

    @property
    def keyframe_wanted(self) -> bool:
        """Whether a viewer can't decode until a keyframe comes."""
        ...


class InStep:
    """One sound track at `rate` Hz and one picture track, kept in step; for the event loop.

    What `play` and `show` get in one turn leaves within 10 ms of each other, some 40 ms later.
    """

    def __init__(
        self, sound: SoundTrack, pictures: PictureTrack, clock: Clock, *, rate: int
    ) -> None:
        self._sound, self._pictures, self._clock = sound, pictures, clock
        self._lead = np.zeros(samples_of(LEAD_MS, rate), np.int16)
        self._waiting: deque[tuple[float, EncodedFrame]] = deque()
        self._timer: Timer | None = None
        self._hurries = self._closed = False
        # When the last picture that had waited was sent, and the media time that it had.
        self._sent_at: float | None = None
        self._sent_time = self._last_time = 0.0
        self.skips = 0
        """How often sound was dropped since it had fallen behind the pictures."""

    @property
    def keyframe_wanted(self) -> bool:
        """See Venue; False while a keyframe waits here."""
        return self._pictures.keyframe_wanted and not any(one.keyframe for _, one in self._waiting)

    def play(self, pcm: Pcm) -> None:
        """See Venue. Sound that has fallen behind is dropped, and goes on with this piece."""
        if self._closed or not len(pcm):
            return
        self._hurries = False
        queued = self._sound.queued_ms
        if queued > MAX_LEAD_MS:
            self.skips += 1
            self._sound.flush()
            queued = 0
        self._sound.write(pcm if queued else np.concatenate((self._lead, pcm)))

    def show(self, frame: EncodedFrame) -> None:
        """See Venue."""
        if self._closed:
            return
        if self._hurries:
            self._hurry(frame)
            return
        self._waiting.append((self._clock.time() + PICTURE_DELAY, frame))
        if self._timer is None:
            self._wake()

    def flush(self) -> None:
        """See Venue. Pictures that wait are sent now, since the next ones build on them.

        Those that follow wait for nothing until there is sound again: the mouth closes at once.
        """
        if self._closed:
            return
        self._hurries = True
        self._sound.flush()
        self._stop_timer()
        while self._waiting:
            self._hurry(self._waiting.popleft()[1])

    def close(self) -> None:
        """What waits is dropped; nothing is taken any more. Harmless twice."""
        self._closed = True
        self._stop_timer()
        self._waiting.clear()

    def _wake(self) -> None:
        self._timer = self._clock.call_at(self._waiting[0][0], self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        # Timers may come up to 1 ms early: uvloop's clock counts whole milliseconds.
        now = self._clock.time() + 0.001
        while self._waiting and self._waiting[0][0] <= now:
            self._send(*self._waiting.popleft())
        if self._waiting:
            self._wake()

    def _send(self, due: float, frame: EncodedFrame) -> None:
        """Send a picture that has waited until it was due."""
        self._write(frame)
        self._sent_at, self._sent_time = due, frame.time

    def _hurry(self, frame: EncodedFrame) -> None:
        """Send a picture that has not waited.

        Receivers show pictures by their times, and this one's is too far ahead of those before it:
        it is given the time that a picture has which has waited until now.
        """
        if self._sent_at is not None:
            passed = self._clock.time() - self._sent_at
            frame = replace(frame, time=self._sent_time + passed)
        self._write(frame)

    def _write(self, frame: EncodedFrame) -> None:
        """Send it, under a time after the last one's."""
        if self._sent_at is not None and frame.time < self._last_time + _SHORTEST:
            frame = replace(frame, time=self._last_time + _SHORTEST)
        self._last_time = frame.time
        self._pictures.write(frame)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
