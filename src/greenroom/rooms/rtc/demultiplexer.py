"""Finds the stream that an incoming packet belongs to (RFC 8843 section 9.2)."""

from __future__ import annotations

from greenroom.rooms.rtc.codecs import MID, REPAIRED_STREAM_ID, RTP_STREAM_ID
from greenroom.rooms.rtc.extensions import find_element
from greenroom.rooms.rtc.incoming import IncomingStream
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.rtp import RtpPacket

MAX_STREAMS = 16
"""SSRCs of one media section at a time."""
_IDLE = 2.0
"""Seconds without a packet after which an SSRC may make place for another."""


class Demultiplexer:
    """Knows the receivers of a peer connection and which SSRC is whose.

    By what the description says of an SSRC; else, with a new one, by the header extensions MID and
    RID, or by its payload type where only one section has that.
    """

    def __init__(self) -> None:
        self.streams: dict[int, IncomingStream] = {}
        self.receivers: list[RtpReceiver] = []

    def add(self, receiver: RtpReceiver) -> None:
        """Packets of this receiver's section are its."""
        self.receivers.append(receiver)
        self.describe(receiver)

    def describe(self, receiver: RtpReceiver) -> None:
        """The receiver's description has changed; streams that it had stay known."""
        parameters = receiver.parameters
        for index, ssrc in enumerate(parameters.ssrcs[: len(receiver.layers)]):
            self._bind(receiver, ssrc, index, repairs=False)
        for ssrc, original in parameters.rtx_ssrcs.items():
            stream = self.streams.get(original)
            if len(receiver.streams) >= MAX_STREAMS:
                break
            if stream is not None and stream.receiver is receiver:
                self._bind(receiver, ssrc, stream.layer.index, repairs=True)

    def remove(self, receiver: RtpReceiver) -> None:
        """No more packets for it. Harmless twice."""
        if receiver in self.receivers:
            self.receivers.remove(receiver)
        for stream in receiver.streams:
            self.streams.pop(stream.ssrc, None)
        receiver.streams.clear()

    def find(self, packet: RtpPacket, arrival: float) -> IncomingStream | None:
        """The stream of a packet whose SSRC isn't in `streams`; None where there is none."""
        receiver = self._find_receiver(packet)
        held = receiver.formats.get(packet.payload_type) if receiver is not None else None
        if receiver is None or held is None:
            return None
        index = self._find_layer(receiver, packet, repairs=held.is_rtx)
        if index is None or not self._make_place(receiver, arrival):
            return None
        return self._bind(receiver, packet.ssrc, index, repairs=held.is_rtx)

    def _find_receiver(self, packet: RtpPacket) -> RtpReceiver | None:
        if packet.extension:
            for receiver in self.receivers:
                mid = self._element(receiver, packet, MID)
                if mid is not None:
                    return next((it for it in self.receivers if it.mid == mid), None)
        fitting = [it for it in self.receivers if packet.payload_type in it.formats]
        if len(fitting) > 1:
            fitting = [it for it in fitting if self._rid(it, packet) in it.parameters.rids]
        return fitting[0] if len(fitting) == 1 else None

    def _find_layer(self, receiver: RtpReceiver, packet: RtpPacket, *, repairs: bool) -> int | None:
        rids = receiver.parameters.rids[: len(receiver.layers)]
        rid = self._rid(receiver, packet)
        if rid in rids:
            return rids.index(rid)
        # Without a name it can only be the one layer that there is.
        return 0 if len(receiver.layers) == 1 or not (rids or repairs) else None

    def _rid(self, receiver: RtpReceiver, packet: RtpPacket) -> str | None:
        rid = self._element(receiver, packet, REPAIRED_STREAM_ID)
        return rid if rid is not None else self._element(receiver, packet, RTP_STREAM_ID)

    @staticmethod
    def _element(receiver: RtpReceiver, packet: RtpPacket, uri: str) -> str | None:
        number = receiver.parameters.extensions.get(uri)
        if number is None:
            return None
        data = find_element(packet.profile, packet.extension, number)
        return data.decode("ascii", "replace") if data is not None else None

    @staticmethod
    def _idle(stream: IncomingStream, arrival: float) -> bool:
        return stream.arrival < arrival - _IDLE

    def _make_place(self, receiver: RtpReceiver, arrival: float) -> bool:
        if len(receiver.streams) < MAX_STREAMS:
            return True
        oldest = min(receiver.streams, key=lambda stream: stream.arrival)
        if not self._idle(oldest, arrival):
            return False
        receiver.streams.remove(oldest)
        self.streams.pop(oldest.ssrc, None)
        return True

    def _bind(
        self, receiver: RtpReceiver, ssrc: int, index: int, *, repairs: bool
    ) -> IncomingStream:
        known = self.streams.get(ssrc)
        layer = receiver.layers[index]
        if known is not None:
            if known.layer is layer and known.repairs == repairs:
                return known
            known.receiver.streams.remove(known)
        stream = IncomingStream(receiver, ssrc, layer, repairs=repairs)
        receiver.streams.append(stream)
        self.streams[ssrc] = stream
        return stream
