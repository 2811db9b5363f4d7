"""The times, in whole milliseconds, that an Agora channel's sound and pictures are stamped with.

Agora matches sound and picture by these stamps, so both come from one clock: a picture's own media
time, moved once to where the venue's clock is. Sound that is handed over in the same turn as a
picture begins with it.
"""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.rooms.venue import VENUE_RATE

DRIFT = 0.1
"""Seconds by which a picture's own time may differ from when it comes; then it is moved anew."""
BLOCK = VENUE_RATE // 100
"""Samples (10 ms): what Agora sends at once."""


class Timeline:
    """Places pictures, and turns without one. Stamps of pictures always rise."""

    __slots__ = ("_epoch", "_last", "_offset")

    def __init__(self, epoch: int) -> None:
        """`epoch`: what the clock's zero is stamped with, in ms."""
        self._epoch = epoch
        self._offset: float | None = None
        self._last = -1

    def picture(self, time: float, now: float) -> int:
        """The stamp of a picture of media time `time` that comes at `now` (both in seconds)."""
        if self._offset is None or abs(time + self._offset - now) > DRIFT:
            self._offset = now - time
        self._last = max(self.turn(time + self._offset), self._last + 1)
        return self._last

    def turn(self, now: float) -> int:
        """The stamp of a moment."""
        return self._epoch + round(now * 1000)


class Blocks:
    """Cuts sound into whole blocks; what is left over goes out with what follows, or as silence."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: Pcm = EMPTY

    def cut(self, pcm: Pcm, pts: int) -> tuple[Pcm, int]:
        """Whole blocks of what was left over and `pcm`, which begins at `pts`; and their stamp."""
        if not len(pcm):
            if not len(self._left):
                return EMPTY, pts
            pcm = np.zeros(BLOCK - len(self._left), np.int16)
        early = round(len(self._left) * 1000 / VENUE_RATE)
        pcm = np.concatenate((self._left, pcm))
        whole = len(pcm) // BLOCK * BLOCK
        self._left = pcm[whole:]
        return pcm[:whole], pts - early

    def drop(self) -> None:
        """Forget what was left over."""
        self._left = EMPTY
