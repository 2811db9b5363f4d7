"""What clients send, decoded to 16 kHz mono, piece by piece."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from greenroom.audio.hearing import AUDIO, Hearing
from greenroom.audio.mp3_decoder import Mp3Decoder
from greenroom.audio.opus_decoder import OpusDecoder
from greenroom.audio.pcm import Pcm
from greenroom.audio.wav_decoder import WavDecoder
from greenroom.errors import InvalidInput

FORMATS = ("pcm16", "opus", "mp3", "wav")
RATES = (8_000, 48_000)
"""Hz, least and most."""


class Decoder(Protocol):
    """One client's sound. Not for two threads at a time; a decoder may move between threads."""

    def decode(self, data: bytes) -> Pcm:
        """The samples, mono at 16 kHz, that are complete with this piece; perhaps none.

        Raises InvalidInput that names `data.audio`; the decoder then begins anew, and what it held
        is dropped. `pcm16` takes less than 1 ms for a second of sound. The others may take longer:
        `opus` about 3 ms for a second of sound, `mp3` about 2, `wav` less than 1; and a message of
        megabytes that is no sound up to half a second. Call them in a thread.
        """
        ...

    def flush(self) -> Pcm:
        """No more comes: the rest of the samples. The decoder then begins anew."""
        ...


def create_decoder(format: str, sample_rate: int) -> Decoder:  # noqa: A002 - the wire's name
    """A decoder for one of FORMATS.

    `sample_rate` is of `pcm16`; the others say their own. Raises InvalidInput that names
    `data.format` or `data.sample_rate`.
    """
    match format:
        case "pcm16":
            low, high = RATES
            if not low <= sample_rate <= high:
                raise InvalidInput("data.sample_rate", f"{sample_rate} Hz", f"{low} to {high}")
            return _Pcm16Decoder(sample_rate)
        case "opus":
            return OpusDecoder()
        case "mp3":
            return Mp3Decoder()
        case "wav":
            return WavDecoder()
    raise InvalidInput("data.format", f"unknown format {format[:32]!r}", ", ".join(FORMATS))


class _Pcm16Decoder:
    """Mono int16, little-endian, in whole samples."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._hearing = Hearing()

    def decode(self, data: bytes) -> Pcm:
        if len(data) % 2:
            problem = f"{len(data)} bytes are not whole samples of pcm16"
            raise InvalidInput(AUDIO, problem, "an even number of bytes")
        self._hearing.begin_call()
        return self._hearing.take(np.frombuffer(data, "<i2"), self._rate)

    def flush(self) -> Pcm:
        return self._hearing.flush()
