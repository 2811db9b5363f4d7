"""The one shape of sound inside Greenroom: mono int16, with its rate known by context."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pcm: TypeAlias = npt.NDArray[np.int16]
"""Mono samples, shape (n,)."""

HEARING_RATE = 16_000
"""Hz. What voice activity and recognition hear; a session's clock counts these samples."""

EMPTY: Pcm = np.zeros(0, np.int16)


def samples_of(ms: float, rate: int = HEARING_RATE) -> int:
    """Samples in `ms` milliseconds at `rate` Hz."""
    return round(ms * rate / 1000)


def ms_of(samples: int, rate: int = HEARING_RATE) -> float:
    """Milliseconds in `samples` at `rate` Hz."""
    return samples * 1000 / rate
