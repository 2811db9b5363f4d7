"""Where on a recording's timeline the next sound of a side goes."""

from __future__ import annotations

RATE = 48_000
"""Hz. Positions on the timeline are samples at this rate, since the recording began."""


class Placement:
    """One side's sound, piece by piece. Used on the event loop.

    A piece goes where its end is heard, but never over what is there already: what comes faster
    than it can be heard is played one piece after the other, as a listener's player does. A piece
    that is later than the end of the last by less than `tolerance` seconds follows it without a
    gap: a stream that wavers on its way is not cut into pieces.
    """

    __slots__ = ("_follows", "_tolerance", "end")

    def __init__(self, tolerance: float) -> None:
        self._tolerance = round(tolerance * RATE)
        self._follows = False
        self.end = 0
        """The position at which the last piece ends."""

    def place(self, length: int, ended: float, written: int) -> tuple[int, bool]:
        """The position of a piece, and whether it goes on directly where the last one ended.

        `length` is in samples at RATE, `ended` the time in seconds since the beginning at which the
        piece was heard to its end; before `written` nothing can be put any more.
        """
        start = round(ended * RATE) - length
        follows = self._follows and start <= self.end + self._tolerance and self.end >= written
        start = self.end if follows else max(start, self.end, written)
        self._follows = True
        self.end = start + length
        return start, follows

    def interrupt(self) -> None:
        """The last piece is lost: the next one does not follow it."""
        self._follows = False
