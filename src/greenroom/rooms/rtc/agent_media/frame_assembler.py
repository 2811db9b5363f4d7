"""Frames from the packets of one video stream: put in order, complete, and decodable."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.agent_media.picture_formats import PictureFormat
from greenroom.rooms.rtc.media import MediaPacket

MAX_HELD = 512
"""Packets that wait for a missing one."""
MAX_WAIT = 0.2
"""Seconds that they wait: time for a retransmission or two."""
MAX_FRAME_BYTES, MAX_FRAME_PACKETS = 4_000_000, 8_192
RESTART_DISTANCE = 5_000
"""Sequence numbers: a packet so far off belongs to another stream."""
RESTART_AFTER_LATE = 100
"""So many late packets with none in time between them: the stream has begun again, further back."""
REQUEST_INTERVAL = 1.0
"""Seconds after which a keyframe that has not come is asked for again."""


class FrameAssembler:
    """Hands over `(frame, timestamp)` in order: first a keyframe, and after each loss.

    `request_keyframe` is called when only a keyframe helps. Takes packets of one layer only.
    """

    def __init__(
        self,
        picture_format: PictureFormat,
        on_frame: Callable[[bytes, int], object],
        request_keyframe: Callable[[], object],
        clock: Clock,
    ) -> None:
        self._format, self._on_frame = picture_format, on_frame
        self._request_keyframe, self._clock = request_keyframe, clock
        self._held: dict[int, MediaPacket] = {}
        self._timer: Timer | None = None
        self._expected = -1  # sequence number; below 0: nothing came yet
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = -1  # of _parts
        self._skipped = -1  # the timestamp of a frame whose beginning is lost
        self._needs_keyframe = True
        self._requested = float("-inf")
        self._late_in_a_row = 0
        self.lost = 0
        """Packets that did not come, or too late."""
        self.dropped = 0
        """Frames that came and could not be used."""

    def write(self, packet: MediaPacket) -> None:
        """Take the next packet; packets may be missing, doubled or late."""
        distance = (packet.sequence - self._expected) & 0xFFFF
        if self._expected < 0:
            self._begin(packet)
        elif distance == 0:
            self._take(packet)
        elif distance < RESTART_DISTANCE:
            self._hold(packet)
            return
        elif distance > 0xFFFF - RESTART_DISTANCE and self._is_late():
            return
        else:
            self._begin(packet)
        self._late_in_a_row = 0
        if self._held:
            self._take_held()

    def need_keyframe(self) -> None:
        """What follows can't be decoded: hand over nothing until a keyframe comes."""
        self._needs_keyframe = True
        self._request(self._clock.time())

    def close(self) -> None:
        """Forget all; nothing is handed over any more. Harmless twice."""
        self._stop_timer()
        self._held.clear()
        self._drop_parts()

    def _begin(self, packet: MediaPacket) -> None:
        self.close()
        self._skipped = -1 if packet.keyframe else packet.timestamp
        if not packet.keyframe:
            self.need_keyframe()
        self._needs_keyframe = True
        self._take(packet)

    def _is_late(self) -> bool:
        self._late_in_a_row += 1
        return self._late_in_a_row < RESTART_AFTER_LATE

    def _hold(self, packet: MediaPacket) -> None:
        if not self._held:
            self._wait()
        self._held[packet.sequence] = packet
        if self._needs_keyframe and packet.keyframe:
            self._skip_to(packet.sequence)  # nothing before it can be of use
        elif len(self._held) >= MAX_HELD:
            self._give_up_missing()

    def _wait(self) -> None:
        self._timer = self._clock.call_at(self._clock.time() + MAX_WAIT, self._give_up_missing)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _give_up_missing(self) -> None:
        """Go on with the first packet that is held."""
        first = min(self._held, key=self._distance)
        self._skip_to(first)

    def _distance(self, sequence: int) -> int:
        return (sequence - self._expected) & 0xFFFF

    def _skip_to(self, sequence: int) -> None:
        """Go on with this packet, which is held."""
        passed = [held for held in self._held if self._distance(held) < self._distance(sequence)]
        self.lost += self._distance(sequence) - len(passed)
        for held in passed:
            del self._held[held]
        self._expected = sequence
        self._drop_parts()
        self._skipped = self._held[sequence].timestamp
        self.need_keyframe()
        self._take_held()

    def _take_held(self) -> None:
        while (packet := self._held.pop(self._expected, None)) is not None:
            self._take(packet)
        self._stop_timer()
        if self._held:
            self._wait()

    def _take(self, packet: MediaPacket) -> None:
        self._expected = packet.sequence + 1 & 0xFFFF
        if not packet.payload:  # a probe of the bandwidth
            return
        if packet.keyframe or packet.timestamp != self._skipped:
            self._skipped = -1
        else:
            return
        if self._parts and packet.timestamp != self._timestamp:
            self._finish()  # its marker was not set
        self._timestamp = packet.timestamp
        self._parts.append(packet.payload)
        self._size += len(packet.payload)
        if packet.marker:
            self._finish()
        elif self._size > MAX_FRAME_BYTES or len(self._parts) > MAX_FRAME_PACKETS:
            self._drop_parts()
            self._skipped = packet.timestamp
            self.need_keyframe()

    def _drop_parts(self) -> None:
        self.dropped += bool(self._parts)
        self._parts = []
        self._size = 0

    def _finish(self) -> None:
        frame = self._format.depacketize(self._parts)
        self._parts = []
        self._size = 0
        if frame is None:
            self.dropped += 1
            self.need_keyframe()
        elif self._needs_keyframe and not self._format.is_keyframe(frame):
            self.dropped += 1
            self._request(self._clock.time())
        else:
            self._needs_keyframe = False
            self._on_frame(frame, self._timestamp)

    def _request(self, now: float) -> None:
        if now >= self._requested + REQUEST_INTERVAL:
            self._requested = now
            self._request_keyframe()
