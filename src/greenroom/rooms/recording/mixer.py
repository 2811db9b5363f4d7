"""Puts the two sides of a talk together: mono pieces at any rate in, 48 kHz stereo out."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import Resampler
from greenroom.rooms.recording.placement import RATE

Stereo = npt.NDArray[np.int16]
"""Shape (n, 2): left, right."""


class Side:
    """One side's sound at 48 kHz, until it is taken. For one thread at a time."""

    __slots__ = ("_end", "_pieces", "_rate", "_resampler", "_resampling")

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, Pcm]] = deque()
        self._end = 0
        self._rate = RATE
        self._resampler = Resampler(RATE, RATE)
        self._resampling = False

    def put(self, start: int, pcm: Pcm, rate: int, *, follows: bool) -> None:
        """A piece at position `start`, or directly after the one before it."""
        if not follows or rate != self._rate:
            self._finish_run()
            self._end = max(start, self._end)
            self._rate, self._resampler = rate, Resampler(rate, RATE)
        self._resampling = rate != RATE
        self._append(self._resampler.process(pcm))

    def take(self, out: npt.NDArray[np.int16], start: int) -> None:
        """Add what there is from position `start` on to `out` (n,), which is silent."""
        end = start + len(out)
        if self._resampling and self._end < end:
            self._finish_run()  # nothing follows in time: what the filter holds back belongs here
        while self._pieces and self._pieces[0][0] < end:
            at, pcm = self._pieces.popleft()
            if at < start:  # it came out of the filter after its time
                pcm, at = pcm[start - at :], start
            fits = pcm[: end - at]
            out[at - start : at - start + len(fits)] = fits
            if len(fits) < len(pcm):
                self._pieces.appendleft((end, pcm[len(fits) :]))

    def _finish_run(self) -> None:
        if self._resampling:
            self._append(self._resampler.flush())
            self._resampling = False

    def _append(self, pcm: Pcm) -> None:
        if len(pcm):
            self._pieces.append((self._end, pcm))
            self._end += len(pcm)


class Mixer:
    """The user's side left, the agent's right. For one thread at a time."""

    __slots__ = ("agent", "position", "user")

    def __init__(self) -> None:
        self.user = Side()
        self.agent = Side()
        self.position = 0
        """Where the next samples that are taken begin."""

    def take(self, samples: int) -> Stereo:
        """The next samples of both; silence where nothing was put."""
        both = np.zeros((samples, 2), np.int16)
        self.user.take(both[:, 0], self.position)
        self.agent.take(both[:, 1], self.position)
        self.position += samples
        return both
