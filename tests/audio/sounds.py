"""Sounds for the tests, encoded by FFmpeg."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from greenroom.audio.decode import Decoder
from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import resample

REFERENCE = np.load(Path(__file__).parent / "data" / "silero_reference.npz")
"""`pcm`: speech, noise, loud speech, silence; the others are what the original model says of it."""

SPEECH: Pcm = REFERENCE["pcm"][:28_672]
"""1.8 s at 16 kHz."""


def tone(hertz: float, seconds: float, rate: int = 16_000, level: float = 8_000) -> Pcm:
    t = np.arange(round(seconds * rate)) / rate
    return np.round(level * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def speech_at(rate: int) -> Pcm:
    return resample(SPEECH, 16_000, rate)


def encoded(pcm: Pcm, rate: int, codec: str, container: str, *, channels: int = 1) -> bytes:
    """A whole file; all channels are alike."""
    layout = {1: "mono", 2: "stereo"}[channels]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        both = np.repeat(pcm, channels).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout=layout)
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def opus(pcm: Pcm, rate: int = 48_000, *, channels: int = 1) -> bytes:
    return encoded(pcm, rate, "libopus", "ogg", channels=channels)


def mp3(pcm: Pcm, rate: int = 24_000, *, channels: int = 1) -> bytes:
    return encoded(pcm, rate, "libmp3lame", "mp3", channels=channels)


def pieces(data: bytes, seed: int, most: int = 3_000) -> Iterator[bytes]:
    """`data` in pieces of any length, some of them tiny."""
    rng = np.random.default_rng(seed)
    at = 0
    while at < len(data):
        size = int(rng.integers(1, 6 if rng.random() < 0.2 else most))
        yield data[at : at + size]
        at += size


def decoded(decoder: Decoder, *messages: bytes) -> Pcm:
    return np.concatenate([*(decoder.decode(m) for m in messages), decoder.flush()])


def likeness(a: Pcm, b: Pcm, most_shift: int = 0) -> float:
    """The greatest correlation of two sounds, one of which may be shifted by a few samples."""
    length = min(len(a), len(b))
    edge = most_shift + 1
    here = a[edge : length - edge].astype(np.float64)
    there = b[:length].astype(np.float64)
    return max(
        float(np.corrcoef(here, there[edge + k : length - edge + k])[0, 1])
        for k in range(-most_shift, most_shift + 1)
    )
