"""LiveKit's own Python client in a room, with all that it was told and heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc import VideoBufferType

from greenroom.audio.pcm import EMPTY, Pcm

RATE = 48_000
LOUD = 2_000
"""Of a frame's largest sample: a tone, rather than silence or the end of one fading out."""


def tone(ms: float, rate: int = RATE, pitch: float = 440.0) -> Pcm:
    """A sine of 12 000."""
    moments = np.arange(round(rate * ms / 1000)) / rate
    return (np.sin(2 * np.pi * pitch * moments) * 12_000).astype(np.int16)


def purity(pcm: Pcm, rate: int = RATE, pitch: float = 440.0) -> float:
    """The share of the power of `pcm` that is within 20 Hz of `pitch`."""
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(pcm), 1 / rate) - pitch) < 20
    return float(power[near].sum() / power.sum())


class RoomClient:
    """`told` lists events as tuples of their name and what matters of them; `frames` the sound of
    all tracks as (moment, samples) at RATE, `pictures` the sizes of what was seen.
    """

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.told: list[tuple[Any, ...]] = []
        self.frames: list[tuple[float, Pcm]] = []
        self.pictures: list[rtc.VideoFrame] = []
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sources: list[rtc.AudioSource | rtc.VideoSource] = []
        self._listen()

    @property
    def me(self) -> rtc.LocalParticipant:
        """What speaks for this client."""
        return self.room.local_participant

    async def until(self, condition: Callable[[], object], seconds: float = 8.0) -> None:
        """Wait until something that the client was told makes it true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def got(self, name: str) -> list[tuple[Any, ...]]:
        """The events of this name, without it."""
        return [event[1:] for event in self.told if event[0] == name]

    def sound(self) -> Pcm:
        """All that was heard, joined."""
        return np.concatenate([pcm for _, pcm in self.frames]) if self.frames else EMPTY

    @property
    def hears_a_tone(self) -> bool:
        """Whether the last frame is loud."""
        return bool(self.frames) and bool(np.abs(self.frames[-1][1]).max() > LOUD)

    async def publish_tone(self, seconds: float = 60.0) -> rtc.LocalTrackPublication:
        """A microphone with a tone that lasts."""
        source = rtc.AudioSource(RATE, 1, 100)
        self._sources.append(source)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await self.me.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._play(source, seconds)))
        return publication

    async def publish_picture(self, width: int, height: int) -> rtc.LocalTrackPublication:
        """A camera with a grey picture, ten times a second."""
        source = rtc.VideoSource(width, height)
        self._sources.append(source)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False, video_codec=rtc.VideoCodec.VP8
        )
        publication = await self.me.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._show(source, width, height)))
        return publication

    async def close(self) -> None:
        """Leave, and end all that runs."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.room.disconnect()
        for source in self._sources:
            await source.aclose()

    def _tell(self, *event: Any) -> None:
        self.told.append(event)
        self._news.set()

    def _listen(self) -> None:
        on, tell = self.room.on, self._tell
        on("participant_connected", lambda who: tell("joined", who.identity))
        on("participant_disconnected", lambda who: tell("left", who.identity))
        on("track_muted", lambda who, track: tell("muted", who.identity, track.sid))
        on("track_unmuted", lambda who, track: tell("unmuted", who.identity, track.sid))
        on("track_unsubscribed", lambda _, track, who: tell("ended", who.identity, track.sid))
        on("track_subscribed", self._subscribed)
        on("disconnected", lambda reason: tell("disconnected", reason))
        on(
            "participant_attributes_changed",
            lambda changed, who: tell("attributes", who.identity, dict(changed)),
        )
        on(
            "participant_metadata_changed",
            lambda who, _, metadata: tell("metadata", who.identity, metadata),
        )
        on(
            "data_received",
            lambda packet: tell(
                "data",
                packet.participant and packet.participant.identity,
                packet.data,
                packet.topic,
            ),
        )
        on(
            "transcription_received",
            lambda segments, who, track: tell(
                "transcription", who.identity, track and track.sid, segments
            ),
        )
        for topic in ("lk.chat", "lk.transcription"):
            self.room.register_text_stream_handler(topic, self._on_text)

    def _on_text(self, reader: rtc.TextStreamReader, identity: str) -> None:
        async def read() -> None:
            text = await reader.read_all()
            self._tell("text", identity, text, reader.info.topic, reader.info.attributes)

        self._tasks.append(asyncio.create_task(read()))

    def _subscribed(
        self, track: rtc.Track, publication: rtc.TrackPublication, who: rtc.Participant
    ) -> None:
        run = self._hear if track.kind == rtc.TrackKind.KIND_AUDIO else self._see
        self._tasks.append(asyncio.create_task(run(track)))
        self._tell("track", who.identity, publication.sid, publication.name)

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1)
        try:
            async for event in stream:
                pcm = np.frombuffer(event.frame.data, np.int16)
                self.frames.append((time.monotonic(), pcm))
                self._news.set()
        finally:
            await stream.aclose()

    async def _see(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream.from_track(track=track, format=VideoBufferType.I420)
        try:
            async for event in stream:
                self.pictures.append(event.frame)
                self._news.set()
        finally:
            await stream.aclose()

    @staticmethod
    async def _play(source: rtc.AudioSource, seconds: float) -> None:
        second = tone(1000)  # a whole number of waves
        for _ in range(round(seconds * 10)):
            for part in np.split(second, 10):
                await source.capture_frame(rtc.AudioFrame(part.tobytes(), RATE, 1, len(part)))

    @staticmethod
    async def _show(source: rtc.VideoSource, width: int, height: int) -> None:
        grey = bytes([128]) * (width * height * 3 // 2)
        while True:
            source.capture_frame(rtc.VideoFrame(width, height, VideoBufferType.I420, grey))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def room_client(url: str, token: str) -> AsyncIterator[RoomClient]:
    """A client in the room that `token` opens."""
    client = RoomClient()
    try:
        await client.room.connect(url, token)
        yield client
    finally:
        await client.close()
