"""The recent past of a microphone, by sample number."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm


class SampleHistory:
    """Keeps 16 kHz samples from a moving start on, in one buffer that grows only when it must.

    Samples are numbered from the first one ever appended. Nothing is allocated before the first.
    """

    __slots__ = ("_base", "_buffer", "_length")

    MINIMUM = 8_192
    """Samples; the first allocation (half a second, 16 KiB)."""

    def __init__(self) -> None:
        self._buffer: Pcm = EMPTY
        self._base = 0
        self._length = 0

    @property
    def end(self) -> int:
        """The number that the next sample will have."""
        return self._base + self._length

    def append(self, pcm: Pcm) -> None:
        """Take the next samples."""
        n = len(pcm)
        need = self._length + n
        if need > len(self._buffer):
            size = max(self.MINIMUM, 1 << (need - 1).bit_length())
            grown = np.empty(size, np.int16)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : need] = pcm
        self._length = need

    def read(self, start: int, end: int) -> Pcm:
        """A copy of samples `start` to `end`; what was forgotten is left out."""
        first = max(start - self._base, 0)
        return self._buffer[first : max(end - self._base, first)].copy()

    def forget_before(self, start: int) -> None:
        """Samples before `start` won't be read again; their room is used again, now or later."""
        gone = min(start - self._base, self._length)
        # Moving the rest costs more than it frees until half of the buffer is free.
        if gone * 2 < len(self._buffer):
            return
        kept = self._length - gone
        if kept * 4 < len(self._buffer) and len(self._buffer) > self.MINIMUM:
            size = max(self.MINIMUM, 1 << (2 * kept - 1).bit_length() if kept else 0)
            shrunk = np.empty(size, np.int16)
            shrunk[:kept] = self._buffer[gone : self._length]
            self._buffer = shrunk
        else:
            self._buffer[:kept] = self._buffer[gone : self._length].copy()
        self._base += gone
        self._length = kept
