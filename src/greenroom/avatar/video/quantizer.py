"""One quantizer for a whole stream, kept within a bit rate by changing it now and then.

What is drawn is simple: with a constant quantizer a face takes a third of its bit rate, looks the
same in every picture, and keyframes can't be seen to come. Rate controls fare worse on it: x264's
looks at each picture in advance, which takes longer than encoding it, and fills the rate with what
nobody sees; libvpx's gives keyframes too little. Only artwork with the detail of a photograph goes
beyond the rate. Then the quantizer is made coarser, for which the encoder begins anew, with a
keyframe; it may become finer again at keyframes that come anyway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_EXCESS = 2.0
"""Seconds' worth of bits that may come beyond the rate before it is acted on."""


@dataclass(frozen=True, slots=True)
class QuantizerScale:
    """A codec's own numbers: `finest` and `coarsest` that are used; `half` steps halve the bits."""

    finest: int
    coarsest: int
    half: int


class Quantizer:
    """Counts what pictures take, and says which quantizer fits `bitrate` (bits/s)."""

    def __init__(self, scale: QuantizerScale, bitrate: int) -> None:
        self.value = scale.finest
        self._scale = scale
        self._bitrate = bitrate
        self._begin()

    def _begin(self) -> None:
        self._excess = self._bits = self._seconds = 0.0

    def count(self, size: int, seconds: float) -> None:
        """A picture of `size` bytes was encoded, so long after the one before."""
        self._bits += 8 * size
        self._seconds += seconds
        self._excess = max(0.0, self._excess + 8 * size - self._bitrate * seconds)

    def adapt(self, *, keyframe: bool) -> bool:
        """Choose for the next picture, which is a keyframe or not; True: `value` has changed."""
        before = self.value
        if self._excess > _EXCESS * self._bitrate:
            times = max(self._bits / (self._seconds * self._bitrate), 1.25)
            self.value += math.ceil(self._scale.half * math.log2(times))
        elif keyframe and self._bits * 2 < self._bitrate * self._seconds:
            self.value -= self._scale.half // 2  # to 0.7 of the rate
        self.value = min(self._scale.coarsest, max(self._scale.finest, self.value))
        if keyframe or self.value != before:
            self._begin()
        return self.value != before
