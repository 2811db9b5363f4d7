"""When the person's sound was spoken, on the session's clock."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

TOLERANCE = 0.15
"""Seconds by which sound may come late, as on any network, without there being a gap in it."""

MAX_GAPS = 4_096
"""Gaps that are remembered at most; the oldest are forgotten."""


class _Run(NamedTuple):
    """Sound without a gap: its first sample's number, and when that was spoken."""

    sample: int
    t: float


class UserTime:
    """Maps samples to seconds since the session's start. Sound that is not sent leaves a gap."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._ends = 0.0
        self._runs: list[_Run] = []

    def heard(self, samples: int, now: float) -> None:
        """So much sound has come in by `now`; it ended then, or follows what came before."""
        start = max(now - samples / self._rate, 0.0)
        if not self._runs or start > self._ends + TOLERANCE:
            self._ends = max(start, self._ends)
            self._runs.append(_Run(self._samples, self._ends))
            del self._runs[:-MAX_GAPS]
        self._samples += samples
        self._ends += samples / self._rate

    def time_of(self, seconds: float, now: float) -> float:
        """When the sound at `seconds` of it all was spoken; not later than `now`.

        Sound can come faster than it is spoken, but is not spoken after it is understood.
        """
        sample = round(seconds * self._rate)
        place = bisect_right(self._runs, sample, key=lambda run: run.sample) - 1
        if place < 0:
            return now
        run = self._runs[place]
        return min(run.t + (sample - run.sample) / self._rate, now)
