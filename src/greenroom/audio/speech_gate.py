"""Voice or not, with hysteresis: turns probabilities into the beginnings and ends of speech."""

from __future__ import annotations

from greenroom.audio.pcm import samples_of
from greenroom.settings import TurnSettings


class SpeechGate:
    """Opens after enough voice in a row, closes at the first window that is clearly not voice.

    All positions are sample numbers at 16 kHz.
    """

    __slots__ = ("_close", "_last", "_minimum", "_open", "_run", "onset", "voiced_until")

    def __init__(self, settings: TurnSettings) -> None:
        self._open = settings.speech_threshold
        self._close = settings.silence_threshold
        self._minimum = samples_of(settings.min_speech_ms)
        self._run = False
        self._last = 0
        self.onset = 0
        """Where the latest run of voice began."""
        self.voiced_until = 0
        """End of the last window with voice."""

    def update(self, probability: float, end_sample: int) -> bool:
        """Take the verdict on the window that ends at `end_sample`; return whether it is speech."""
        start, self._last = self._last, end_sample
        if probability >= (self._close if self._run else self._open):
            if not self._run:
                self._run, self.onset = True, start
            self.voiced_until = end_sample
            return end_sample - self.onset >= self._minimum
        self._run = False
        return False
