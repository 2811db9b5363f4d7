"""Sequence numbers and timestamps that wrap, and how one source's become another stream's."""

from __future__ import annotations

import random

MAX_DROPOUT = 3000
"""A jump forward that is still a loss and not a restart (RFC 3550 appendix A.1)."""
MAX_LATE = 512
"""How far behind the newest a packet may come and still be taken."""

DROPPED = -1
JUMPED = -2


def timestamp_distance(later: int, earlier: int) -> int:
    """`later - earlier` of 32 bit timestamps, which may be negative."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Renumbering:
    """Continues one outgoing stream's sequence numbers through changes of what comes in.

    Gaps that come in stay gaps, and packets that are late get the number that was left for them,
    if they are less than `window` behind.
    """

    __slots__ = ("_first", "_newest", "_shift", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        # Below 2^15, so that a loss of the first packets can't confuse SRTP's rollover counter.
        self._shift = random.randrange(1, 0x8000)  # noqa: S311 - secrecy is SRTP's task
        self._first = 0
        self._newest = -1

    @property
    def highest(self) -> int:
        """The newest outgoing number; before the first packet the one before its."""
        return (self._newest + self._shift) & 0xFFFF

    def begin(self, sequence: int) -> None:
        """The packet `sequence`, which comes next, gets the next number; those before it none."""
        self._shift = (self.highest + 1 - sequence) & 0xFFFF
        self._first = sequence
        self._newest = sequence - 1

    def place(self, sequence: int) -> int:
        """The outgoing number of a packet; negative where it must not be sent.

        DROPPED: too late, from before the beginning, or the newest again. JUMPED: so far from all
        others that the source must have started anew: `begin`.
        """
        step = (sequence - self._newest) & 0xFFFF
        if step == 1 or 1 < step < MAX_DROPOUT:
            self._newest += step
            return (sequence + self._shift) & 0xFFFF
        if step == 0:
            return DROPPED
        behind = 0x10000 - step
        if behind > MAX_DROPOUT:
            return JUMPED
        if behind >= self._window or self._newest - behind < self._first:
            return DROPPED
        return (sequence + self._shift) & 0xFFFF
