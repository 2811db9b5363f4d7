"""A track that the other side of a peer connection sends."""

from __future__ import annotations

from functools import partial

from greenroom.rooms.rtc.codecs import AUDIO_LEVEL
from greenroom.rooms.rtc.extensions import find_element
from greenroom.rooms.rtc.feedback import Feedback
from greenroom.rooms.rtc.incoming import IncomingStream, Layer
from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.media import OPUS, VP8, Codec, Kind, MediaPacket, MediaSink
from greenroom.rooms.rtc.numbering import MAX_DROPOUT
from greenroom.rooms.rtc.payloads import PayloadFormat, formats_of
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.reception import REORDERING, Reception
from greenroom.rooms.rtc.redundancy import find_primary, parse_redundant
from greenroom.rooms.rtc.rtp import RtpPacket
from greenroom.rooms.rtc.simulcast import MAX_LAYERS, SILENCE, KeyframeRequests


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
        self._feedback = Feedback(link)
        self.configure(parameters)

    def configure(self, parameters: StreamParameters) -> None:
        """Take what was negotiated, also again."""
        self.parameters = parameters
        self.mid = parameters.mid
        self.kind: Kind = parameters.kind
        self.formats = formats_of(parameters)
        usual = OPUS if parameters.kind == "audio" else VP8
        self._codec = parameters.payload_types[0].codec if parameters.payload_types else usual
        is_audio = parameters.kind == "audio"
        self._level_id = parameters.extensions.get(AUDIO_LEVEL, 0) if is_audio else 0
        self._feedback.configure(parameters)
        count = max(1, len(parameters.rids) or len(parameters.ssrcs))
        for index in range(len(self.layers), min(count, MAX_LAYERS)):
            self.layers.append(Layer(index, KeyframeRequests(partial(self._ask, index))))

    @property
    def codec(self) -> Codec:
        """Of the last packet; before one came, the codec that is preferred."""
        return self._codec

    @property
    def limits_bitrate(self) -> bool:
        """Whether the other side wants to be told how much it may send."""
        return self._feedback.limits_bitrate

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
        layer.arrival = arrival
        if not packet.payload:
            self._on_padding(stream, held, packet, number, arrival)
            return
        layer.octets += len(packet.payload)
        if number == reception.highest:
            reception.measure(packet.timestamp, arrival)
            layer.timestamp = (packet.timestamp + stream.timestamp_shift) & 0xFFFFFFFF
        self._unwrap(stream, held, packet, packet.payload, number, arrival)

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
            stream.begin_anew()
            self._continue(stream, packet, number, before + stream.shift, arrival)
        elif self._feedback.nacks and number > before:
            self._link.wake(arrival + REORDERING)

    def _on_padding(
        self,
        stream: IncomingStream,
        held: PayloadFormat,
        packet: RtpPacket,
        number: int,
        arrival: float,
    ) -> None:
        """A packet that measures the bandwidth: it must not look like a loss to who gets ours."""
        if stream.reception is not None and number == stream.reception.highest:
            stream.leave_out(number)
        else:  # its number has been left for it
            self._deliver(stream, held, number, packet.timestamp, False, b"", arrival, None)

    def _on_repair(
        self, stream: IncomingStream, held: PayloadFormat, packet: RtpPacket, arrival: float
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
        self._unwrap(original, held, packet, payload[2:], number, arrival)

    def _unwrap(
        self,
        stream: IncomingStream,
        held: PayloadFormat,
        packet: RtpPacket,
        payload: bytes,
        number: int,
        arrival: float,
    ) -> None:
        """Hand over what a packet holds, and before it what its redundancy makes good."""
        if held.is_red:
            if stream.reception is not None and stream.reception.missing:
                self._recover(stream, packet, payload, number, arrival)
            stream.timestamps.append(packet.timestamp)
            payload_type, payload = find_primary(payload)
            inner = self.formats.get(payload_type)
            if inner is None or inner.is_red or inner.is_rtx:
                self.dropped += 1
                return
            held = inner
        level: int | None = None
        if self._level_id:
            element = find_element(packet.profile, packet.extension, self._level_id)
            if element:
                level = element[0] & 0x7F
        self._deliver(
            stream, held, number, packet.timestamp, packet.marker, payload, arrival, level
        )

    def _recover(
        self,
        stream: IncomingStream,
        packet: RtpPacket,
        payload: bytes,
        number: int,
        arrival: float,
    ) -> None:
        """Hand over those of a packet's redundant blocks that are missing, the oldest first."""
        blocks = parse_redundant(payload)
        if stream.reception is None or blocks is None:
            return
        for lost, timestamp, block in stream.place_blocks(blocks, number, packet.timestamp):
            held = self.formats.get(block.payload_type)
            if held is None or held.is_red or held.is_rtx:
                continue
            if stream.reception.recover(lost & 0xFFFF) >= 0:
                stream.timestamps.append(timestamp)
                self._deliver(stream, held, lost, timestamp, False, block.payload, arrival, None)

    def _deliver(
        self,
        stream: IncomingStream,
        held: PayloadFormat,
        number: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        arrival: float,
        level: int | None,
    ) -> None:
        layer = stream.layer
        timestamp = (timestamp + stream.timestamp_shift) & 0xFFFFFFFF
        keyframe = False
        if (
            held.begins_keyframe is not None
            and timestamp != layer.keyframe_timestamp
            and held.begins_keyframe(payload)
        ):
            layer.keyframe_timestamp = timestamp
            layer.keyframes.wanted = False
            keyframe = True
        self._codec = held.codec
        media = MediaPacket(
            held.codec,
            stream.sequence_of(number),
            timestamp,
            marker,
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
            if self._feedback.nacks and stream is not None and stream.reception is not None:
                due = min(due, self._feedback.ask_for_packets(stream.reception, now))
        return due

    def _ask(self, index: int) -> bool:
        """Ask for a keyframe of a layer; whether that could be done."""
        stream = self.layers[index].stream
        return stream is not None and self._feedback.ask_for_keyframe(stream.ssrc)

    def close(self) -> None:
        """Let go of the sinks."""
        self._sinks = ()
