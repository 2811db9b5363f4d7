"""Both ends of RTP streams in one process: sources, sinks, and a network that loses packets."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import (
    HeaderExtensionsMap,
    RtcpPacket,
    RtpPacket,
)

from greenroom.rooms.rtc.codecs import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    REPAIRED_STREAM_ID,
    RTP_STREAM_ID,
)
from greenroom.rooms.rtc.media import OPUS, VP8, Codec, MediaPacket, MediaSink
from greenroom.rooms.rtc.ports import PayloadType, StreamParameters
from greenroom.rooms.rtc.streams import Streams
from greenroom.testing.clock import ManualClock

EXTENSIONS: Mapping[str, int] = {
    AUDIO_LEVEL: 1,
    ABS_SEND_TIME: 2,
    MID: 4,
    RTP_STREAM_ID: 10,
    REPAIRED_STREAM_ID: 11,
}
VIDEO_FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb"})
VP8_KEYFRAME = b"\x10\x00\x00\x00"
"""A descriptor that starts a frame, and a frame tag whose P bit is clear."""
VP8_DELTA = b"\x10\x01\x00\x00"


def audio_parameters(
    mid: str = "0", *, red: int | None = None, nack: bool = False, **more: Any
) -> StreamParameters:
    feedback = frozenset({"nack"}) if nack else frozenset[str]()
    types = (PayloadType(111, OPUS, None, feedback),)
    return StreamParameters(mid, "audio", types, red, EXTENSIONS, **more)


def video_parameters(
    mid: str = "1",
    *,
    rtx: int | None = 97,
    feedback: frozenset[str] = VIDEO_FEEDBACK,
    codec: Codec = VP8,
    **more: Any,
) -> StreamParameters:
    types = (PayloadType(96, codec, rtx, feedback),)
    return StreamParameters(mid, "video", types, None, EXTENSIONS, **more)


def aiortc_extensions() -> HeaderExtensionsMap:
    """The same ids, for aiortc's parser."""
    ids = HeaderExtensionsMap()
    ids.configure(
        RTCRtpParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=number, uri=uri)
                for uri, number in EXTENSIONS.items()
            ]
        )
    )
    return ids


class Recorder:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.packets: list[MediaPacket] = []

    def write(self, packet: MediaPacket) -> None:
        self.packets.append(packet)

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for packet in self.packets]

    @property
    def sequences(self) -> list[int]:
        return [packet.sequence for packet in self.packets]


class FakeSource:
    """A source that hands over what a test gives it."""

    def __init__(self, clock: ManualClock, codec: Codec = OPUS) -> None:
        self.codec = codec
        self.sinks: list[MediaSink] = []
        self.keyframes: list[int] = []
        self._clock = clock
        self._sequences: dict[int, int] = {}

    def add_sink(self, sink: MediaSink) -> None:
        self.sinks.append(sink)

    def remove_sink(self, sink: MediaSink) -> None:
        self.sinks.remove(sink)

    def request_keyframe(self, layer: int) -> None:
        self.keyframes.append(layer)

    def begin(self, sequence: int, layer: int = 0) -> None:
        self._sequences[layer] = sequence & 0xFFFF

    def make(self, payload: bytes = b"sound", **fields: Any) -> MediaPacket:
        """The next packet of its layer, not handed over yet."""
        layer = fields.pop("layer", 0)
        sequence = fields.pop("sequence", self._sequences.get(layer, 1000 * (layer + 1)))
        self._sequences[layer] = (sequence + 1) & 0xFFFF
        now = self._clock.time()
        timestamp = fields.pop("timestamp", round(now * self.codec.clock_rate) & 0xFFFFFFFF)
        marker = fields.pop("marker", False)
        return MediaPacket(self.codec, sequence, timestamp, marker, payload, now, layer, **fields)

    def give(self, packet: MediaPacket) -> None:
        for sink in tuple(self.sinks):
            sink.write(packet)

    def send(self, payload: bytes = b"sound", **fields: Any) -> MediaPacket:
        packet = self.make(payload, **fields)
        self.give(packet)
        return packet

    def keyframe(self, layer: int = 0, **fields: Any) -> MediaPacket:
        return self.send(VP8_KEYFRAME, layer=layer, keyframe=True, **fields)

    def delta(self, layer: int = 0, **fields: Any) -> MediaPacket:
        return self.send(VP8_DELTA, layer=layer, **fields)


class Wire:
    """One direction of a network: `loss` and `doubling` are probabilities, times in seconds."""

    def __init__(
        self,
        clock: ManualClock,
        *,
        delay: float = 0.02,
        spread: float = 0.0,
        loss: float = 0.0,
        doubling: float = 0.0,
        seed: int = 7,
    ) -> None:
        self._clock = clock
        self.deliver: Callable[[bytes], None] = lambda _: None
        self.delay, self.spread, self.loss, self.doubling = delay, spread, loss, doubling
        self._random = random.Random(seed)
        self.sent: list[bytes] = []
        self.drop: Callable[[bytes], bool] = lambda _: False

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)
        for _ in range(1 + (self._random.random() < self.doubling)):
            if self._random.random() < self.loss or self.drop(packet):
                continue
            when = self._clock.time() + self.delay + self._random.random() * self.spread
            self._clock.call_at(when, lambda: self.deliver(packet))


class Pair:
    """A Streams that faces another: `near` sends media to `far`, by wires of their own."""

    def __init__(self, clock: ManualClock, **network: Any) -> None:
        self.clock = clock
        rtcp = {"delay": network.get("delay", 0.02)}
        self.rtp, self.rtcp = Wire(clock, **network), Wire(clock, **rtcp)
        self.back_rtp, self.back_rtcp = Wire(clock, **rtcp), Wire(clock, **rtcp)
        self.near = Streams(self.rtp.send, self.rtcp.send, clock)
        self.far = Streams(self.back_rtp.send, self.back_rtcp.send, clock)
        self.rtp.deliver = lambda data: self.far.on_rtp(data, clock.time())
        self.back_rtp.deliver = lambda data: self.near.on_rtp(data, clock.time())
        self.rtcp.deliver, self.back_rtcp.deliver = self.far.on_rtcp, self.near.on_rtcp

    def close(self) -> None:
        self.near.close()
        self.far.close()


def rtp(packets: list[bytes]) -> list[RtpPacket]:
    """RTP packets as aiortc reads them."""
    ids = aiortc_extensions()
    return [RtpPacket.parse(packet, ids) for packet in packets]


def rtcp(packets: list[bytes], kind: type[Any]) -> list[Any]:
    """Of compound packets those of one kind, as aiortc reads them."""
    return [it for packet in packets for it in RtcpPacket.parse(packet) if isinstance(it, kind)]
