"""How loud a packet's sound is, as RTP tells it."""

from __future__ import annotations

import math

import numpy as np

from greenroom.audio.pcm import Pcm

SILENT = 127
_FULL_SCALE = 32_768.0**2


def loudness(pcm: Pcm) -> int:
    """The root mean square in -dBov, 0 (loud) to 127 (silent), as RFC 6464 section 3 has it."""
    samples = pcm.astype(np.float32)
    energy = float(np.dot(samples, samples))
    if energy == 0.0:
        return SILENT
    return min(SILENT, max(0, round(-10 * math.log10(energy / len(samples) / _FULL_SCALE))))
