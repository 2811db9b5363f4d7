"""Sound in files."""

from __future__ import annotations

import io
import wave
from os import PathLike, fspath
from typing import BinaryIO

import av
import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm


def write_wav(path: str | PathLike[str], pcm: Pcm, rate: int) -> None:
    """A mono WAV of 16 bit. Raises OSError."""
    _write(fspath(path), pcm, rate, channels=1)


def wav_bytes(pcm: Pcm, rate: int) -> bytes:
    """The same in memory."""
    file = io.BytesIO()
    _write(file, pcm, rate, channels=1)
    return file.getvalue()


def write_stereo_wav(path: str | PathLike[str], left: Pcm, right: Pcm, rate: int) -> None:
    """Two sides of a talk in one WAV; the shorter one ends in silence. Raises OSError."""
    both = np.zeros((max(len(left), len(right)), 2), np.int16)
    both[: len(left), 0] = left
    both[: len(right), 1] = right
    _write(fspath(path), both.reshape(-1), rate, channels=2)


def _write(target: str | BinaryIO, samples: Pcm, rate: int, *, channels: int) -> None:
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2", copy=False).tobytes())


def read_audio(path: str | PathLike[str], rate: int) -> Pcm:
    """The first sound track of any file that FFmpeg opens, mono at `rate` Hz.

    Raises OSError for a file that can't be read, ValueError for one without sound.
    """
    parts = []
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(fspath(path)) as container:
        if not container.streams.audio:
            raise ValueError(f"no sound in {fspath(path)}")
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.int16, copy=False) if parts else EMPTY
