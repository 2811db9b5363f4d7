"""One stream of sound at the two rates that an avatar needs, side by side."""

from __future__ import annotations

from collections import deque

import numpy as np

from greenroom.audio.hearing import join
from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import Resampler
from greenroom.avatar.formats import LIP_SYNC_RATE
from greenroom.rooms.venue import VENUE_RATE

RATIO = VENUE_RATE // LIP_SYNC_RATE


class TwoRates:
    """Sound at any rate in; the same at VENUE_RATE and at LIP_SYNC_RATE out.

    After a `flush` exactly one sample in RATIO of the former has its counterpart in the latter, so
    the two never drift apart, however often the rate of what comes changes.
    """

    def __init__(self) -> None:
        self.sound_out = 0
        """Samples at VENUE_RATE that came out so far, taken or not."""
        self.lips_out = 0
        """Samples at LIP_SYNC_RATE that came out so far, taken or not."""
        self._rate = 0
        self._to_sound = self._to_lips = Resampler(1, 1)
        self._sound: deque[Pcm] = deque()
        self._lips: deque[Pcm] = deque()
        self.holds = False
        """Whether the filters hold sound that came in and is not out."""

    @staticmethod
    def delay(rate: int) -> float:
        """Seconds that output follows input by, at most: measured for both, with 20 ms pieces."""
        if rate >= 16_000:
            return 0.06
        return 0.12 if rate > 8_000 else 0.18

    def feed(self, pcm: Pcm, rate: int) -> None:
        """The next samples, at `rate` Hz; a new rate begins where the one before ends."""
        if rate != self._rate:
            self.flush()
            self._rate = rate
            self._to_sound = Resampler(rate, VENUE_RATE)
            self._to_lips = Resampler(rate, LIP_SYNC_RATE)
        self.holds = True
        self._put(self._to_sound.process(pcm), self._to_lips.process(pcm))

    def flush(self) -> None:
        """Empty the filters: what came in has an end here."""
        if not self.holds:
            return
        self.holds = False
        sound, lips = self._to_sound.flush(), self._to_lips.flush()
        # Each length is rounded for itself: make them one time again.
        surplus = self.lips_out + len(lips) - -(-(self.sound_out + len(sound)) // RATIO)
        if surplus > 0:
            lips = lips[: max(0, len(lips) - surplus)]
        elif surplus < 0:
            lips = np.concatenate((lips, np.zeros(-surplus, np.int16)))
        self._put(sound, lips)

    def take_sound(self, samples: int) -> Pcm:
        """The next samples at VENUE_RATE: `samples`, or all where there are fewer."""
        return _pop(self._sound, samples)

    def take_lips(self, samples: int) -> Pcm:
        """The next samples at LIP_SYNC_RATE: `samples`, or all where there are fewer."""
        return _pop(self._lips, samples)

    def _put(self, sound: Pcm, lips: Pcm) -> None:
        self.sound_out += len(sound)
        self.lips_out += len(lips)
        if len(sound):
            self._sound.append(sound)
        if len(lips):
            self._lips.append(lips)


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
