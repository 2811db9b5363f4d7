"""A track that the other side of a peer connection sends."""

from __future__ import annotations

from greenroom.rooms.rtc.media import Codec, Kind, MediaSink


class RtpReceiver:
    """One media section's incoming streams, as a MediaSource. Made by `Streams.add_receiver`."""

    mid: str
    kind: Kind
    track_id: str

    @property
    def codec(self) -> Codec:
        """Of the last packet; before one came, the codec that is preferred."""
        raise NotImplementedError

    @property
    def active_layers(self) -> tuple[int, ...]:
        """Which simulcast layers packets come of, the smallest first."""
        raise NotImplementedError

    def bit_rate(self, layer: int) -> float:
        """Payload bits a second of a layer, over about the last second; 0 where none come."""
        raise NotImplementedError

    def add_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        raise NotImplementedError

    def remove_sink(self, sink: MediaSink) -> None:
        """See MediaSource."""
        raise NotImplementedError

    def request_keyframe(self, layer: int) -> None:
        """See MediaSource."""
        raise NotImplementedError
