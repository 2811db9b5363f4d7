"""One incoming RTP stream: what is known of an SSRC of the other side."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from greenroom.rooms.rtc.numbering import timestamp_distance
from greenroom.rooms.rtc.reception import Reception
from greenroom.rooms.rtc.redundancy import RedundantBlock
from greenroom.rooms.rtc.simulcast import KeyframeRequests

if TYPE_CHECKING:
    from greenroom.rooms.rtc.receiver import RtpReceiver


_MAX_PADDING = 128
_MAX_TIMESTAMPS = 8


class Layer:
    """What is known of one simulcast layer, over the SSRCs that it had.

    `stream` is the one that carries it now. `arrival` and `timestamp` are the newest packet's, the
    timestamp as handed to sinks. `octets` of payload were counted since `counted_from`.
    """

    __slots__ = (
        "_counted_from",
        "_octets_before",
        "arrival",
        "index",
        "keyframe_timestamp",
        "keyframes",
        "octets",
        "rate",
        "stream",
        "timestamp",
    )

    def __init__(self, index: int, keyframes: KeyframeRequests) -> None:
        self.index, self.keyframes = index, keyframes
        self.stream: IncomingStream | None = None
        self.arrival = float("-inf")
        self.timestamp = 0
        self.keyframe_timestamp = -1
        self.octets = self._octets_before = 0
        self.rate = 0.0
        self._counted_from = float("-inf")

    def measure(self, now: float) -> None:
        """Measure the bit rate since the last call."""
        seconds = now - self._counted_from
        if 0 < seconds < float("inf"):
            self.rate = (self.octets - self._octets_before) * 8 / seconds
        self._octets_before, self._counted_from = self.octets, now


class IncomingStream:
    """An SSRC: a layer's packets, or (`repairs`) the retransmissions of them.

    `shift` and `timestamp_shift` make the numbers of a layer go on where it gets another SSRC, and
    leave out the packets of padding, of which `padding` are the last numbers. `timestamps` are
    those of the last packets that were redundant audio.
    """

    __slots__ = (
        "_report_ntp",
        "_report_timestamp",
        "arrival",
        "layer",
        "padding",
        "receiver",
        "reception",
        "repairs",
        "reported",
        "shift",
        "ssrc",
        "timestamp_shift",
        "timestamps",
    )

    def __init__(self, receiver: RtpReceiver, ssrc: int, layer: Layer, *, repairs: bool) -> None:
        self.receiver, self.ssrc, self.layer, self.repairs = receiver, ssrc, layer, repairs
        self.reception: Reception | None = None
        self.arrival = float("-inf")
        self.shift = self.timestamp_shift = 0
        self.padding: deque[int] = deque(maxlen=_MAX_PADDING)
        self.timestamps: deque[int] = deque(maxlen=_MAX_TIMESTAMPS)
        self.reported = 0
        self._report_ntp: float | None = None
        self._report_timestamp = 0

    def on_sender_report(self, ntp: int, timestamp: int, now: float) -> None:
        """Remember when the other side says that a timestamp was."""
        self._report_ntp, self._report_timestamp = ntp / 0x1_0000_0000, timestamp
        if self.reception is not None:
            self.reception.last_report = ntp >> 16 & 0xFFFF_FFFF
            self.reception.last_report_at = now

    def begin_anew(self) -> None:
        """The numbers and timestamps have started anew: what is known is of others."""
        self._report_ntp = None
        self.padding.clear()
        self.timestamps.clear()

    def leave_out(self, number: int) -> None:
        """The newest packet is nothing but padding: the next gets its number."""
        self.padding.append(number)
        self.shift -= 1

    def sequence_of(self, number: int) -> int:
        """The number of a packet as handed to sinks."""
        padding = self.padding
        if padding and number < padding[-1]:
            number += sum(it > number for it in padding)
        return (number + self.shift) & 0xFFFF

    def place_blocks(
        self, blocks: list[RedundantBlock], number: int, timestamp: int
    ) -> list[tuple[int, int, RedundantBlock]]:
        """The numbers and timestamps of the redundant blocks that packet `number` carries.

        RFC 2198 tells blocks apart by time alone; senders of real-time audio leave none out, so
        that each is of the media packet just before the next. Blocks whose time has come before are
        left out: if something is missing at their place it is padding.
        """
        placed: list[tuple[int, int, RedundantBlock]] = []
        for block in reversed(blocks):
            number -= 1
            while number in self.padding:
                number -= 1
            when = (timestamp - block.offset) & 0xFFFFFFFF
            if when not in self.timestamps and block.payload:
                placed.append((number, when, block))
        return placed[::-1]

    def ntp_of(self, timestamp: int, clock_rate: int) -> float | None:
        """The other side's NTP time, in seconds, of a timestamp as handed to sinks."""
        if self._report_ntp is None:
            return None
        ticks = timestamp_distance(timestamp - self.timestamp_shift, self._report_timestamp)
        return self._report_ntp + ticks / clock_rate
