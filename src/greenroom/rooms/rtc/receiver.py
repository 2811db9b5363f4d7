"""A track that the other side of a peer connection sends."""

from __future__ import annotations

from functools import partial

from greenroom.rooms.rtc.extensions import AUDIO_LEVEL, find_element
from greenroom.rooms.rtc.incoming import IncomingStream, Layer
from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.media import OPUS, VP8, Codec, Kind, MediaPacket, MediaSink
from greenroom.rooms.rtc.numbering import MAX_DROPOUT
from greenroom.rooms.rtc.payloads import Format, formats_of
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.reception import REORDERING, Reception
from greenroom.rooms.rtc.redundancy import parse_redundant
from greenroom.rooms.rtc.rtcp import build_full_intra_request, build_nack, build_picture_loss
from greenroom.rooms.rtc.rtp import RtpPacket
from greenroom.rooms.rtc.simulcast import MAX_LAYERS, SILENCE, KeyframeRequests

_NACK_TRIES = 8
_NACK_AGE = {"audio": 0.3, "video": 1.0}
"""Seconds after which a missing packet is no use any more."""
_ROUND_TRIP = 0.1
"""Seconds, taken for the round trip until it is known."""
_MIN_NACK_INTERVAL = 0.02


class RtpReceiver:
    """One media section's incoming streams, as a MediaSource. Made by `Streams.add_receiver`.

    `dropped` counts packets that were no use: of unknown formats, or not what their format says.
    `layers` are the simulcast layers, the smallest first; there is always one.
    """

    def __init__(self, link: Link, parameters: StreamParameters, track_id: str) -> None:
        self.track_id = track_id
        self.dropped = 0
        self.layers: list[Layer] = []
        self.streams: list[IncomingStream] = []
        self._link = link
        self._sinks: tuple[MediaSink, ...] = ()
        self._intra_requests = 0
        self.configure(parameters)

    def configure(self, parameters: StreamParameters) -> None:
        """Take what was negotiated, also again."""
        self.parameters = parameters
        self.mid = parameters.mid
        self.kind: Kind = parameters.kind
        self.formats = formats_of(parameters)
        usual = OPUS if parameters.kind == "audio" else VP8
        self._codec = parameters.payload_types[0].codec if parameters.payload_types else usual
        self._level_id = parameters.extensions.get(AUDIO_LEVEL, 0)
        feedback: set[str] = set()
        for entry in parameters.payload_types:
            feedback |= entry.feedback
        self._nack, self._pli = "nack" in feedback, "nack pli" in feedback
        self._fir = "ccm fir" in feedback
        self.limits_bitrate = "goog-remb" in feedback
        count = max(1, len(parameters.rids) or len(parameters.ssrcs))
        for index in range(len(self.layers), min(count, MAX_LAYERS)):
            self.layers.append(Layer(index, KeyframeRequests(partial(self._ask, index))))

    @property
    def codec(self) -> Codec:
        """Of the last packet; before one came, the codec that is preferred."""
        return self._codec

    @property
    def active_layers(self) -> tuple[int, ...]:
        """Which simulcast layers packets come of, the smallest first."""
        oldest = self._link.clock.time() - SILENCE
        return tuple(layer.index for layer in self.layers if layer.arrival > oldest)

    def bit_rate(self, layer: int) -> float:
        """Payload bits a second of a layer, over about the last second; 0 where none come."""
        return self.layers[layer].rate if layer in self.active_layers else 0.0

    def add_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        if sink not in self._sinks:
            self._sinks = (*self._sinks, sink)

    def remove_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        self._sinks = tuple(other for other in self._sinks if other is not sink)

    def request_keyframe(self, layer: int) -> None:
        """See MediaSource. Asks at most every half second, later where that is too early."""
        if self.kind == "video" and 0 <= layer < len(self.layers):
            due = self.layers[layer].keyframes.request(self._link.clock.time())
            self._link.wake(due)

    def time_of(self, timestamp: int, layer: int) -> float | None:
        """The clock's time when what has this timestamp was captured.

        By the other side's sender reports; None before the first.
        """
        stream = self.layers[layer].stream if 0 <= layer < len(self.layers) else None
        offset = self._link.remote_clock
        if stream is None or offset is None:
            return None
        ntp = stream.ntp_of(timestamp, self._codec.clock_rate)
        return None if ntp is None else ntp + offset

    def on_packet(self, stream: IncomingStream, packet: RtpPacket, arrival: float) -> None:
        """Take a packet of one of this receiver's streams."""
        held = self.formats.get(packet.payload_type)
        if held is None:
            self.dropped += 1
            return
        stream.arrival = arrival
        if held.is_rtx or stream.repairs:
            self._on_repair(stream, held, packet, arrival)
            return
        layer, reception = stream.layer, stream.reception
        if reception is None or layer.stream is not stream:
            reception = self._start(stream, packet, arrival)
            if reception is None:
                return
        before = reception.highest
        number = reception.accept(packet.sequence, arrival)
        if number < 0:
            return
        if number != before + 1:
            self._on_disorder(stream, packet, number, before, arrival)
        if number == reception.highest:
            reception.measure(packet.timestamp, arrival)
        layer.arrival = arrival
        layer.octets += len(packet.payload)
        if held.is_red:
            self._on_redundant(stream, reception, packet, number, arrival)
        else:
            self._deliver(stream, held, packet, number, arrival)

    def _start(self, stream: IncomingStream, packet: RtpPacket, arrival: float) -> Reception | None:
        """The first packet of an SSRC; its layer goes on with it."""
        if stream.reception is not None and stream.layer.arrival > arrival - SILENCE:
            return None  # another SSRC has taken its place
        before = stream.layer.stream
        stream.reception = reception = Reception(
            stream.ssrc, packet.sequence, self._codec.clock_rate
        )
        stream.layer.stream = stream
        if before is not None and before.reception is not None:
            last = before.reception.highest + before.shift
            self._continue(stream, packet, reception.highest + 1, last, arrival)
        return reception

    def _continue(
        self, stream: IncomingStream, packet: RtpPacket, number: int, last: int, arrival: float
    ) -> None:
        """After `last`, the layer goes on with a packet whose numbers are unrelated to it."""
        layer = stream.layer
        passed = max(1, round((arrival - layer.arrival) * self._codec.clock_rate))
        stream.shift = last + 1 - number
        stream.timestamp_shift = layer.timestamp + passed - packet.timestamp

    def _on_disorder(
        self,
        stream: IncomingStream,
        packet: RtpPacket,
        number: int,
        before: int,
        arrival: float,
    ) -> None:
        if number - before >= MAX_DROPOUT:
            stream.forget_report()
            self._continue(stream, packet, number, before + stream.shift, arrival)
        elif self._nack and number > before:
            self._link.wake(arrival + REORDERING)

    def _on_repair(
        self, stream: IncomingStream, held: Format, packet: RtpPacket, arrival: float
    ) -> None:
        """A retransmission (RFC 4588 section 4): the original number, then what was there."""
        original = stream.layer.stream if stream.repairs else stream
        payload = packet.payload
        if original is None or original.reception is None or len(payload) < 3:
            return  # nothing is missing, or it is padding that measures the bandwidth
        number = original.reception.recover(payload[0] << 8 | payload[1])
        if number < 0:
            return
        stream.layer.octets += len(payload)
        restored = packet._replace(payload=payload[2:])
        if held.is_red:
            self._on_redundant(original, original.reception, restored, number, arrival)
        else:
            self._deliver(original, held, restored, number, arrival)

    def _on_redundant(
        self,
        stream: IncomingStream,
        reception: Reception,
        packet: RtpPacket,
        number: int,
        arrival: float,
    ) -> None:
        parsed = parse_redundant(packet.payload)
        held = self.formats.get(parsed.payload_type) if parsed else None
        if parsed is None or held is None or held.is_red or held.is_rtx:
            self.dropped += 1
            return
        if reception.missing:
            # RFC 2198 tells the blocks apart by time alone; senders of real-time audio leave none
            # out, so that each is of the packet just before the next.
            for back, block in zip(range(len(parsed.blocks), 0, -1), parsed.blocks, strict=True):
                lost = reception.recover(number - back & 0xFFFF)
                inner = self.formats.get(block.payload_type)
                if lost < 0 or inner is None or not block.payload:
                    continue
                restored = packet._replace(
                    marker=False,
                    timestamp=packet.timestamp - block.offset & 0xFFFFFFFF,
                    payload=block.payload,
                    extension=b"",
                )
                self._deliver(stream, inner, restored, lost, arrival)
        self._deliver(stream, held, packet._replace(payload=parsed.payload), number, arrival)

    def _deliver(
        self,
        stream: IncomingStream,
        held: Format,
        packet: RtpPacket,
        number: int,
        arrival: float,
    ) -> None:
        layer, payload = stream.layer, packet.payload
        timestamp = (packet.timestamp + stream.timestamp_shift) & 0xFFFFFFFF
        level: int | None = None
        keyframe = False
        if held.begins_keyframe is not None:
            if timestamp != layer.keyframe_timestamp and held.begins_keyframe(payload):
                layer.keyframe_timestamp = timestamp
                layer.keyframes.wanted = False
                keyframe = True
        elif self._level_id:
            element = find_element(packet.profile, packet.extension, self._level_id)
            if element:
                level = element[0] & 0x7F
        layer.timestamp = timestamp
        self._codec = held.codec
        media = MediaPacket(
            held.codec,
            (number + stream.shift) & 0xFFFF,
            timestamp,
            packet.marker,
            payload,
            arrival,
            layer.index,
            keyframe,
            level,
        )
        for sink in self._sinks:
            sink.write(media)

    def run(self, now: float) -> float:
        """Ask again for what is missing; when this is due again (infinity: it isn't)."""
        due = float("inf")
        for layer in self.layers:
            due = min(due, layer.keyframes.run(now))
            stream = layer.stream
            if not self._nack or stream is None or stream.reception is None:
                continue
            round_trip = self._link.round_trip or _ROUND_TRIP
            sequences, look = stream.reception.requests(
                now,
                interval=max(_MIN_NACK_INTERVAL, round_trip * 1.25),
                tries=_NACK_TRIES,
                age=_NACK_AGE[self.kind],
            )
            if sequences:
                self._link.send_rtcp(build_nack(self._link.ssrc, stream.ssrc, sequences))
            due = min(due, look)
        return due

    def _ask(self, index: int) -> bool:
        """Ask for a keyframe of a layer; whether that could be done."""
        stream = self.layers[index].stream
        if stream is None or not (self._pli or self._fir):
            return False
        if self._pli:
            request = build_picture_loss(self._link.ssrc, stream.ssrc)
        else:
            self._intra_requests += 1
            request = build_full_intra_request(self._link.ssrc, stream.ssrc, self._intra_requests)
        self._link.send_rtcp(request)
        return True

    def close(self) -> None:
        """Let go of the sinks."""
        self._sinks = ()
