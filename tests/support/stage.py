"""A performance with a face and venues that remember, on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD, PictureFormat
from greenroom.avatar.ports import EncodedPicture, FaceListener, FaceSettings, FrameRequest
from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.venue import VENUE_RATE, OnGone, VenuePicture
from greenroom.sessions.life import Ended
from greenroom.sessions.service import SessionService
from greenroom.settings import AvatarSettings
from greenroom.stage.orders import OrderKeeper
from greenroom.stage.parts import StageParts
from greenroom.stage.performance import Performance
from greenroom.stage.ports import AgoraChannel, AvatarOrder
from greenroom.stage.sessions import Stage
from greenroom.stage.sound_line import Spoken
from greenroom.stage.venues import Opening, OpenVenue
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
        self.tokens: list[str] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    def play(self, pcm: Pcm) -> None:
        assert 0 < len(pcm) <= VENUE_RATE // 20
        self.played.append((self._clock.time(), pcm))
        self.log.append("play")

    def show(self, frame: EncodedFrame) -> None:
        if self.shown:
            assert frame.time > self.shown[-1][1].time
        self.shown.append((self._clock.time(), frame))
        self.log.append("show")
        if frame.keyframe:
            self.keyframe_wanted = False

    def renew(self, token: str) -> None:
        self.tokens.append(token)

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


ORDER = AvatarOrder(
    avatar_id="mira",
    quality="low",
    codec="VP8",
    idle_timeout=120.0,
    channel=AgoraChannel("app", "a-very-secret-token", "room1", "333"),
    extra={"version": "v1"},
)


def order(uid: str = "333", **changes: Any) -> AvatarOrder:
    """ORDER, with another uid and other changes."""
    return replace(ORDER, channel=replace(ORDER.channel, uid=uid), **changes)


class Library:
    """Avatars without artwork."""

    def __init__(self) -> None:
        self.known = {"mira": Path("packs/mira"), "otto": Path("packs/otto")}

    def ids(self) -> list[str]:
        return sorted(self.known)

    def find(self, avatar_id: str) -> Path:
        if avatar_id not in self.known:
            raise InvalidInput("avatar_id", "no such avatar", ", ".join(self.ids()))
        return self.known[avatar_id]


class Gate:
    """Where something may be held up, or fail."""

    def __init__(self) -> None:
        self.held = asyncio.Event()
        """Set once somebody has come here."""
        self.passage = asyncio.Event()
        self.passage.set()
        self.error: Exception | None = None
        self.given_up = 0

    async def pass_through(self) -> None:
        self.held.set()
        try:
            await self.passage.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error is not None:
            raise self.error


class RememberingRenderers:
    """Renderers of faces that answer at once."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.faces: list[RememberingFace] = []
        self.settings: list[FaceSettings] = []

    async def open(self, settings: FaceSettings, listener: FaceListener) -> RememberingFace:
        self.settings.append(settings)
        await self.gate.pass_through()
        face = RememberingFace(listener)
        self.faces.append(face)
        return face


class VenueKind:
    """A kind of venue, as an OpenVenue."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self.gate = Gate()
        self.venues: list[RememberingVenue] = []
        self.gone: list[OnGone] = []
        self.expiring: list[Callable[[], None]] = []
        self.pictures: list[VenuePicture] = []
        self.orders: list[AvatarOrder] = []

    async def __call__(self, opening: Opening) -> RememberingVenue:
        self.gone.append(opening.on_gone)
        self.expiring.append(opening.on_token_expiring)
        await self.gate.pass_through()
        venue = RememberingVenue(self._clock, self._name)
        self.venues.append(venue)
        self.pictures.append(opening.picture)
        self.orders.append(opening.order)
        return venue


class Client:
    """An AvatarClient that remembers."""

    def __init__(self) -> None:
        self.replaced = asyncio.Event()
        self.over = asyncio.Event()
        self.endings: list[Ended] = []
        self.expiring = 0

    def on_replaced(self) -> None:
        self.replaced.set()

    def on_token_expiring(self) -> None:
        self.expiring += 1

    def on_ended(self, ended: Ended) -> None:
        self.endings.append(ended)
        self.over.set()

    async def ended(self) -> Ended:
        async with asyncio.timeout(5):
            await self.over.wait()
        (ended,) = self.endings
        return ended


class House:
    """A stage with all that it needs, on a clock that stands still."""

    def __init__(self, sessions: SessionService, **settings: Any) -> None:
        self.sessions = sessions
        self.clock = ManualClock()
        self.library = Library()
        self.renderers = RememberingRenderers()
        self.room = VenueKind("room", self.clock)
        self.agora = VenueKind("agora", self.clock)
        self.watch = VenueKind("watch", self.clock)
        self.stages: list[Stage] = []
        self.stage = self.make_stage(**settings)

    def make_stage(self, *, secret: str = "shared", **settings: Any) -> Stage:  # noqa: S107
        """One more, with the same parts but these settings."""
        venues: dict[str, OpenVenue] = {"room": self.room, "agora": self.agora}
        stage = Stage(
            StageParts(
                self.sessions,
                AvatarSettings(**settings),
                self.library,
                self.renderers,
                venues,
                {"watch": self.watch},
                OrderKeeper(secret),
                self.clock,
            )
        )
        self.stages.append(stage)
        return stage

    async def create(self, uid: str = "333", **changes: Any) -> str:
        session = await self.stage.create(order(uid, **changes), api="agora", tenant="t")
        return session.id

    async def journal(self, session_id: str) -> list[str]:
        """What was written of a session: the names of metrics and of events."""
        names = []
        for record in await self.sessions.records(session_id):
            entry = record.entry
            names.append(getattr(entry, "event", None) or getattr(entry, "name", entry.kind))
        return names

    async def gone(self, session_id: str) -> None:
        """Return when a session that lives here has ended, and all of it is done."""
        async with asyncio.timeout(5):
            live = self.stage._live.get(session_id)
            if live is not None:
                await live.gone.wait()
            await asyncio.gather(*self.stage._reapings)

    @property
    def face(self) -> RememberingFace:
        return self.renderers.faces[-1]

    async def close(self) -> None:
        for stage in self.stages:
            await stage.drain(0.0)
        self.assert_all_is_freed()

    def assert_all_is_freed(self) -> None:
        assert all(face.closed for face in self.renderers.faces)
        assert all(venue.closed == 1 for venue in self.room.venues + self.agora.venues)
        assert self.clock.pending == 0


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)
