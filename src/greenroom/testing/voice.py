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
    def __init__(self, on_probability: Callable[[float, int], None], threshold: float) -> None:
        self._on_probability, self._threshold = on_probability, threshold
        self._rest: Pcm = EMPTY
        self._end = 0
        self._closed = False

    def feed(self, pcm: Pcm) -> None:
        self._rest = np.concatenate([self._rest, pcm])
        while len(self._rest) >= WINDOW and not self._closed:
            window, self._rest = self._rest[:WINDOW], self._rest[WINDOW:]
            self._end += WINDOW
            level = float(np.abs(window.astype(np.float32)).mean())
            self._on_probability(1.0 if level > self._threshold else 0.0, self._end)

    def close(self) -> None:
        self._closed = True
