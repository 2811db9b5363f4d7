"""Duplex sessions on the record: the person left, the AI right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.service import SessionService
from greenroom.settings import RecordingSettings
from support.talks import Talks, TestTime, running


def tone(seconds: float, hz: int) -> Pcm:
    t = np.arange(round(seconds * DUPLEX_RATE)) / DUPLEX_RATE
    return np.round(8_000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def sides(path: Path) -> npt.NDArray[np.float64]:
    """Left and right, in [-1, 1], at 48 kHz."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.concatenate(frames, axis=1).astype(np.float64)
    return sound if len(sound) == 2 else sound.reshape(-1, 2).T / 32_768


def loudness(side: npt.NDArray[np.float64], start: float, end: float) -> float:
    return float(np.sqrt(np.mean(side[round(start * 48_000) : round(end * 48_000)] ** 2)))


@pytest.fixture
async def recordings(tmp_path: Path, time: TestTime) -> AsyncIterator[Recordings]:
    recordings = Recordings(RecordingSettings(), tmp_path, now=time.now)
    yield recordings
    await recordings.close()


async def test_a_talk_is_recorded_as_it_was_heard(
    sessions: SessionService, time: TestTime, recordings: Recordings
) -> None:
    async with running(Talks(sessions, time, recordings=recordings)) as talks:
        talk = await talks.talk(recording=True)
        talk.model.listener.on_voice(tone(0.4, 440))
        talk.model.listener.on_voice(tone(0.6, 440))
        for _ in range(6):
            time.advance(0.1)
            await asyncio.sleep(0)
        talk.model.listener.on_flush()  # 0.4 s of the voice is never heard
        for _ in range(5):
            time.advance(0.1)
            talk.connection.hear(tone(0.1, 660))
        time.advance(0.1)
        talk.connection.leave(finished=True)
        await talk.ended()
        (path,) = await recordings.find(talk.id)
    left, right = sides(path)
    assert len(left) / 48_000 == pytest.approx(1.2, abs=0.05)
    assert loudness(right, 0.05, 0.55) > 0.1
    assert loudness(right, 0.65, 1.1) < 0.01
    assert loudness(left, 0.05, 0.55) < 0.01
    assert loudness(left, 0.65, 1.05) > 0.1


@pytest.mark.parametrize(
    ("enabled", "asked", "recorded"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
async def test_an_order_decides_and_else_the_settings(
    sessions: SessionService,
    time: TestTime,
    tmp_path: Path,
    enabled: bool,
    asked: bool | None,
    recorded: bool,
) -> None:
    recordings = Recordings(RecordingSettings(enabled=enabled), tmp_path, now=time.now)
    async with running(Talks(sessions, time, recordings=recordings)) as talks:
        talk = await talks.talk(recording=asked)
        talk.connection.hear(tone(0.1, 440))
        time.advance(0.1)
    assert bool(await recordings.find(talk.id)) is recorded
    await recordings.close()
