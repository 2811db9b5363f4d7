"""The spectrum as lip sync sees it: 32 bands on the mel scale, a hundred times a second."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE

Floats: TypeAlias = npt.NDArray[np.float32]

_Scalar = TypeVar("_Scalar", bound=np.generic)

HOP = 160
"""Samples from one frame to the next: 10 ms."""
WINDOW = 400
"""Samples that a frame looks at: 25 ms, around the middle of its hop."""
LEAD = (WINDOW - HOP) // 2
"""Samples of the window that lie before the frame's hop, and as many after it."""
BANDS = 32
LOWEST, HIGHEST = 80.0, 7600.0
"""Hz, the outer edges of the first and the last band."""
FLOOR = -120.0
"""dB that stand for no sound at all."""


def _mel(hertz: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """O'Shaughnessy, Speech Communication (1987): the scale on which pitches seem equally far."""
    return 2595 * np.log10(1 + hertz / 700)


def _filters() -> Floats:
    """Triangles on the mel scale, each reaching from its neighbour's peak to the other's."""
    lowest, highest = _mel(np.array([LOWEST, HIGHEST])).tolist()
    peaks = np.linspace(lowest, highest, BANDS + 2)
    bins = _mel(np.fft.rfftfreq(WINDOW, 1 / LIP_SYNC_RATE))
    rise = (bins[:, None] - peaks[:-2]) / np.diff(peaks[:-1])
    fall = (peaks[2:] - bins[:, None]) / np.diff(peaks[1:])
    triangles: Floats = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    return triangles


def _weights() -> Floats:
    """What the squares of the real and imaginary parts of each bin add to each band and to all."""
    filters = _filters()
    with_all = np.concatenate((filters, filters.sum(axis=1, keepdims=True)), axis=1)
    return np.repeat(with_all, 2, axis=0)


_WEIGHTS = _weights()
_TAPER = (np.hanning(WINDOW) / (32768 * WINDOW / 4)).astype(np.float32)
"""A Hann window which gives a full-scale sine the magnitude 1."""
_LEAST_POWER = np.float32(10 ** (FLOOR / 10))


def analyse(pcm: Pcm) -> tuple[Floats, Floats]:
    """n * HOP + 2 * LEAD samples to levels in dB: of each band, (n, BANDS), and of all, (n,)."""
    spectra = np.fft.rfft(windows(pcm) * _TAPER)
    squares = np.square(spectra.view(np.float32))
    levels: Floats = np.log10(squares @ _WEIGHTS + _LEAST_POWER)
    levels *= 10
    return levels[:, :BANDS], levels[:, BANDS]


def windows(pcm: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """A view of n * HOP + 2 * LEAD samples as overlapping rows: (n, WINDOW)."""
    n = (len(pcm) - 2 * LEAD) // HOP
    return np.ndarray((n, WINDOW), pcm.dtype, pcm, strides=(HOP * pcm.itemsize, pcm.itemsize))
