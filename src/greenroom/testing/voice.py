"""Voice activity without a model: loud is voice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm

WINDOW = 512
"""Samples; the window of the real detector."""


class EnergyVoiceActivity:
    """A detector that answers at once: probability 1 where the mean level is above a threshold."""

    def __init__(self, threshold: float = 200.0) -> None:
        self._threshold = threshold

    def open(self, on_probability: Callable[[float, int], None]) -> _Stream:
        """A microphone's stream; its callbacks come from within `feed`."""
        return _Stream(on_probability, self._threshold)

    async def close(self) -> None:
        """Nothing to end."""


class _Stream:
    __slots__ = ("_closed", "_end", "_on_probability", "_rest", "_threshold")

    def __init__(self, on_probability: Callable[[float, int], None], threshold: float) -> None:
        self._on_probability, self._threshold = on_probability, threshold
        self._rest: Pcm = EMPTY
        self._end = 0
        self._closed = False

    def feed(self, pcm: Pcm) -> None:
        if self._closed:
            return
        self._rest = sound = np.concatenate([self._rest, pcm])
        used = 0
        while used + WINDOW <= len(sound) and not self._closed:
            window = sound[used : used + WINDOW]
            used += WINDOW
            # int16 has no +32768.
            level = np.abs(window, dtype=np.int32).sum() / WINDOW
            self._end += WINDOW
            self._rest = sound[used:]
            self._on_probability(1.0 if level > self._threshold else 0.0, self._end)

    def close(self) -> None:
        self._closed = True
