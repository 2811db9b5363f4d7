"""How loud a piece of sound is."""

from __future__ import annotations

import math

import numpy as np

from greenroom.audio.pcm import Pcm

SILENCE = -100.0
"""What digital silence counts as, in dBFS: 16 bits reach down to about -96."""


def loudness(pcm: Pcm) -> float:
    """The root mean square of the samples in dBFS, a full-scale square wave being 0."""
    if not len(pcm):
        return SILENCE
    samples = pcm.astype(np.float32)
    power = float(np.dot(samples, samples)) / len(samples)
    return max(SILENCE, 10 * math.log10(power / 32_768**2)) if power else SILENCE
