"""How one incoming RTP stream is received: what came, what is missing, and its statistics."""

from __future__ import annotations

from greenroom.rooms.rtc.numbering import MAX_DROPOUT, MAX_LATE, timestamp_distance
from greenroom.rooms.rtc.rtcp import ReportBlock

_MAX_MISSING = 512
_MAX_NACK = 128
REORDERING = 0.01
"""Seconds that a packet may be late before it is asked for."""


class Missing:
    """A packet that has not come: since when, how often asked for, and when to ask next."""

    __slots__ = ("due", "since", "tries")

    def __init__(self, since: float) -> None:
        self.since, self.tries, self.due = since, 0, since + REORDERING


class Reception:
    """One SSRC's sequence numbers (RFC 3550 appendix A.1), losses (A.3) and jitter (A.8).

    Numbers are extended: they count on past 2^16. `missing` are those that may still come, in
    rising order.
    """

    __slots__ = (
        "_base",
        "_clock_rate",
        "_expected_before",
        "_jitter",
        "_received_before",
        "_restart_at",
        "_timestamp",
        "_transit",
        "duplicates",
        "highest",
        "last_report",
        "last_report_at",
        "missing",
        "received",
        "restarts",
        "ssrc",
    )

    def __init__(self, ssrc: int, first: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self._clock_rate = clock_rate
        self.missing: dict[int, Missing] = {}
        self.duplicates = self.restarts = 0
        self.last_report = 0
        self.last_report_at = 0.0
        self._jitter = 0.0
        self._begin(first + 0x10000)

    def _begin(self, first: int) -> None:
        self._base = first
        self.highest = first - 1
        self.received = 0
        self._expected_before = self._received_before = 0
        self._restart_at = -1
        self._transit: float | None = None
        self._timestamp = -1
        self.missing.clear()

    def accept(self, sequence: int, arrival: float) -> int:
        """The extended number of a packet that has come; -1 where it is to be dropped."""
        step = (sequence - self.highest) & 0xFFFF
        if step == 1:
            self.highest = number = self.highest + 1
            self.received += 1
            return number
        if 1 < step < MAX_DROPOUT:
            return self._skip_to(self.highest + step, arrival)
        behind = -step & 0xFFFF
        if behind < MAX_DROPOUT:
            number = self.highest - behind
            if self.missing.pop(number, None) is None:
                self.duplicates += 1
                return -1
            self.received += 1
            return number
        # Two in a row, far from all others: it has started anew. One alone is a stray.
        if sequence != self._restart_at:
            self._restart_at = (sequence + 1) & 0xFFFF
            return -1
        self.restarts += 1
        self._begin((self.highest >> 16) + 1 << 16 | sequence)
        return self.accept(sequence, arrival)

    def _skip_to(self, number: int, arrival: float) -> int:
        missing = self.missing
        for skipped in range(max(self.highest + 1, number - MAX_LATE), number):
            missing[skipped] = Missing(arrival)
        self.highest = number
        self.received += 1
        while missing and (len(missing) > _MAX_MISSING or next(iter(missing)) < number - MAX_LATE):
            del missing[next(iter(missing))]
        return number

    def recover(self, sequence: int) -> int:
        """The number of a packet that has come another way; -1 where it isn't missing."""
        number = self.highest - (self.highest - sequence & 0xFFFF)
        return -1 if self.missing.pop(number, None) is None else number

    def measure(self, timestamp: int, arrival: float) -> None:
        """Follow the jitter, in units of the clock rate; one packet of each timestamp counts."""
        if timestamp == self._timestamp:
            return
        before, transit = self._transit, arrival * self._clock_rate
        if before is not None:
            spread = abs(transit - before - timestamp_distance(timestamp, self._timestamp))
            # A sender that was silent may have counted on or not: RFC 3550 knows no such gap.
            if spread < self._clock_rate:
                self._jitter += (spread - self._jitter) / 16
        self._transit, self._timestamp = transit, timestamp

    @property
    def jitter(self) -> float:
        """Seconds."""
        return self._jitter / self._clock_rate

    @property
    def lost(self) -> int:
        """How many packets never came."""
        return self.highest - self._base + 1 - self.received

    def requests(
        self, now: float, *, interval: float, tries: int, age: float
    ) -> tuple[list[int], float]:
        """Which sequence numbers to ask for now, and when to look again (infinity: no need).

        Each is asked for up to `tries` times, `interval` seconds apart, and given up after `age`.
        """
        wanted: list[int] = []
        look = float("inf")
        for number, packet in self.missing.items():
            if packet.tries >= tries or packet.since < now - age:
                continue
            if packet.due <= now and len(wanted) < _MAX_NACK:
                wanted.append(number & 0xFFFF)
                packet.tries += 1
                packet.due = now + interval
            look = min(look, packet.due)
        return wanted, look

    def report(self, now: float) -> ReportBlock:
        """The next report's block: the fraction is that since the last call."""
        expected = self.highest - self._base + 1
        due = expected - self._expected_before
        got = self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        fraction = min(255, (due - got) * 256 // due) if due > 0 and got < due else 0
        delay = int((now - self.last_report_at) * 65536) if self.last_report else 0
        return ReportBlock(
            self.ssrc,
            fraction,
            expected - self.received,
            self.highest,
            int(self._jitter),
            self.last_report,
            delay,
        )
