"""The agent's voice: samples in, at any pace; Opus packets out, one each 20 ms of the clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.rtc.agent_media.heard_position import HeardPosition
from greenroom.rooms.rtc.agent_media.loudness import SILENT, loudness
from greenroom.rooms.rtc.agent_media.opus import (
    FRAME_MS,
    FRAME_TICKS,
    SILENT_FRAME,
    opus_encoder,
)
from greenroom.rooms.rtc.agent_media.queue_waiters import QueueWaiters
from greenroom.rooms.rtc.agent_media.sound_queue import SoundQueue
from greenroom.rooms.rtc.media import OPUS, Codec, MediaPacket, MediaSink

FRAME = FRAME_MS / 1000
"""Seconds of a packet."""
MAX_QUEUED_SECONDS = 600
"""What `write` takes ahead of what has left."""
MAX_LATE_FRAMES = 10
"""After a standstill of up to 200 ms all that was due leaves at once, and listeners' buffers even
it out. After a longer one time is skipped: the timestamps jump, the sound goes on where it was."""
DELAY = 0.06
"""Seconds from a packet's leaving until it is heard where nobody knows better: the usual jitter
buffer of 40 ms and a short way."""
SETTLING_FRAMES = 25
"""Silent frames that are really encoded after sound at most. The coder's high-pass filter rings
below the last bit for some 300 to 420 ms; then it makes the constant silent packet by itself."""
FADE_MS = 5
EARLY = 0.001
"""Seconds that a timer may come too early: uvloop's clock counts whole milliseconds."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_phases = itertools.count()


def next_phase() -> float:
    """Seconds into the 20 ms at which the next source sends, spread as evenly as can be.

    Multiples of the golden ratio, modulo 1, never bunch however many there are, so the sources of a
    process don't all encode in one turn of the event loop.
    """
    return (next(_phases) * _GOLDEN) % 1.0 * FRAME


class SoundSource:
    """A MediaSource of Opus, and all of AudioTrack but its `sid`. To be used on the event loop.

    Frame n leaves at a fixed beginning plus n times 20 ms, for as long as it lives: no drift. Where
    nothing is queued it sends a constant silent packet, which costs no encoding. While it has no
    sinks nothing is encoded, but what was written plays on in time. One frame of sound costs about
    0.1 ms. `delay` gives the seconds from sending to hearing, for `heard_ms`.
    """

    def __init__(
        self,
        rate: int,
        clock: Clock,
        *,
        room: str = "",
        delay: Callable[[], float] = lambda: DELAY,
        phase: float | None = None,
    ) -> None:
        self._rate, self._clock, self._room, self._delay = rate, clock, room, delay
        self._queue = SoundQueue(rate)
        self._frame_samples = self._queue.coding_rate * FRAME_MS // 1000
        fade = self._queue.coding_rate * FADE_MS // 1000
        self._fade_in = (np.arange(fade, dtype=np.float32) + 0.5) / fade
        self._encoder = opus_encoder(self._queue.coding_rate)
        self._silence = np.zeros(self._frame_samples, np.int16)
        self._sinks: tuple[MediaSink, ...] = ()
        self._start = clock.time() + (next_phase() if phase is None else phase)
        self._next = 0  # the frame that is due next; counts time
        self._sequence = 0
        self._gap = True  # the next packet doesn't follow the last one in time
        self._timer: Timer | None = None
        self._sounding = False  # the last frame had sound
        self._tail: Pcm | None = None  # fades out in the next frame
        self._fading_in = False
        self._silent_frames = SETTLING_FRAMES
        self._paused = self._muted = self._closed = False
        self._heard = HeardPosition(rate)
        self._waiters = QueueWaiters()

    @property
    def codec(self) -> Codec:
        """See MediaSource."""
        return OPUS

    @property
    def rate(self) -> int:
        """Hz of what `write` takes."""
        return self._rate

    def add_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        if sink not in self._sinks:
            self._sinks = (*self._sinks, sink)
        self._run()

    def remove_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        self._sinks = tuple(other for other in self._sinks if other is not sink)

    def request_keyframe(self, layer: int) -> None:
        """See MediaSource: sound has none."""

    def set_expected_loss(self, fraction: float) -> None:
        """The worst share of packets that a listener loses, 0 to 1; decides on repetition (FEC)."""
        self._encoder.set_expected_loss(fraction)

    def write(self, pcm: Pcm) -> None:
        """See AudioTrack; the samples are kept, so don't change them after.

        Raises InvalidInput, taking nothing, where more than MAX_QUEUED_SECONDS would be queued.
        Once closed, what is written is dropped.
        """
        if self._closed:
            return
        if self._queue.queued + len(pcm) > MAX_QUEUED_SECONDS * self._rate:
            raise InvalidInput(
                "audio", "too much sound ahead of time", f"{MAX_QUEUED_SECONDS} s at most"
            )
        self._queue.put(pcm)
        self._run()

    def flush(self) -> None:
        """See AudioTrack: the next packet fades in 5 ms to silence. It ends a pause."""
        if not self._paused:
            self._fade_out()
        self._paused = self._fading_in = False
        self._queue.clear()
        self._waiters.update(self._queue.queued)

    def pause(self) -> None:
        """See AudioTrack."""
        if not self._paused:
            self._fade_out()
        self._paused = True

    def resume(self) -> None:
        """See AudioTrack."""
        if self._paused and self._tail is not None and self._queue.queued:
            self._tail = None  # no packet has left since `pause`
        elif self._paused:
            self._fading_in = True
        self._paused = False

    def set_muted(self, muted: bool) -> None:
        """See AudioTrack; the packets go on, and time does."""
        if muted and not self._muted:
            self._fade_out()
        self._fading_in = self._fading_in or (self._muted and not muted)
        self._muted = muted

    @property
    def queued_ms(self) -> float:
        """See AudioTrack."""
        return self._queue.queued * 1000 / self._rate

    @property
    def sent_ms(self) -> float:
        """See AudioTrack."""
        return self._queue.taken * 1000 / self._rate

    @property
    def heard_ms(self) -> float:
        """See AudioTrack. It never goes back, and comes to `sent_ms` when nothing more is sent."""
        return self._heard.at(self._clock.time() - self._delay()) * 1000 / self._rate

    async def wait_until_queued(self, ms: float) -> None:
        """See AudioTrack."""
        if self._closed:
            raise RoomIsClosed(self._room, "the track has ended")
        limit = math.floor(ms * self._rate / 1000)
        if self._queue.queued > limit:
            await self._waiters.wait(limit)

    def close(self) -> None:
        """End it; who waits gets RoomIsClosed. Harmless twice."""
        self._closed = True
        self._sinks = ()
        self._queue.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._waiters.fail(RoomIsClosed(self._room, "the track has ended"))

    # Time.

    def _run(self) -> None:
        """Keep time, if there is anything to keep it for."""
        if self._timer or self._closed or not (self._sinks or self._queue.queued):
            return
        passed = math.ceil((self._clock.time() - self._start) / FRAME - 1e-6)
        if passed > self._next:
            self._next = passed
            self._gap = True
        self._timer = self._clock.call_at(self._start + self._next * FRAME, self._tick)

    def _tick(self) -> None:
        self._timer = None
        late = math.floor((self._clock.time() - self._start + EARLY) / FRAME) - self._next
        if late > MAX_LATE_FRAMES:
            self._next += late
            self._gap = True
            late = 0
        for _ in range(late + 1):
            if not self._closed:  # by a sink
                self._send_frame()
        self._waiters.update(self._queue.queued)
        if not self._closed and (self._sinks or self._queue.queued):
            self._timer = self._clock.call_at(self._start + self._next * FRAME, self._tick)

    # Frames.

    def _send_frame(self) -> None:
        pcm = self._frame()
        frame = self._next
        self._next += 1
        if not self._sinks:
            self._gap = True
            self._silent_frames = SETTLING_FRAMES
            return
        if pcm is None:
            payload, level = self._silent_payload(), SILENT
        else:
            if self._silent_frames > SETTLING_FRAMES:
                self._encoder.after_silence()
            self._silent_frames = 0
            payload, level = self._encoder.encode(pcm), loudness(pcm)
        packet = MediaPacket(
            OPUS,
            self._sequence,
            frame * FRAME_TICKS & 0xFFFF_FFFF,
            self._gap,
            payload,
            self._start + frame * FRAME,
            level=level,
        )
        self._sequence = self._sequence + 1 & 0xFFFF
        self._gap = False
        for sink in self._sinks:
            sink.write(packet)

    def _silent_payload(self) -> bytes:
        if self._silent_frames < SETTLING_FRAMES:
            self._silent_frames += 1
            payload = self._encoder.encode(self._silence)
            if len(payload) <= len(SILENT_FRAME):
                self._silent_frames = SETTLING_FRAMES
            return payload
        self._silent_frames = SETTLING_FRAMES + 1
        return SILENT_FRAME

    def _frame(self) -> Pcm | None:
        """The samples of the frame that is due; None: silence."""
        if self._tail is not None:
            pcm, self._tail, self._sounding = self._tail, None, False
            return self._padded(pcm)
        self._sounding = False
        if self._paused or not self._queue.queued:
            return None
        before = self._queue.taken
        pcm = self._queue.take(self._frame_samples)
        sent_at = self._start + self._next * FRAME
        self._heard.note(sent_at, before, self._queue.taken - before)
        if self._muted:
            return None
        if self._fading_in:
            self._fading_in = False
            part = min(len(pcm), len(self._fade_in))
            pcm = pcm.copy()
            pcm[:part] = pcm[:part] * self._fade_in[:part]
        self._sounding = True
        return self._padded(pcm)

    def _padded(self, pcm: Pcm) -> Pcm:
        if len(pcm) == self._frame_samples:
            return pcm
        return np.concatenate((pcm, self._silence[len(pcm) :]))

    def _fade_out(self) -> None:
        """What would follow becomes the fading beginning of the next frame, and isn't taken."""
        if self._sounding and self._queue.queued:
            pcm = self._queue.peek(len(self._fade_in))
            ramp = self._fade_in[::-1][: len(pcm)]
            self._tail = (pcm * ramp).astype(np.int16)
