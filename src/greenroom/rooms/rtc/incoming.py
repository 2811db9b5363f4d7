"""One incoming RTP stream: what is known of an SSRC of the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.rooms.rtc.numbering import timestamp_distance
from greenroom.rooms.rtc.reception import Reception
from greenroom.rooms.rtc.simulcast import KeyframeRequests

if TYPE_CHECKING:
    from greenroom.rooms.rtc.receiver import RtpReceiver


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

    `shift` and `timestamp_shift` make the numbers of a layer go on where it gets another SSRC.
    """

    __slots__ = (
        "_report_ntp",
        "_report_timestamp",
        "arrival",
        "layer",
        "receiver",
        "reception",
        "repairs",
        "reported",
        "shift",
        "ssrc",
        "timestamp_shift",
    )

    def __init__(self, receiver: RtpReceiver, ssrc: int, layer: Layer, *, repairs: bool) -> None:
        self.receiver, self.ssrc, self.layer, self.repairs = receiver, ssrc, layer, repairs
        self.reception: Reception | None = None
        self.arrival = float("-inf")
        self.shift = self.timestamp_shift = 0
        self.reported = 0
        self._report_ntp: float | None = None
        self._report_timestamp = 0

    def on_sender_report(self, ntp: int, timestamp: int, now: float) -> None:
        """Remember when the other side says that a timestamp was."""
        self._report_ntp, self._report_timestamp = ntp / 0x1_0000_0000, timestamp
        if self.reception is not None:
            self.reception.last_report = ntp >> 16 & 0xFFFF_FFFF
            self.reception.last_report_at = now

    def forget_report(self) -> None:
        """The timestamps have started anew: the last report is of others."""
        self._report_ntp = None

    def ntp_of(self, timestamp: int, clock_rate: int) -> float | None:
        """The other side's NTP time, in seconds, of a timestamp as handed to sinks."""
        if self._report_ntp is None:
            return None
        ticks = timestamp_distance(timestamp - self.timestamp_shift, self._report_timestamp)
        return self._report_ntp + ticks / clock_rate
