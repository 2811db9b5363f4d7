"""A performance with a face and venues that remember, on a clock that stands still."""

from __future__ import annotations

from collections import deque

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD, PictureFormat
from greenroom.avatar.ports import EncodedPicture, FaceListener, FrameRequest
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.venue import VENUE_RATE
from greenroom.stage.performance import Performance
from greenroom.stage.sound_line import Spoken
from greenroom.testing.clock import ManualClock

FORMAT = PictureFormat(64, 64, 25, 100_000)
PICTURE = 1 / FORMAT.rate
SOUND = VENUE_RATE // FORMAT.rate
"""Samples at VENUE_RATE of one picture."""


def tone(seconds: float, rate: int, *, level: int = 8_000, hertz: float = 150.0) -> Pcm:
    """A sine that begins at its height, so that where it begins is plain."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.cos(2 * np.pi * hertz * time)).astype(np.int16)


class Reader:
    """What lip sync hears of the requests, in media time: `greenroom.avatar.ports.LipReader`."""

    def __init__(self) -> None:
        self.position = 0
        self._heard: list[tuple[int, Pcm]] = []

    def take(self, request: FrameRequest) -> None:
        if request.cut:
            self._heard.append((request.at, np.zeros(LIP_SYNC_RATE, np.int16)))
            self.position = min(self.position, request.at)
        self._heard.append((self.position, request.pcm))
        self.position += len(request.pcm)
        self.position = max(self.position, request.at + request.samples + LOOK_AHEAD)

    def heard(self, seconds: float) -> Pcm:
        timeline = np.zeros(round(seconds * LIP_SYNC_RATE), np.int16)
        for at, pcm in self._heard:
            part = timeline[at : at + len(pcm)]
            part[:] = pcm[: len(part)]
        return timeline


class RememberingFace:
    """A RemoteFace that answers at once, or when it is told to."""

    def __init__(self, listener: FaceListener, *, at_once: bool = True) -> None:
        self._listener = listener
        self.at_once = at_once
        self.requests: list[FrameRequest] = []
        self.waiting: deque[FrameRequest] = deque()
        self.reader = Reader()
        self.closed = False

    @property
    def pending(self) -> int:
        return len(self.waiting)

    def ask(self, request: FrameRequest) -> None:
        assert not self.closed
        if self.requests:
            assert request.at > self.requests[-1].at
        self.requests.append(request)
        self.reader.take(request)
        self.waiting.append(request)
        if self.at_once:
            self.answer()

    def answer(self, count: int | None = None) -> None:
        """Hand over what was asked for: all of it, or the first `count`."""
        for _ in range(len(self.waiting) if count is None else count):
            request = self.waiting.popleft()
            picture = EncodedPicture(request.at.to_bytes(4), request.keyframe)
            self._listener.on_picture(request, picture)

    def fail(self, why: str = "it broke") -> None:
        self._listener.on_failure(why)

    def close(self) -> None:
        self.closed = True


class RememberingVenue:
    """A Venue that remembers everything with the time it came."""

    def __init__(self, clock: Clock, name: str = "room") -> None:
        self._clock = clock
        self._name = name
        self.keyframe_wanted = True
        self.played: list[tuple[float, Pcm]] = []
        self.shown: list[tuple[float, EncodedFrame]] = []
        self.log: list[str] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    def play(self, pcm: Pcm) -> None:
        assert 0 < len(pcm) <= SOUND
        self.played.append((self._clock.time(), pcm))
        self.log.append("play")

    def show(self, frame: EncodedFrame) -> None:
        if self.shown:
            assert frame.time > self.shown[-1][1].time
        self.shown.append((self._clock.time(), frame))
        self.log.append("show")
        if frame.keyframe:
            self.keyframe_wanted = False

    def flush(self) -> None:
        self.log.append("flush")

    async def close(self) -> None:
        self.closed += 1

    @property
    def samples(self) -> int:
        return sum(len(pcm) for _, pcm in self.played)

    @property
    def sound(self) -> Pcm:
        """All that was played, one after another."""
        return np.concatenate([pcm for _, pcm in self.played])

    def heard(self, start: float, seconds: float) -> Pcm:
        """What was played, where it was played: media time from `start` on the clock."""
        timeline = np.zeros(round(seconds * VENUE_RATE), np.int16)
        for time, pcm in self.played:
            at = round((time - start - PICTURE) * VENUE_RATE)
            assert not timeline[at : at + len(pcm)].any()
            part = timeline[at : at + len(pcm)]
            part[:] = pcm[: len(part)]
        return timeline


class Scene:
    """A performance that has begun."""

    def __init__(self, *, max_ahead: float = 300.0, at_once: bool = True, venues: int = 1) -> None:
        self.clock = ManualClock()
        self.start = self.clock.time()
        self.failures: list[str] = []
        self.spoken: list[Spoken] = []
        self.silences = 0
        self.performance = Performance(
            FORMAT,
            self.clock,
            max_ahead=max_ahead,
            on_failed=self.failures.append,
            on_spoken=lambda spoken, _: self.spoken.append(spoken),
            on_silent=self._on_silent,
        )
        self.face = RememberingFace(self.performance, at_once=at_once)
        self.venues = [RememberingVenue(self.clock) for _ in range(venues)]
        self.performance.begin(self.face, self.venues)

    def _on_silent(self) -> None:
        self.silences += 1

    @property
    def venue(self) -> RememberingVenue:
        return self.venues[0]

    def pass_pictures(self, count: int) -> None:
        """Let so many more pictures fall due."""
        for _ in range(count):
            passed = round((self.clock.time() - self.start) * FORMAT.rate - 0.499)
            due = self.start + (passed + 1) * PICTURE + 1e-7
            self.clock.advance(due - self.clock.time())

    def say(self, seconds: float, rate: int = LIP_SYNC_RATE, *, end: bool = True) -> None:
        self.performance.voice(tone(seconds, rate), rate)
        if end:
            self.performance.voice_end()

    def assert_lips_follow_the_sound(self, seconds: float) -> None:
        """What lip sync heard is what was played, sample by sample, to the rounding of filters."""
        heard = self.face.reader.heard(seconds).astype(np.int32)
        played = self.venue.heard(self.start, seconds)[::3].astype(np.int32)
        wrong = np.abs(heard - played) > 700
        # Where sound begins and ends, filters ring in ways of their own.
        assert wrong.mean() < 0.002, np.flatnonzero(wrong)[:20]
