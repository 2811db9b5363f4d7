"""Sound to what the network is shown: frames of the spectrum, and how loud the voice is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.lipsync.level import VoiceLevel
from greenroom.avatar.lipsync.spectrum import (
    BANDS,
    FLOOR,
    HOP,
    LEAD,
    Floats,
    analyse,
    windows,
)

QUIET = 12
"""A frame none of whose samples is beyond this is silence: 69 dB below full scale."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Neighbouring frames."""

    levels: Floats
    """Of each band in dB, shape (n, BANDS); FLOOR in silence."""
    sounds: list[bool]
    """Whether there is a sound at all in the frame."""
    voice: list[float]
    """The level of the voice in dB, as known after the frame."""

    @classmethod
    def nothing(cls, frames: int) -> Heard:
        """Silence, before any voice."""
        return cls(_silence(frames), [False] * frames, [0.0] * frames)

    def __add__(self, later: Heard) -> Heard:
        return Heard(
            np.concatenate((self.levels, later.levels)),
            self.sounds + later.sounds,
            self.voice + later.voice,
        )

    def since(self, frame: int) -> Heard:
        """Without the first `frame` frames."""
        return Heard(self.levels[frame:], self.sounds[frame:], self.voice[frame:])


class Ear:
    """Listens to one stream of sound. Silence costs it no transform."""

    def __init__(self) -> None:
        self._level = VoiceLevel()

    def listen(self, pcm: Pcm) -> Heard:
        """The next frames: `pcm` holds n * HOP + 2 * LEAD samples, around the n hops."""
        n = (len(pcm) - 2 * LEAD) // HOP
        sizes = np.abs(pcm).view(np.uint16)  # of -32768 too
        if sizes.max() <= QUIET:
            return Heard(_silence(n), [False] * n, [self._level.now] * n)
        sounds = (windows(sizes).max(axis=1) > QUIET).tolist()
        levels, loudness = analyse(pcm)
        voice = []
        for i, (sound, loud) in enumerate(zip(sounds, loudness.tolist(), strict=True)):
            if sound:
                self._level.follow(loud)
            else:
                levels[i] = FLOOR
            voice.append(self._level.now)
        return Heard(levels, sounds, voice)


def _silence(frames: int) -> Floats:
    return np.full((frames, BANDS), FLOOR, np.float32)
