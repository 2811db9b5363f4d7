"""What flows between the parts of a room: encoded media packets, and where they come from and go.

A source (a client's track, an agent's voice) hands each packet to its sinks by a plain call, in
order of arrival. Nothing here waits and nothing here may take longer than some tens of
microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class Codec:
    """A media format, without the payload type number that each peer connection gives it.

    `name` is lower case as in SDP: `opus`, `vp8`, `vp9`, `h264`, `av1`. `clock_rate` in Hz.
    `fmtp` are the format's parameters as in SDP, in order.
    """

    kind: Kind
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: tuple[tuple[str, str], ...] = ()


OPUS = Codec("audio", "opus", 48_000, 2, (("minptime", "10"), ("useinbandfec", "1")))
VP8 = Codec("video", "vp8", 90_000)
H264 = Codec(
    "video",
    "h264",
    90_000,
    1,
    (
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", "1"),
        ("profile-level-id", "42e01f"),
    ),
)
VP9 = Codec("video", "vp9", 90_000, 1, (("profile-id", "0"),))
AV1 = Codec("video", "av1", 90_000)


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """One RTP payload of a source, with the source's own numbering.

    `sequence` (16 bit) and `timestamp` (32 bit, in the codec's clock) wrap. `layer` tells the
    simulcast layers of a video source apart: 0 is the smallest. `keyframe` is true on the first
    packet of a frame that can be decoded alone. `level` is the sound's loudness in -dBov (0 loud,
    127 silent; RFC 6464), None where the sender does not say. `arrival` is the clock's time in
    seconds.
    """

    codec: Codec
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    arrival: float
    layer: int = 0
    keyframe: bool = False
    level: int | None = None


class MediaSink(Protocol):
    """Takes a source's packets. Called on the event loop; must be quick and must not raise."""

    def write(self, packet: MediaPacket) -> None:
        """Take the next packet; packets may be missing, doubled or late."""
        ...


class MediaSource(Protocol):
    """Where packets come from. Sinks may be added and removed at any time, also from `write`."""

    @property
    def codec(self) -> Codec:
        """What the packets hold."""
        ...

    def add_sink(self, sink: MediaSink) -> None:
        """Hand every packet from now on to `sink` too."""
        ...

    def remove_sink(self, sink: MediaSink) -> None:
        """No more; harmless if it isn't a sink."""
        ...

    def request_keyframe(self, layer: int) -> None:
        """A sink can't decode `layer` without a keyframe. Rate-limited by the source."""
        ...
