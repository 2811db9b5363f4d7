"""People in rooms, by LiveKit's own Python client: they speak a tone and listen to one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import api, rtc

HERE = Path(__file__).resolve().parent
KEY, SECRET = "devkey", "a secret for the bench that is long enough"
RATE = 48_000
FRAME = RATE // 100
"""Samples of 10 ms, what the client takes at a time."""
TONE_HZ = 440.0
LEVEL = 8_000.0
GAP = 0.5
"""A window of 20 ms with less than this share of the level is a gap."""

Samples = npt.NDArray[np.int16]


def token(room: str, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


def tone(start: int, count: int, hz: float = TONE_HZ) -> Samples:
    phase = 2 * np.pi * hz / RATE * (np.arange(count) + start)
    return (LEVEL * np.sin(phase)).astype(np.int16)


def purity(sound: Samples, hz: float = TONE_HZ) -> float:
    """The share of the energy that is the tone, over windows of 1 s (the clocks drift a little)."""
    shares = []
    for start in range(0, len(sound) - RATE + 1, RATE):
        x = sound[start : start + RATE].astype(float)
        total = float(np.sum(x * x))
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
        near = slice(int(hz) - 3, int(hz) + 4)
        shares.append(float(spectrum[near].sum() / spectrum.sum()) if total else 0.0)
    return round(float(np.median(shares)), 6) if shares else 0.0


def gaps(sound: Samples) -> int:
    """Windows of 20 ms in which the tone is missing."""
    windows = sound[: len(sound) // 960 * 960].reshape(-1, 960).astype(float)
    rms = np.sqrt((windows**2).mean(axis=1))
    return int((rms < GAP * LEVEL / np.sqrt(2)).sum())


@dataclass
class Process:
    """A server of the bench's, asked for its own figures by lines."""

    process: asyncio.subprocess.Process
    url: str

    async def figures(self, command: str = "figures") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n".encode())
        answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer


@contextlib.asynccontextmanager
async def started(
    script: str, *arguments: str, prefix: tuple[str, ...] = ()
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, str(HERE / script), *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        url = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["url"]
        yield Process(process, url)
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)


@dataclass
class Person:
    """Somebody in a room. `heard` is what came of the first track that they hear."""

    room: rtc.Room = field(default_factory=rtc.Room)
    heard: list[Samples] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    connected_s: float = 0.0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _streams: list[rtc.AudioStream] = field(default_factory=list)
    _tracks: asyncio.Queue[rtc.Track] = field(default_factory=asyncio.Queue)

    async def join(self, url: str, name: str, identity: str) -> None:
        await self.enter(url, token(name, identity))

    async def enter(self, url: str, token: str) -> None:
        """Join the room that a token is for."""
        self.room.on("track_subscribed", lambda track, *_: self._tracks.put_nowait(track))
        began = time.monotonic()
        await asyncio.wait_for(self.room.connect(url, token), 20)
        self.connected_s = time.monotonic() - began

    async def open_microphone(self, queue_ms: int = 0) -> rtc.AudioSource:
        """Without a queue of the client's own a frame leaves when it is captured."""
        source = rtc.AudioSource(RATE, 1, queue_size_ms=queue_ms)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        return source

    async def speak(self, frame: int = FRAME) -> None:
        """A tone from now on, in frames of so many samples: fewer and larger cost less CPU here."""
        source = await self.open_microphone(queue_ms=4_000 * frame // RATE)
        self._tasks.append(asyncio.create_task(self._speak(source, frame)))

    async def _speak(self, source: rtc.AudioSource, frame: int) -> None:
        sent = 0
        while True:  # the source's queue keeps the pace
            await capture(source, tone(sent, frame))
            sent += frame

    async def listen(self, frame_ms: int | None = None) -> None:
        """Keep what the first track brings, from now on."""
        track = await asyncio.wait_for(self._tracks.get(), 20)
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=frame_ms)
        self._streams.append(stream)
        self._tasks.append(asyncio.create_task(self._listen(stream)))

    async def _listen(self, stream: rtc.AudioStream) -> None:
        async for event in stream:
            self.heard.append(np.frombuffer(event.frame.data, np.int16))
            self.heard_at.append(time.monotonic())
            self.hears.set()

    def take(self) -> Samples:
        """What was heard since the last time."""
        sound = np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)
        self.heard.clear()
        self.heard_at.clear()
        return sound

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in self._streams:
            await stream.aclose()
        await self.room.disconnect()


async def capture(source: rtc.AudioSource, sound: Samples) -> None:
    await source.capture_frame(rtc.AudioFrame(sound.tobytes(), RATE, 1, len(sound)))
