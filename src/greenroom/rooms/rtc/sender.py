"""A track that this side of a peer connection sends."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from greenroom.rooms.rtc.codecs import find
from greenroom.rooms.rtc.delivery import Delivery
from greenroom.rooms.rtc.link import Link, random_ssrc
from greenroom.rooms.rtc.media import Codec, MediaPacket, MediaSource
from greenroom.rooms.rtc.numbering import JUMPED, Renumbering
from greenroom.rooms.rtc.outgoing import SEND_TIME_AT, HeaderExtensions, Redundancy, send_time
from greenroom.rooms.rtc.ports import PayloadType, StreamParameters
from greenroom.rooms.rtc.retransmission import SentPackets, build_retransmission
from greenroom.rooms.rtc.rtcp import ReportBlock, SenderReport
from greenroom.rooms.rtc.rtp import build_rtp
from greenroom.rooms.rtc.simulcast import LayerSelection

_HISTORY = {"audio": 64, "video": 512}
_MIN_RESEND_INTERVAL = 0.01
_MAX_CAPTURE_DELAY = 10.0
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
        self.packets = self.octets = self.resent = 0
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
        self._numbers = Renumbering(_HISTORY[codec.kind])
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
        self._delivery = Delivery(link, codec.clock_rate)

    @property
    def mid(self) -> str | None:
        """Its media section, once one is negotiated."""
        return self._parameters.mid if self._parameters is not None else None

    @property
    def round_trip(self) -> float | None:
        """Seconds there and back by the last receiver report; None: not known yet."""
        return self._delivery.round_trip

    @property
    def fraction_lost(self) -> float:
        """0 to 1, by the last receiver report."""
        return self._delivery.fraction_lost

    @property
    def jitter(self) -> float:
        """Seconds, by the last receiver report (RFC 3550 section 6.4.1)."""
        return self._delivery.jitter

    @property
    def layer(self) -> int | None:
        """The simulcast layer that is sent now; None before the first keyframe."""
        return self._selection.current if self._selection.current >= 0 else None

    def negotiate(self, parameters: StreamParameters | None) -> None:
        """The media section it is sent on (None: none, and nothing is sent).

        Sends nothing either where no payload type fits the source's codec.
        """
        if parameters is not None and parameters != self._parameters:
            self._extensions = HeaderExtensions(
                self.codec.kind, parameters.mid, parameters.extensions
            )
        self._parameters = parameters
        self._payload_codec = self._payload_type = None
        red = parameters.red if parameters is not None and not self._video else None
        if red is None:
            self._redundancy = None
        else:
            self._red = red
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
        if not self._open or (self._video and not self._selects(packet)):
            return
        if packet.codec is not self._payload_codec:
            self._choose(packet.codec)
        payload_type = self._payload_type
        if payload_type is None:
            return
        begins = self._begins
        number = self._place(packet)
        if number < 0:
            return
        timestamp = (packet.timestamp + self._timestamp_shift) & 0xFFFFFFFF
        sent_as, payload = payload_type.number, packet.payload
        if number == self._numbers.highest:
            self._timestamp, self._arrival = timestamp, packet.arrival
            self._captured = packet.timestamp, packet.layer
            if self._redundancy is not None:
                wrapped = self._redundancy.wrap(sent_as, number, timestamp, payload)
                if wrapped is not None:
                    sent_as, payload = self._red, wrapped
        elif number in self._sent:
            return  # doubled
        # Sound that begins after a pause is a talkspurt, whose first packet is marked.
        marker = packet.marker or (begins and not self._video)
        extension = self._extensions.encode(packet.level, packet.arrival)
        data = build_rtp(sent_as, marker, number, timestamp, self.ssrc, payload, extension)
        self._sent.add(number, data)
        self.packets += 1
        self.octets += len(payload)
        if self._link.idle:
            self._link.start_reports(packet.arrival)
        self._link.send_rtp(data)

    def _place(self, packet: MediaPacket) -> int:
        """The packet's number; negative where it is late or doubled."""
        if self._begins:
            self._begin(packet)
        number = self._numbers.place(packet.sequence)
        if number == JUMPED:
            self._keeps_time = False
            self._begin(packet)
            number = self._numbers.place(packet.sequence)
        return number

    def _selects(self, packet: MediaPacket) -> bool:
        """Whether the packet is of the simulcast layer that is sent."""
        selection = self._selection
        before = selection.current
        chosen = selection.forwards(packet)
        if selection.wished is not None and self._source is not None:
            self._source.request_keyframe(selection.wished)
        if chosen and selection.current != before:
            self._begins, self._keeps_time = True, False
        return chosen

    def _choose(self, codec: Codec) -> None:
        self._payload_codec = codec
        entries = self._parameters.payload_types if self._parameters is not None else ()
        self._payload_type = find(codec, entries)

    def _begin(self, packet: MediaPacket) -> None:
        """Another source or layer, or this one after a pause: go on with the next number."""
        self._begins = False
        self._numbers.begin(packet.sequence)
        if self.packets and not self._keeps_time:
            passed = packet.arrival - self._arrival
            before = self._capture_time()
            now = self._timed.time_of(packet.timestamp, packet.layer) if self._timed else None
            if before is not None and now is not None and abs(now - before - passed) < 1:
                passed = now - before
            ticks = max(1, round(passed * packet.codec.clock_rate))
            self._timestamp_shift = self._timestamp + ticks - packet.timestamp
        self._keeps_time = True

    def _capture_time(self) -> float | None:
        """The clock's time when the newest packet's content was captured."""
        if self._timed is None or self._captured is None:
            return None
        return self._timed.time_of(*self._captured)

    def report(self, now: float) -> SenderReport | None:
        """What was sent, None where nothing was since the last call.

        The RTP time is that of when the content was captured by the source's own sender reports,
        so that a client's sound and picture stay together, else of when its packets came.
        """
        if self.packets == self._reported:
            return None
        self._reported = self.packets
        when = self._capture_time()
        if when is None or abs(when - self._arrival) > _MAX_CAPTURE_DELAY:
            when = self._arrival
        rate = self.codec.clock_rate
        timestamp = self._timestamp + round((now - when) * rate)
        return SenderReport(self.ssrc, self._link.ntp(now), timestamp, self.packets, self.octets)

    def on_report(self, block: ReportBlock, now: float) -> None:
        """The other side's report about this stream."""
        self._extensions.stop_mid()
        self._delivery.update(block, now)
        if self._redundancy is not None:
            self._redundancy.blocks = 2 if self._delivery.fraction_lost > _LOSSY else 1

    def on_nack(self, sequences: Sequence[int], now: float) -> None:
        """The other side misses packets: send again what is still known."""
        interval = max(_MIN_RESEND_INTERVAL, self._link.round_trip or 0)
        payload_type = self._payload_type
        for sequence in sequences:
            packet = self._sent.take(sequence, now, interval)
            if packet is None:
                continue
            if (
                payload_type is not None
                and payload_type.rtx is not None
                and packet[1] & 0x7F == payload_type.number  # and not redundant audio
            ):
                packet = self._repair(packet, payload_type.rtx, now)
            # Without RTX it must be the same bytes: SRTP encrypts a number in one way only.
            self.resent += 1
            self._link.send_rtp(packet)

    def _repair(self, packet: bytes, payload_type: int, now: float) -> bytes:
        if self._extensions.has_send_time:
            packet = packet[:SEND_TIME_AT] + send_time(now) + packet[SEND_TIME_AT + 3 :]
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        return build_retransmission(packet, payload_type, self._rtx_sequence, self.rtx_ssrc)

    def on_keyframe_wanted(self, number: int | None = None) -> None:
        """PLI, or FIR with its number, which is the same in a FIR that is only repeated."""
        if number is not None:
            if number == self._intra_request:
                return
            self._intra_request = number
        if self._video and self._source is not None and not self._paused:
            layer = self._selection.current
            self._source.request_keyframe(layer if layer >= 0 else self._selection.target)

    def close(self) -> None:
        """Send no more, and let go of the source."""
        self.set_source(None)
        self._parameters = None
        self._open = False
