"""A caller's sound: `voice` commands in, samples out."""

from __future__ import annotations

import numpy as np

from greenroom.api.avatars.opus_voice import OpusVoice
from greenroom.api.avatars.protocol import OPUS_RATE, Voice
from greenroom.audio.pcm import Pcm

_QUICK_BYTES = 262_144
"""Of PCM8, which is widened to 16 bits in a third of a millisecond."""


class VoiceDecoder:
    """Decodes what one connection sends. Not for two threads at a time.

    `max_seconds` is what a message of Opus may last.
    """

    def __init__(self, max_seconds: float) -> None:
        self._max_samples = int(max_seconds * OPUS_RATE)
        self._opus = OpusVoice(self._max_samples)

    def is_quick(self, voice: Voice) -> bool:
        """Whether `decode` takes less than 1 ms; else it is for a thread."""
        if voice.encoding == "OPUS":
            return self._opus.is_quick(voice.audio)
        return voice.encoding == "PCM16" or len(voice.audio) <= _QUICK_BYTES

    def decode(self, voice: Voice) -> Pcm:
        """Mono samples at the command's rate. Raises Refused (INVALID_AUDIO, AUDIO_QUEUE_FULL)."""
        match voice.encoding:
            case "PCM16":
                return np.frombuffer(voice.audio, "<i2")
            case "PCM8":
                # Unsigned, as a WAV file's: 128 is silence.
                wide = np.frombuffer(voice.audio, np.uint8).astype(np.int16)
                return (wide - 128) << 8
            case "OPUS":
                return self._opus.decode(voice.audio)

    def end_utterance(self) -> None:
        """The next message begins a new sound."""
        self._opus = OpusVoice(self._max_samples)
