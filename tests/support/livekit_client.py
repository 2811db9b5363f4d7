"""LiveKit's own Python client, with a log of what its room told, and ears and eyes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.rtc.room import EventTypes

RATE = 48_000
FRAME = RATE // 100
"""Samples of 10 ms."""

TIMEOUT = 10.0
"""Seconds in which anything has to happen."""

LOUD = 1_000
"""From here on a sample belongs to a sound."""


class Client:
    """One participant. `events` are `(name, arguments)` in order."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self._changed = asyncio.Event()
        for name in get_args(EventTypes):
            self.room.on(name, self._noting(name))

    @property
    def me(self) -> rtc.LocalParticipant:
        return self.room.local_participant

    def _noting(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.events.append((name, arguments))
            self._changed.set()

        return note

    async def saw(
        self, name: str, which: Callable[..., bool] = lambda *_: True, *, since: int = 0
    ) -> tuple[Any, ...]:
        """The arguments of the first event of that name that fits, once there is one."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                for found, arguments in self.events[since:]:
                    if found == name and which(*arguments):
                        return arguments
                self._changed.clear()
                await self._changed.wait()

    def count(self, name: str) -> int:
        return sum(1 for found, _ in self.events if found == name)

    async def publish_microphone(self, name: str = "mic") -> Microphone:
        # A second ahead: a test that gets no time for a while is no gap in the sound.
        source = rtc.AudioSource(RATE, 1, queue_size_ms=1_000)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        async with asyncio.timeout(TIMEOUT):
            publication = await self.me.publish_track(track, options)
        return Microphone(source, track, publication)

    async def publish_camera(self, width: int, height: int) -> Camera:
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA, video_codec=rtc.VideoCodec.VP8, simulcast=False
        )
        async with asyncio.timeout(TIMEOUT):
            publication = await self.me.publish_track(track, options)
        return Camera(source, publication, width, height)


class Microphone:
    """A published track into which a test speaks."""

    def __init__(
        self,
        source: rtc.AudioSource,
        track: rtc.LocalAudioTrack,
        publication: rtc.LocalTrackPublication,
    ) -> None:
        self.track, self.publication = track, publication
        self._source = source
        self._phase = 0

    async def emptied(self) -> None:
        """What was played has been taken to be sent, but for the last piece."""
        while self._source.queued_duration > 0.011:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)

    async def play(self, pcm: npt.NDArray[np.int16]) -> None:
        """At the pace of the sound."""
        for start in range(0, len(pcm) - FRAME + 1, FRAME):
            piece = pcm[start : start + FRAME].tobytes()
            await self._source.capture_frame(rtc.AudioFrame(piece, RATE, 1, FRAME))

    @asynccontextmanager
    async def tone(self, hertz: float) -> AsyncIterator[None]:
        """Sound while the block runs."""
        over = False

        async def sound() -> None:
            while not over:
                await self.play(sine(hertz, FRAME, self._phase))
                self._phase += FRAME

        task = asyncio.create_task(sound())
        try:
            yield
        finally:
            # A piece that waits to be taken can't be called off: the source would take no other.
            over = True
            self._source.clear_queue()
            await task
            self._source.clear_queue()


class Camera:
    """A published track that shows one colour."""

    def __init__(
        self,
        source: rtc.VideoSource,
        publication: rtc.LocalTrackPublication,
        width: int,
        height: int,
    ) -> None:
        self.publication = publication
        self._source, self._size = source, (width, height)

    @asynccontextmanager
    async def showing(self, brightness: int) -> AsyncIterator[None]:
        """Twenty pictures a second while the block runs."""
        width, height = self._size
        planes = bytes([brightness]) * (width * height) + b"\x80" * (width * height // 2)
        frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, planes)

        async def show() -> None:
            while True:
                self._source.capture_frame(frame)
                await asyncio.sleep(0.05)

        task = asyncio.create_task(show())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def connected(url: str, token: str, **options: Any) -> AsyncIterator[Client]:
    """A client that has joined; it leaves at the end."""
    client = Client()
    async with asyncio.timeout(TIMEOUT):
        await client.room.connect(url, token, rtc.RoomOptions(**options))
    try:
        yield client
    finally:
        async with asyncio.timeout(TIMEOUT):
            await client.room.disconnect()


def sine(hertz: float, samples: int, phase: int = 0, level: int = 10_000) -> npt.NDArray[np.int16]:
    time = np.arange(phase, phase + samples) / RATE
    return cast(
        "npt.NDArray[np.int16]", (level * np.sin(2 * np.pi * hertz * time)).astype(np.int16)
    )


async def hears(track: rtc.Track, hertz: float, *, ms: int = 500, least: float = 0.999) -> None:
    """Return when so many ms on end were nothing but this tone, by `purity`.

    On a busy machine sound comes late now and then; then a client stretches what it has.
    """
    wanted = ms * RATE // 1000
    recent = np.empty(0)
    best = 0.0
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    try:
        async with asyncio.timeout(TIMEOUT):
            async for event in stream:
                pcm = np.frombuffer(event.frame.data, np.int16).astype(np.float64)
                loud = np.abs(pcm).max() > LOUD
                recent = np.concatenate([recent, pcm]) if loud else np.empty(0)
                if len(recent) >= wanted:
                    best = max(best, purity(recent, hertz))
                    if best >= least:
                        return
                    recent = recent[RATE // 10 :]
    except TimeoutError:
        raise AssertionError(f"no {ms} ms purer than {best:.4f}") from None
    finally:
        await stream.aclose()


async def longest_silence(track: rtc.Track, seconds: float) -> float:
    """Of the next so many seconds, the longest time on end without a sound, in seconds."""
    longest = silent = told = 0.0
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    try:
        async with asyncio.timeout(TIMEOUT + seconds):
            async for event in stream:
                pcm = np.frombuffer(event.frame.data, np.int16)
                duration = len(pcm) / RATE
                silent = 0.0 if np.abs(pcm).max() > LOUD else silent + duration
                longest = max(longest, silent)
                told += duration
                if told >= seconds:
                    break
    finally:
        await stream.aclose()
    return longest


async def latency(microphone: Microphone, track: rtc.Track, times: int) -> float:
    """The least of the seconds from a sound's capture until the other client hands it out."""
    loop = asyncio.get_running_loop()
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    onsets: asyncio.Queue[float] = asyncio.Queue()

    async def listen() -> None:
        quiet = True
        async for event in stream:
            loud = np.abs(np.frombuffer(event.frame.data, np.int16)).max() > 2 * LOUD
            if loud and quiet:
                onsets.put_nowait(loop.time())
            quiet = not loud

    listening = asyncio.create_task(listen())
    took: list[float] = []
    try:
        for _ in range(times):
            await microphone.play(np.zeros(25 * FRAME, np.int16))
            await microphone.emptied()
            began = loop.time()
            await microphone.play(sine(440, 10 * FRAME))
            async with asyncio.timeout(TIMEOUT):
                took.append(await onsets.get() - began)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await stream.aclose()
    return min(took)


def purity(pcm: npt.NDArray[np.float64], hertz: float) -> float:
    """The correlation with the sine of that frequency that fits best: 1 is nothing but that."""
    time = np.arange(len(pcm)) / RATE
    waves = np.stack([np.sin(2 * np.pi * hertz * time), np.cos(2 * np.pi * hertz * time)], axis=1)
    factors, *_ = np.linalg.lstsq(waves, pcm, rcond=None)
    return float(np.corrcoef(pcm, waves @ factors)[0, 1])


async def seen(track: rtc.Track, brightness: int) -> rtc.VideoFrame:
    """The first picture of about that brightness."""
    stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
    try:
        async with asyncio.timeout(TIMEOUT):
            async for event in stream:
                frame = event.frame
                luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
                if abs(float(luma.mean()) - brightness) < 8:
                    return frame
    finally:
        await stream.aclose()
    raise AssertionError("the track ended")
