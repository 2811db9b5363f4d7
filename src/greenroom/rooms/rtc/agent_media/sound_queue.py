"""Samples that wait to be sent, counted exactly at the rate they were written at."""

from __future__ import annotations

from collections import deque

from greenroom.audio.hearing import join
from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import Resampler
from greenroom.rooms.rtc.agent_media.opus import RATES


def coding_rate(rate: int) -> int:
    """The rate of Opus that sound at `rate` Hz is coded at: the same, or the next above."""
    return next((known for known in RATES if known >= rate), RATES[-1])


class SoundQueue:
    """Takes samples at `rate` Hz in pieces of any size, gives them at `coding_rate` in frames.

    Where the rates differ, sound is resampled only when it is due, so that a minute written at once
    costs nothing then; and the filter is fed ahead, so that its delay isn't heard. When all that
    was written is wanted the filter is emptied: samples out are samples in times the ratio. So a
    writer at such a rate should be some 60 ms ahead, or the sound has a seam wherever it ran dry.
    """

    def __init__(self, rate: int) -> None:
        self.rate, self.coding_rate = rate, coding_rate(rate)
        self.taken = 0
        """Samples at `rate` that have been taken, since the beginning."""
        self._resampler = Resampler(rate, self.coding_rate)
        self._piece = rate // 20
        """Samples that the filter is fed at a time at most: 50 ms."""
        self._written: deque[Pcm] = deque()
        self._waiting = 0  # samples of _written
        self._ready: deque[Pcm] = deque()
        self._ready_samples = 0  # at the coding rate
        self._begin_run()

    def _begin_run(self) -> None:
        """A run is what goes through the filter from one time that all is empty to the next."""
        self._run_in = self._run_out = self._run_taken = 0
        self._filter_holds = False

    @property
    def queued(self) -> int:
        """Samples at `rate` that were written and not taken."""
        return self._waiting + self._run_in - self._run_taken

    def put(self, pcm: Pcm) -> None:
        """Queue samples. They are kept as they are, so the caller must not change them after."""
        if len(pcm):
            self._written.append(pcm)
            self._waiting += len(pcm)

    def take(self, samples: int) -> Pcm:
        """The next samples at the coding rate: `samples`, or all where there are fewer."""
        self._prepare(samples)
        pcm = _pop(self._ready, samples)
        self._ready_samples -= len(pcm)
        self._run_out += len(pcm)
        dry = not (self._ready_samples or self._filter_holds)
        taken = self._run_in if dry else self._run_out * self.rate // self.coding_rate
        self.taken += taken - self._run_taken
        self._run_taken = taken
        if dry:
            self._begin_run()
        return pcm

    def peek(self, samples: int) -> Pcm:
        """What `take` would return; nothing is taken."""
        self._prepare(samples)
        pcm = _pop(self._ready, samples)
        if len(pcm):
            self._ready.appendleft(pcm)
        return pcm

    def _prepare(self, samples: int) -> None:
        while self._ready_samples < samples:
            if self._waiting:
                piece = _pop(self._written, min(self._piece, self._waiting))
                self._waiting -= len(piece)
                self._run_in += len(piece)
                self._filter_holds = self.rate != self.coding_rate
                self._make_ready(self._resampler.process(piece))
            elif self._filter_holds:
                self._filter_holds = False
                self._make_ready(self._resampler.flush())
            else:
                return

    def _make_ready(self, pcm: Pcm) -> None:
        if len(pcm):
            self._ready.append(pcm)
            self._ready_samples += len(pcm)

    def clear(self) -> None:
        """Drop all that is queued."""
        self._written.clear()
        self._ready.clear()
        self._waiting = self._ready_samples = 0
        self._resampler.flush()
        self._begin_run()


def _pop(pieces: deque[Pcm], samples: int) -> Pcm:
    """Remove up to `samples` from the left."""
    parts = []
    while samples and pieces:
        piece = pieces.popleft()
        if len(piece) > samples:
            pieces.appendleft(piece[samples:])
            piece = piece[:samples]
        parts.append(piece)
        samples -= len(piece)
    return join(parts)
