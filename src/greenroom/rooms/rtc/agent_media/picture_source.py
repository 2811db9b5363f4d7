"""The agent's picture: encoded frames in, RTP payloads out."""

from __future__ import annotations

from collections import deque

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.agent_media.picture_formats import picture_format
from greenroom.rooms.rtc.media import Codec, MediaPacket, MediaSink

BURST = 16
"""Packets that leave at once; the next so many leave BURST_INTERVAL later. Together 29 Mbit/s: a
frame of 100 kB takes 25 ms instead of overrunning the buffers on the way."""
BURST_INTERVAL = 0.005
MAX_WAITING = 2_000
"""Packets, 2.3 MB. A frame that finds more of them waiting is dropped, and all until a keyframe."""
_WRAP_32 = 0xFFFF_FFFF


class PictureSource:
    """A MediaSource of video, and all of VideoTrack but its `sid`. To be used on the event loop.

    Raises InvalidInput for a codec that it can't put into packets.
    """

    def __init__(self, codec: Codec, clock: Clock) -> None:
        self._codec, self._clock = codec, clock
        self._format = picture_format(codec)
        self._sinks: tuple[MediaSink, ...] = ()
        self._waiting: deque[tuple[int, bool, bytes, bool]] = deque()
        self._timer: Timer | None = None
        self._sequence = 0
        self._picture_id = 0
        self._wanted = False
        self._dropping = False  # until a keyframe comes
        self._closed = False
        self.dropped = 0
        """Frames that were not sent because too much was waiting."""

    @property
    def codec(self) -> Codec:
        """See MediaSource."""
        return self._codec

    def add_sink(self, sink: MediaSink) -> None:
        """See MediaSource; a new sink can begin only with a keyframe."""
        if sink not in self._sinks:
            self._sinks = (*self._sinks, sink)
            self._wanted = True

    def remove_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        self._sinks = tuple(other for other in self._sinks if other is not sink)

    def request_keyframe(self, layer: int) -> None:  # noqa: ARG002 - there is one layer
        """See MediaSource."""
        self._wanted = True

    @property
    def keyframe_wanted(self) -> bool:
        """See VideoTrack."""
        return self._wanted

    def write(self, frame: EncodedFrame) -> None:
        """See VideoTrack. A frame of up to BURST packets leaves at once, or after the one before.

        Once closed, or while there are no sinks, frames are dropped.
        """
        if self._closed or not self._sinks:
            return
        if len(self._waiting) > MAX_WAITING or (self._dropping and not frame.keyframe):
            self.dropped += 1
            self._dropping = self._wanted = True
            return
        payloads = self._format.packetize(frame.data, self._picture_id)
        self._picture_id = self._picture_id + 1 & 0x7FFF
        timestamp = round(frame.time * self._codec.clock_rate) & _WRAP_32
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            begins = frame.keyframe and index == 0
            self._waiting.append((timestamp, index == last, payload, begins))
        if frame.keyframe:
            self._wanted = self._dropping = False
        if self._timer is None:
            self._send()

    def close(self) -> None:
        """End it; what waits is dropped. Harmless twice."""
        self._closed = True
        self._sinks = ()
        self._waiting.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        self._timer = None
        for _ in range(min(BURST, len(self._waiting))):
            if not self._waiting:  # closed by a sink
                return
            timestamp, marker, payload, keyframe = self._waiting.popleft()
            packet = MediaPacket(
                self._codec,
                self._sequence,
                timestamp,
                marker,
                payload,
                self._clock.time(),
                keyframe=keyframe,
            )
            self._sequence = self._sequence + 1 & 0xFFFF
            for sink in self._sinks:
                sink.write(packet)
        if not self._closed:
            # Also when all have left: a frame that comes at once must not double the burst.
            self._timer = self._clock.call_at(self._clock.time() + BURST_INTERVAL, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._waiting:
            self._send()
