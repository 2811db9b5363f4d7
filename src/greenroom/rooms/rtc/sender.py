"""A track that this side of a peer connection sends."""

from __future__ import annotations

from greenroom.rooms.rtc.media import Codec, MediaPacket, MediaSource
from greenroom.rooms.rtc.ports import StreamParameters


class RtpSender:
    """Renumbers one source's packets for the peer. Made by `Streams.add_sender`."""

    codec: Codec
    stream_id: str
    track_id: str
    ssrc: int
    rtx_ssrc: int
    cname: str

    @property
    def mid(self) -> str | None:
        """Its media section, once one is negotiated."""
        raise NotImplementedError

    @property
    def round_trip(self) -> float | None:
        """Seconds there and back by the last receiver report; None: not known yet."""
        raise NotImplementedError

    @property
    def fraction_lost(self) -> float:
        """0 to 1, by the last receiver report."""
        raise NotImplementedError

    @property
    def jitter(self) -> float:
        """Seconds, by the last receiver report (RFC 3550 section 6.4.1)."""
        raise NotImplementedError

    def negotiate(self, parameters: StreamParameters | None) -> None:
        """The media section it is sent on (None: none, and nothing is sent).

        Sends nothing either where no payload type fits the source's codec.
        """
        raise NotImplementedError

    def set_source(self, source: MediaSource | None) -> None:
        """See Sender."""
        raise NotImplementedError

    def set_layer(self, layer: int) -> None:
        """See Sender."""
        raise NotImplementedError

    def set_paused(self, paused: bool) -> None:
        """See Sender."""
        raise NotImplementedError

    def write(self, packet: MediaPacket) -> None:
        """Take a packet of the source, as its MediaSink."""
        raise NotImplementedError
