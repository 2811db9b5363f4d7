"""What is on a recording, as FFmpeg plays it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from audio.sounds import tone
from greenroom.rooms.recording.recording import Recording
from greenroom.settings import RecordingSettings
from greenroom.testing.clock import ManualClock

USER, AGENT = 300, 600
"""Hz of the tones that the two sides say."""
RATE = 48_000

Sound = npt.NDArray[np.float32]


class Here(Executor):
    """Does the threads' work at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def begin(stem: Path, clock: ManualClock, **more: Any) -> Recording:
    settings = more.pop("settings", RecordingSettings(enabled=True))
    return Recording(stem, settings, clock=clock, threads=more.pop("threads", Here()), **more)


def user_says(recording: Recording, clock: ManualClock, seconds: float, rate: int = 16_000) -> None:
    """A tone, in pieces of 20 ms as a microphone sends them."""
    pcm = tone(USER, seconds, rate)
    for at in range(0, len(pcm), rate // 50):
        clock.advance(0.02)
        recording.user(pcm[at : at + rate // 50], rate)


def played(path: Path) -> Sound:
    """Both channels, shape (2, n) at 48 kHz, from time 0 on."""
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    assert {frame.sample_rate for frame in frames} == {RATE}
    first = frames[0].pts * frames[0].time_base
    assert abs(first) < 0.001
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def duration(path: Path) -> float:
    """Seconds, as the file's header says."""
    with av.open(str(path)) as file:
        assert file.duration is not None
        return file.duration / 1e6


def strength(sound: Sound, hertz: float) -> float:
    """Amplitude of a tone, 1 for full scale."""
    t = np.arange(len(sound)) / RATE
    return float(abs(np.mean(sound * np.exp(-2j * np.pi * hertz * t))) * 2)


def spans(sound: Sound) -> list[tuple[float, float]]:
    """Where there is sound, in seconds; holes of less than 15 ms are none."""
    size = RATE // 200
    loud = np.abs(sound[: len(sound) // size * size]).reshape(-1, size).max(axis=1) > 0.08
    found: list[tuple[float, float]] = []
    for window in np.flatnonzero(loud):
        start, end = window / 200, (window + 1) / 200
        if found and start - found[-1][1] < 0.015:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def near(found: list[tuple[float, float]], *expected: tuple[float, float]) -> bool:
    """Whether all begin and end where they should, to 20 ms."""
    return np.shape(found) == np.shape(expected) and bool(
        np.allclose(found, expected, atol=0.02, rtol=0)
    )
