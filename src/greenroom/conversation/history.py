"""The recent past of a microphone, by sample number."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm


class SampleHistory:
    """Keeps 16 kHz samples from a moving start on, in one buffer that fits what is kept.

    Samples are numbered from the first one ever appended. Nothing is allocated before the first.
    """

    __slots__ = ("_base", "_buffer", "_filled", "_offset")

    MINIMUM = 4_096
    """Samples; the smallest buffer (a quarter of a second, 8 KiB)."""

    def __init__(self) -> None:
        self._buffer: Pcm = EMPTY
        self._base = 0  # the number of the buffer's first sample
        self._offset = 0  # the first sample that is kept, in the buffer
        self._filled = 0

    @property
    def end(self) -> int:
        """The number that the next sample will have."""
        return self._base + self._filled

    @property
    def capacity(self) -> int:
        """Samples for which there is memory now."""
        return len(self._buffer)

    def append(self, pcm: Pcm) -> None:
        """Take the next samples."""
        filled = self._filled + len(pcm)
        if filled > len(self._buffer):
            self._rebuild(len(pcm))
            filled = self._filled + len(pcm)
        self._buffer[self._filled : filled] = pcm
        self._filled = filled

    def read(self, start: int, end: int) -> Pcm:
        """A copy of samples `start` to `end`; what was forgotten is left out."""
        first = max(start - self._base, self._offset)
        return self._buffer[first : max(min(end - self._base, self._filled), first)].copy()

    def forget_before(self, start: int) -> None:
        """Samples before `start` won't be read again; their room is used again, now or later."""
        self._offset = max(self._offset, min(start - self._base, self._filled))
        # The room of a long turn, or of an upload, is given back.
        if len(self._buffer) > self.MINIMUM and (self._filled - self._offset) * 8 < self.capacity:
            self._rebuild(0)

    def _rebuild(self, more: int) -> None:
        """Move what is kept to the front of a buffer with room for `more` samples, and half again.

        The half again makes moving rare: a sample is moved twice at most on average.
        """
        kept = self._filled - self._offset
        size = max(self.MINIMUM, (kept + more) * 3 // 2)
        buffer = np.empty(size, np.int16)
        buffer[:kept] = self._buffer[self._offset : self._filled]
        self._buffer = buffer
        self._base += self._offset
        self._offset, self._filled = 0, kept
