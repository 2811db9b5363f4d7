"""The stretch of sound that lip sync still needs, found by the numbers of its samples."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm


class RecentSound:
    """Samples from `start` to `end`; what lies outside is silence."""

    def __init__(self) -> None:
        self._pcm = EMPTY
        self.start = 0

    @property
    def end(self) -> int:
        """The number of the sample that comes next."""
        return self.start + len(self._pcm)

    def push(self, pcm: Pcm) -> None:
        """The next samples."""
        self._pcm = np.concatenate((self._pcm, pcm))

    def extend_to(self, end: int) -> None:
        """Silence follows, up to sample `end`."""
        if end > self.end:
            self.push(np.zeros(end - self.end, np.int16))

    def drop_before(self, start: int) -> None:
        """Samples before `start` are not needed any more."""
        if start > self.start:
            self._pcm = self._pcm[start - self.start :]
            self.start = start

    def cut(self, at: int) -> None:
        """Samples from `at` on are forgotten: what is pushed next begins there."""
        self._pcm = self._pcm[: max(0, at - self.start)]
        self.start = min(self.start, at)

    def read(self, start: int, end: int) -> Pcm:
        """Samples `start` to `end`, of which those before the first kept one are silence."""
        missing = min(self.start, end) - start
        if missing <= 0:
            return self._pcm[start - self.start : end - self.start]
        return np.concatenate((np.zeros(missing, np.int16), self._pcm[: max(0, end - self.start)]))
