"""How one outgoing stream arrives, by what the other side reports."""

from __future__ import annotations

from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.rtcp import ReportBlock

_MAX_ROUND_TRIP = 30.0
"""Seconds; a report that says more is about a sender report of long ago, or wrong."""


class Delivery:
    """The last receiver report: `fraction_lost` 0 to 1, `jitter` and `round_trip` in seconds."""

    __slots__ = ("_clock_rate", "_link", "fraction_lost", "jitter", "round_trip")

    def __init__(self, link: Link, clock_rate: int) -> None:
        self._link, self._clock_rate = link, clock_rate
        self.fraction_lost = self.jitter = 0.0
        self.round_trip: float | None = None

    def update(self, block: ReportBlock, now: float) -> None:
        """Take a report's block about the stream (RFC 3550 section 6.4.1)."""
        self.fraction_lost = block.fraction_lost / 256
        self.jitter = block.jitter / self._clock_rate
        if block.last_report:
            middle = self._link.ntp(now) >> 16
            seconds = ((middle - block.last_report - block.delay) & 0xFFFF_FFFF) / 65536
            if seconds < _MAX_ROUND_TRIP:
                self.round_trip = seconds
                self._link.measure_round_trip(seconds)
