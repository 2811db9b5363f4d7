"""A track that this side of a peer connection sends."""

from __future__ import annotations

import random
from typing import Protocol, runtime_checkable

from greenroom.rooms.rtc.link import Link, random_ssrc
from greenroom.rooms.rtc.media import Codec, MediaPacket, MediaSource
from greenroom.rooms.rtc.numbering import JUMPED, Renumbering, timestamp_distance
from greenroom.rooms.rtc.outgoing import HeaderExtensions, Redundancy, send_time
from greenroom.rooms.rtc.payloads import choose_payload_type
from greenroom.rooms.rtc.ports import PayloadType, StreamParameters
from greenroom.rooms.rtc.retransmission import SentPackets, build_retransmission
from greenroom.rooms.rtc.rtcp import ReportBlock, SenderReport
from greenroom.rooms.rtc.rtp import build_rtp
from greenroom.rooms.rtc.simulcast import LayerSelection

_HISTORY = {"audio": 64, "video": 512}
_MIN_RESEND_INTERVAL = 0.01
_FIRST_REPORT = 0.1
_LOSSY = 0.05
"""The loss from which on redundant audio carries two earlier packets and not one."""


@runtime_checkable
class TimedSource(Protocol):
    """A source that knows when its packets were captured: another client's track."""

    def time_of(self, timestamp: int, layer: int) -> float | None:
        """The clock's time of a timestamp; None where it isn't known yet."""
        ...


class RtpSender:
    """Renumbers one source's packets for the peer. Made by `Streams.add_sender`."""

    def __init__(self, link: Link, codec: Codec, *, stream_id: str, track_id: str) -> None:
        self.codec, self.stream_id, self.track_id = codec, stream_id, track_id
        self.ssrc, self.rtx_ssrc = random_ssrc(), random_ssrc()
        self.cname = link.cname
        self.packets = self.octets = 0
        self._link = link
        self._video = codec.kind == "video"
        self._parameters: StreamParameters | None = None
        self._source: MediaSource | None = None
        self._timed: TimedSource | None = None
        self._paused = False
        self._open = False
        # How the next packet follows on the last: not at all, by the source's time, or the clock's.
        self._begins = True
        self._keeps_time = False
        self._selection = LayerSelection()
        self._numbers = Renumbering()
        self._sent = SentPackets(_HISTORY[codec.kind])
        self._rtx_sequence = random.randrange(0x8000)  # noqa: S311 - secrecy is SRTP's task
        self._extensions = HeaderExtensions(codec.kind, "", {})
        self._redundancy: Redundancy | None = None
        self._red = 0
        self._payload_codec: Codec | None = None
        self._payload_type: PayloadType | None = None
        self._timestamp_shift = random.randrange(1 << 32)  # noqa: S311
        self._timestamp = 0
        self._arrival = 0.0
        self._captured: tuple[int, int] | None = None
        self._reported = 0
        self._intra_request = -1
        self._fraction_lost = 0.0
        self._jitter = 0.0
        self._round_trip: float | None = None

    @property
    def mid(self) -> str | None:
        """Its media section, once one is negotiated."""
        return self._parameters.mid if self._parameters is not None else None

    @property
    def round_trip(self) -> float | None:
        """Seconds there and back by the last receiver report; None: not known yet."""
        return self._round_trip

    @property
    def fraction_lost(self) -> float:
        """0 to 1, by the last receiver report."""
        return self._fraction_lost

    @property
    def jitter(self) -> float:
        """Seconds, by the last receiver report (RFC 3550 section 6.4.1)."""
        return self._jitter

    @property
    def layer(self) -> int | None:
        """The simulcast layer that is sent now; None before the first keyframe."""
        return self._selection.current if self._selection.current >= 0 else None

    def negotiate(self, parameters: StreamParameters | None) -> None:
        """The media section it is sent on (None: none, and nothing is sent).

        Sends nothing either where no payload type fits the source's codec.
        """
        before = self._parameters
        self._parameters = parameters
        self._payload_codec = self._payload_type = None
        self._red = 0
        if parameters is not None:
            if before is None or before.mid != parameters.mid or before != parameters:
                self._extensions = HeaderExtensions(
                    self.codec.kind, parameters.mid, parameters.extensions
                )
            if parameters.red is not None and not self._video:
                self._red = parameters.red
                self._redundancy = self._redundancy or Redundancy()
        self._reopen()

    def set_source(self, source: MediaSource | None) -> None:
        """See Sender."""
        if source is self._source:
            return
        if self._source is not None:
            self._source.remove_sink(self)
        self._source = source
        self._timed = source if isinstance(source, TimedSource) else None
        self._captured = None
        self._begins, self._keeps_time = True, False
        self._selection.reset()
        if source is not None:
            source.add_sink(self)
        self._reopen()

    def set_layer(self, layer: int) -> None:
        """See Sender."""
        self._selection.set_target(layer)

    def set_paused(self, paused: bool) -> None:
        """See Sender."""
        if paused != self._paused:
            self._paused = paused
            self._reopen()

    def _reopen(self) -> None:
        """Packets go out from now on, or don't."""
        is_open = self._parameters is not None and not self._paused
        if is_open and not self._open:
            self._begins = True
            self._selection.reset()
        self._open = is_open
        if is_open and self._video and self._source is not None and self._selection.current < 0:
            self._source.request_keyframe(self._selection.target)

    def write(self, packet: MediaPacket) -> None:
        """Take a packet of the source, as its MediaSink."""
        if not self._open:
            return
        if self._video:
            selection = self._selection
            before = selection.current
            if not selection.forwards(packet):
                if selection.wished is not None and self._source is not None:
                    self._source.request_keyframe(selection.wished)
                return
            if selection.current != before:
                self._begins, self._keeps_time = True, False
        if packet.codec is not self._payload_codec:
            self._choose(packet.codec)
        payload_type = self._payload_type
        if payload_type is None:
            return
        numbers, marker = self._numbers, packet.marker
        if self._begins:
            self._begin(packet)
            marker = marker or not self._video  # the beginning of a talkspurt
        newest = numbers.highest
        number = numbers.place(packet.sequence)
        if number < 0:
            if number != JUMPED:
                return
            self._keeps_time = False
            self._begin(packet)
            number = numbers.place(packet.sequence)
        arrival, payload = packet.arrival, packet.payload
        timestamp = (packet.timestamp + self._timestamp_shift) & 0xFFFFFFFF
        sent_as = payload_type.number
        if numbers.highest != newest:
            self._timestamp, self._arrival = timestamp, arrival
            if self._timed is not None:
                self._captured = packet.timestamp, packet.layer
            if self._red and self._redundancy is not None:
                wrapped = self._redundancy.wrap(sent_as, number, timestamp, payload)
                if wrapped is not None:
                    sent_as, payload = self._red, wrapped
        elif number in self._sent:
            return  # doubled
        extension = self._extensions.encode(packet.level, arrival)
        data = build_rtp(sent_as, marker, number, timestamp, self.ssrc, payload, extension)
        self._sent.add(number, data)
        if not self.packets:
            self._link.wake(arrival + _FIRST_REPORT)
        self.packets += 1
        self.octets += len(payload)
        self._link.send_rtp(data)
