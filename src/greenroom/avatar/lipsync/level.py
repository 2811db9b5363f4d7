"""How loud a voice is in general: a slow, causal measure, by which all voices look alike."""

from __future__ import annotations

_USUAL = -35.0
"""dB below full scale: where a voice is expected before it is heard."""
_LOWEST = -80.0
_RISE = 0.3
"""Of the distance to a louder frame, each frame of 10 ms: a time constant of about 30 ms."""
_FALL = 0.1
"""dB each frame in which somebody speaks more softly: 10 dB a second."""
_NOISE_RISE = 0.015
"""dB each frame: what lasts for many seconds is noise."""
_ABOVE_NOISE = 12.0
"""dB. A frame that is less above the noise is a pause, which says nothing of the voice."""


class VoiceLevel:
    """Follows the loud frames of speech at once and the soft ones slowly; pauses not at all."""

    def __init__(self) -> None:
        self.now = _USUAL
        """dB below full scale."""
        self._noise = _USUAL

    def follow(self, loudness: float) -> None:
        """The next frame is so loud (dB)."""
        self._noise = min(self._noise + _NOISE_RISE, loudness)
        if loudness > self.now:
            self.now += _RISE * (loudness - self.now)
        elif loudness > self._noise + _ABOVE_NOISE:
            self.now = max(self.now - _FALL, _LOWEST)
