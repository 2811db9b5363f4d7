"""What an agent hears and sees in a LiveKit room: one of the SDK's streams, and one task, for each
track and listener."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.rtc import VideoBufferType

from greenroom.rooms.ports import PictureListener, SoundListener, VideoFrame

_log = logging.getLogger(__name__)

FRAME_MS = 20
MAX_SOUND_FRAMES = 50
"""A second of sound that waits for the event loop; then the oldest is dropped."""
MAX_PICTURES = 2


@dataclass(slots=True)
class _Track:
    identity: str
    track: rtc.Track
    muted: bool
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Senses:
    """Connects every listener with every track that is begun; `close` ends all tasks."""

    def __init__(self) -> None:
        self._ears: list[tuple[SoundListener, int]] = []
        self._eyes: list[PictureListener] = []
        self._tracks: dict[str, _Track] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def hear(self, listener: SoundListener, rate: int) -> None:
        """Hand over all sound from now on, at `rate` Hz."""
        self._ears.append((listener, rate))
        for track in self._tracks.values():
            if track.track.kind == rtc.TrackKind.KIND_AUDIO:
                self._listen(track, listener, rate)

    def watch(self, listener: PictureListener) -> None:
        """Hand over all pictures from now on."""
        self._eyes.append(listener)
        for track in self._tracks.values():
            if track.track.kind == rtc.TrackKind.KIND_VIDEO:
                self._look(track, listener)

    def begin(self, sid: str, identity: str, track: rtc.Track, *, muted: bool) -> None:
        """A track of somebody to be heard or seen."""
        self.end(sid)
        begun = self._tracks[sid] = _Track(identity, track, muted)
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            for listener, rate in self._ears:
                self._listen(begun, listener, rate)
        else:
            for viewer in self._eyes:
                self._look(begun, viewer)

    def mute(self, sid: str, muted: bool) -> None:
        """Hand over nothing of a track, or again; nothing where it isn't one of these."""
        track = self._tracks.get(sid)
        if track is not None:
            track.muted = muted

    def end(self, sid: str) -> None:
        """A track is gone; harmless where it isn't one of these."""
        track = self._tracks.pop(sid, None)
        if track is None:
            return
        for task in track.tasks:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """All tracks are gone, and the tasks too."""
        for sid in list(self._tracks):
            self.end(sid)
        if self._ending:
            await asyncio.wait(list(self._ending))

    def _listen(self, track: _Track, listener: SoundListener, rate: int) -> None:
        stream = rtc.AudioStream.from_track(
            track=track.track,
            sample_rate=rate,
            num_channels=1,
            capacity=MAX_SOUND_FRAMES,
            frame_size_ms=FRAME_MS,
        )

        async def read() -> None:
            async for event in stream:
                if not track.muted:
                    listener(track.identity, np.frombuffer(event.frame.data, np.int16))

        self._run(track, read, stream.aclose)

    def _look(self, track: _Track, listener: PictureListener) -> None:
        stream = rtc.VideoStream.from_track(
            track=track.track, format=VideoBufferType.I420, capacity=MAX_PICTURES
        )

        async def read() -> None:
            async for event in stream:
                if not track.muted:
                    listener(track.identity, _picture(event.frame, event.timestamp_us))

        self._run(track, read, stream.aclose)

    @staticmethod
    def _run(
        track: _Track, read: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        async def run() -> None:
            try:
                await read()
            finally:
                await close()

        task = asyncio.get_running_loop().create_task(run())
        task.add_done_callback(_report)
        track.tasks.append(task)


def _picture(frame: rtc.VideoFrame, timestamp_us: int) -> VideoFrame:
    width, height = frame.width, frame.height
    chroma_width, chroma_height = (width + 1) // 2, (height + 1) // 2
    data = np.frombuffer(frame.data, np.uint8)
    luma, chroma = width * height, chroma_width * chroma_height
    return VideoFrame(
        data[:luma].reshape(height, width),
        data[luma : luma + chroma].reshape(chroma_height, chroma_width),
        data[luma + chroma : luma + 2 * chroma].reshape(chroma_height, chroma_width),
        timestamp_us / 1_000_000,
    )


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("reading a track of a room failed", exc_info=error)
