"""What the streams of one peer connection share: the way out, the clock, and the way's measures."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from greenroom.providers.clock import Clock

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP's time begins, to 1970 (RFC 5905 section 6)."""

SendPacket = Callable[[bytes], None]


class Link:
    """The way to the other side of a peer connection.

    `wake(when)` has `run` of everything called at `when` at the latest. While `idle` nothing is
    reported: who sends or receives a packet then calls `start_reports(now)`. `round_trip` is in
    seconds, None until it was measured. `remote_clock` is the clock's time less the other side's
    NTP time, both in seconds, None until a sender report has come.
    """

    __slots__ = (
        "_epoch",
        "clock",
        "cname",
        "idle",
        "remote_clock",
        "round_trip",
        "send_rtcp",
        "send_rtp",
        "ssrc",
        "start_reports",
        "wake",
    )

    def __init__(
        self,
        send_rtp: SendPacket,
        send_rtcp: SendPacket,
        clock: Clock,
        wake: Callable[[float], None],
        start_reports: Callable[[float], None],
    ) -> None:
        self.send_rtp, self.send_rtcp, self.clock, self.wake = send_rtp, send_rtcp, clock, wake
        self.start_reports = start_reports
        self.idle = True
        self.ssrc = random_ssrc()
        self.cname = secrets.token_urlsafe(12)
        self.round_trip: float | None = None
        self.remote_clock: float | None = None
        self._epoch = time.time() + _NTP_EPOCH - clock.time()

    def ntp(self, when: float) -> int:
        """The clock's time `when` as NTP: 64 bit, 32 of them seconds."""
        return int((when + self._epoch) * 0x1_0000_0000) & 0xFFFF_FFFF_FFFF_FFFF

    def measure_round_trip(self, seconds: float) -> None:
        """Follow the round trip by another measure of it."""
        before = self.round_trip
        self.round_trip = seconds if before is None else before + (seconds - before) / 4


def random_ssrc() -> int:
    """An SSRC; 0 is left out, since some implementations take it for none."""
    return secrets.randbelow(0xFFFF_FFFF) + 1
