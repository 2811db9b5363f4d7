"""Who watches an avatar in a benchmark: says when a sound was heard and how far a mouth was open.

Times are `time.monotonic()`, in seconds.
"""

from __future__ import annotations

import asyncio
import bisect
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from livekit import rtc

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.packs.pack import load_pack
from greenroom.avatar.ports import Pose
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.visemes import VISEMES, at_rest
from greenroom.rooms.tokens import LiveKitTokens

RATE = 48_000
LOUD = 1_500
"""From here on a sample belongs to a sound."""
UTTERANCE, PAUSE = 0.45, 0.55
"""Seconds of a vowel, and of the silence after it."""
OPEN = 0.35
"""Half of how far the vowel opens a mouth, as the gauge tells it."""

Floats: TypeAlias = npt.NDArray[np.float64]

# The vowel of "father" as a man says it (Peterson and Barney 1952, table II): formants in Hz, their
# bandwidths and how strong each is.
_FORMANTS = ((730, 90, 1.0), (1_090, 110, 0.5), (2_440, 170, 0.25))
_PITCH = 120


def vowel(seconds: float, rate: int) -> Pcm:
    """A loud open vowel: the harmonics of a voice, each as strong as the formants make it."""
    moments = np.arange(round(seconds * rate)) / rate
    voice = np.zeros(len(moments))
    for harmonic in range(1, 3_800 // _PITCH):
        hertz = harmonic * _PITCH
        level = sum(gain / (1 + ((hertz - f) / (b / 2)) ** 2) for f, b, gain in _FORMANTS)
        voice += level * np.sin(2 * np.pi * hertz * moments + harmonic)
    return (voice / np.abs(voice).max() * 16_000).astype(np.int16)


def utterances(count: int, rate: int) -> Pcm:
    """That vowel, again and again, with a pause after each: a second for each utterance."""
    one = np.concatenate((vowel(UTTERANCE, rate), np.zeros(round(PAUSE * rate), np.int16)))
    return np.tile(one, count)


def spread(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and the extremes, in ms."""
    ordered = sorted(seconds)
    if not ordered:
        return {"n": 0}
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    figures = {"p50": statistics.median(ordered), "p95": p95, "min": ordered[0], "max": ordered[-1]}
    return {"n": len(ordered)} | {name: round(it * 1000, 1) for name, it in figures.items()}


class MouthGauge:
    """How far the mouth is open: 0 as at rest, 1 as in the viseme `aa`, by its brightness."""

    def __init__(self, avatar: Path, size: PictureFormat) -> None:
        puppet = SkiaPuppet(load_pack(avatar), size.width, size.height)
        wide = at_rest()
        wide[:] = 0
        wide[VISEMES.index("aa")] = 1
        rest, opened = _luma(puppet, Pose()), _luma(puppet, Pose(visemes=wide))
        self._mask = np.abs(opened - rest) > 25
        self._rest = rest[self._mask]
        self._way = opened[self._mask] - self._rest
        self._length = float(self._way @ self._way)

    def in_a_box(self) -> dict[str, Any]:
        """The gauge for who looks at full-range luma: the box (left, top, width, height) around it,
        and for each pixel there the luma at rest and its weight."""
        rows, columns = np.nonzero(self._mask)
        top, left = int(rows.min()), int(columns.min())
        shape = int(rows.max()) + 1 - top, int(columns.max()) + 1 - left
        rest, way = np.zeros(shape), np.zeros(shape)
        rest[rows - top, columns - left] = self._rest
        way[rows - top, columns - left] = self._way / self._length
        return {
            "box": [left, top, shape[1], shape[0]],
            "rest": rest.reshape(-1).tolist(),
            "way": way.reshape(-1).tolist(),
        }

    def measure(self, luma: npt.NDArray[Any]) -> float:
        """Of a decoded picture's luma, of shape (height, width)."""
        seen = (luma[self._mask].astype(np.float64) - 16) * (255 / 219)
        return float((seen - self._rest) @ self._way / self._length)


def _luma(puppet: SkiaPuppet, pose: Pose) -> Floats:
    puppet.draw(pose)
    weights = np.array([0.114, 0.587, 0.299])  # of blue, green and red (ITU-R BT.601)
    luma: Floats = puppet.pixels[..., :3].astype(np.float64) @ weights
    return luma


@dataclass
class Seen:
    """What a viewer saw and heard, in order."""

    pictures: list[tuple[float, float]] = field(default_factory=list)
    """When, and how far the mouth was open."""
    sounds: list[tuple[float, float]] = field(default_factory=list)
    """Pieces with sound in them: when the first and the last loud sample were heard."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, pcm: Pcm, end: float, rate: int = RATE) -> None:
        """Samples whose last is heard at `end`."""
        loud = np.flatnonzero(np.abs(pcm) > LOUD)
        if len(loud):
            begin = end - len(pcm) / rate
            self.sounds.append((begin + loud[0] / rate, begin + loud[-1] / rate))
            self.changed.set()

    def see(self, when: float, openness: float) -> None:
        """A picture."""
        self.pictures.append((when, openness))
        self.changed.set()

    def runs(self, pause: float = 0.25) -> list[tuple[float, float]]:
        """Sounds that a pause of so many seconds parts: when each began and ended."""
        found: list[tuple[float, float]] = []
        for begin, end in self.sounds:
            if found and begin - found[-1][1] < pause:
                found[-1] = found[-1][0], end
            else:
                found.append((begin, end))
        return found

    def opens(self, near: float, within: float = 0.3) -> float | None:
        """When the mouth came to be half open, at some time near `near`."""
        return self._passes(near, within, opening=True)

    def closes(self, near: float, within: float = 0.3) -> float | None:
        """When it came to be half closed."""
        return self._passes(near, within, opening=False)

    def _passes(self, near: float, within: float, *, opening: bool) -> float | None:
        start = bisect.bisect_left(self.pictures, (near - within, -9.0))
        for before, after in zip(self.pictures[start:], self.pictures[start + 1 :], strict=False):
            if after[0] > near + within:
                break
            if (before[1] < OPEN <= after[1]) if opening else (before[1] >= OPEN > after[1]):
                return after[0]
        return None

    async def until(self, condition: Any, seconds: float = 20.0) -> None:
        """Wait for something to be seen or heard."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def offsets(seen: Seen) -> tuple[list[float], list[float], list[float]]:
    """Of every utterance: mouth after sound at its beginning, at its end, and their mean."""
    opens, closes, both = [], [], []
    for begin, end in seen.runs():
        opened, closed = seen.opens(begin), seen.closes(end)
        if opened is not None and closed is not None:
            opens.append(opened - begin)
            closes.append(closed - end)
            both.append((opens[-1] + closes[-1]) / 2)
    return opens, closes, both


class LiveKitViewer:
    """LiveKit's Python client in a room; everything of the first voice and picture is noted."""

    def __init__(self, gauge: MouthGauge) -> None:
        self.seen = Seen()
        self._gauge = gauge
        self._room = rtc.Room()
        self._tasks: list[asyncio.Task[None]] = []
        self._room.on("track_subscribed", self._on_track)

    async def join(self, url: str, room: str, key: str, secret: str) -> None:
        """Be in the room."""
        token = LiveKitTokens(key, secret, 3_600).sign(room, "viewer")
        await self._room.connect(url, token)

    async def leave(self) -> None:
        """Watch no more."""
        await self._room.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_track(self, track: rtc.Track, *_: Any) -> None:
        work = self._listen if track.kind == rtc.TrackKind.KIND_AUDIO else self._watch
        self._tasks.append(asyncio.get_running_loop().create_task(work(track)))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async for event in stream:
            self.seen.hear(np.frombuffer(event.frame.data, np.int16), time.monotonic())

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        async for event in stream:
            when, frame = time.monotonic(), event.frame
            luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
            self.seen.see(when, self._gauge.measure(luma.reshape(frame.height, frame.width)))
