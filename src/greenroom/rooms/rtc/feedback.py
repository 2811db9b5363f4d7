"""What a receiver asks of who sends to it: packets again, and keyframes."""

from __future__ import annotations

from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.reception import Reception
from greenroom.rooms.rtc.rtcp import build_full_intra_request, build_nack, build_picture_loss

_TRIES = 8
_AGE = {"audio": 0.3, "video": 1.0}
"""Seconds after which a missing packet is no use any more."""
_ROUND_TRIP = 0.1
"""Seconds, taken for the round trip until it is known."""
_MIN_INTERVAL = 0.02


class Feedback:
    """Sends NACK, PLI and FIR of one media section, as far as they were negotiated."""

    __slots__ = ("_age", "_fir", "_intra_requests", "_link", "_pli", "limits_bitrate", "nacks")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._intra_requests = 0

    def configure(self, parameters: StreamParameters) -> None:
        """Take what was negotiated."""
        words: set[str] = set()
        for entry in parameters.payload_types:
            words |= entry.feedback
        self.nacks, self.limits_bitrate = "nack" in words, "goog-remb" in words
        self._pli, self._fir = "nack pli" in words, "ccm fir" in words
        self._age = _AGE[parameters.kind]

    def ask_for_keyframe(self, ssrc: int) -> bool:
        """Send PLI, else FIR; False where neither is understood."""
        if self._pli:
            request = build_picture_loss(self._link.ssrc, ssrc)
        elif self._fir:
            self._intra_requests += 1
            request = build_full_intra_request(self._link.ssrc, ssrc, self._intra_requests)
        else:
            return False
        self._link.send_rtcp(request)
        return True

    def ask_for_packets(self, reception: Reception, now: float) -> float:
        """Send NACK of what is missing and due; when to look again (infinity: no need)."""
        round_trip = self._link.round_trip or _ROUND_TRIP
        sequences, look = reception.requests(
            now, interval=max(_MIN_INTERVAL, round_trip * 1.25), tries=_TRIES, age=self._age
        )
        if sequences:
            self._link.send_rtcp(build_nack(self._link.ssrc, reception.ssrc, sequences))
        return look
