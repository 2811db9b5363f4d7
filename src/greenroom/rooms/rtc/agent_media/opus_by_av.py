"""Opus by PyAV's codec contexts, for where libopus itself can't be loaded: nothing is concealed."""

from __future__ import annotations

import av
import numpy as np

from greenroom.audio.hearing import mono_of_integers
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.audio.resample import Resampler

_DECODED_RATE = 48_000
"""Hz of what FFmpeg's decoder gives, always."""


class AvOpusEncoder:
    """See OpusEncoder. There is no in-band repetition."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate, codec.bit_rate = rate, 48_000
        codec.layout, codec.format = "mono", "s16"
        codec.options = {
            "application": "lowdelay",
            "compression_level": "5",
            "frame_duration": "20",
        }
        self._codec = codec
        self._samples = 0

    def encode(self, pcm: Pcm) -> bytes:
        """See OpusEncoder."""
        if len(pcm) * 50 != self._rate:
            raise ValueError(f"{len(pcm)} samples are not a frame at {self._rate} Hz")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._samples
        self._samples += len(pcm)
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))

    def after_silence(self) -> None:
        """See OpusEncoder: CELT goes on from silence by itself."""

    def set_expected_loss(self, fraction: float) -> None:
        """See OpusEncoder: without effect here."""


class AvOpusDecoder:
    """See OpusDecoder. The resampler to `rate` adds its delay."""

    def __init__(self, rate: int) -> None:
        codec = av.CodecContext.create("libopus", "r")
        codec.sample_rate, codec.layout = _DECODED_RATE, "mono"
        self._codec = codec
        self._resampler = Resampler(_DECODED_RATE, rate)

    def decode(self, packet: bytes) -> Pcm | None:
        """See OpusDecoder."""
        if not packet:
            return None
        try:
            frames = self._codec.decode(av.Packet(packet))
        except av.FFmpegError:
            return None
        parts = [
            mono_of_integers(
                part.to_ndarray().astype(np.int16, copy=False).reshape(part.samples, -1)
            )
            for part in frames
        ]
        return self._resampler.process(np.concatenate(parts)) if parts else EMPTY

    def conceal(self, samples: int, following: bytes | None = None) -> Pcm:  # noqa: ARG002 - a port
        """See OpusDecoder: silence."""
        return np.zeros(samples, np.int16)
