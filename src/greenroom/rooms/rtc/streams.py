"""The RTP streams of one peer connection: both directions, and the RTCP that goes with them."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.providers.clock import Clock
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.sender import RtpSender

SendPacket = Callable[[bytes], None]


class Streams:
    """Finds whose packet it is, and reports to the other side.

    `send_rtp` and `send_rtcp` take what is to be encrypted and sent; they must not raise.
    """

    def __init__(self, send_rtp: SendPacket, send_rtcp: SendPacket, clock: Clock) -> None:
        self._send_rtp, self._send_rtcp, self._clock = send_rtp, send_rtcp, clock

    def add_receiver(self, parameters: StreamParameters, track_id: str) -> RtpReceiver:
        """A media section that the other side sends on."""
        raise NotImplementedError

    def update_receiver(self, receiver: RtpReceiver, parameters: StreamParameters) -> None:
        """The section was negotiated again; what is known of its streams is kept."""
        raise NotImplementedError

    def remove_receiver(self, receiver: RtpReceiver) -> None:
        """The other side no longer sends it. Harmless twice."""
        raise NotImplementedError

    def add_sender(self, codec: Codec, *, stream_id: str, track_id: str) -> RtpSender:
        """A track to send, once `negotiate` has told it how."""
        raise NotImplementedError

    def remove_sender(self, sender: RtpSender) -> None:
        """Send it no more; says BYE where anything was sent. Harmless twice."""
        raise NotImplementedError

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Take a decrypted RTP packet; what is no such is dropped and counted."""
        raise NotImplementedError

    def on_rtcp(self, packet: bytes) -> None:
        """Take a decrypted compound RTCP packet; what is no such is dropped and counted."""
        raise NotImplementedError

    def close(self) -> None:
        """End the timer and let go of sources and sinks. Harmless twice."""
        raise NotImplementedError
