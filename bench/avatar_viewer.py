"""An avatar as a viewer sees and hears it: real renderers, real clock, real rooms, decoded again.

    python bench/avatar_viewer.py offset|interrupt|begin|hour|all [--codec H264] [--quality medium]

`offset`     a loud open vowel after silence: how much later (+) or earlier (-) than the sound the
             mouth comes to be half open, and half closed again; `offset_ms` is the mean of both
`interrupt`  from an interrupt to the last sound heard, and to the closed mouth
`begin`      from opening the face and its venue to the first picture; from the first voice to the
             first sound, and to the first moved lip
`hour`       an hour of sound by a fast clock, through the same parts: `offset` of what leaves, in
             the first and in the last minute

The viewer of the first three is LiveKit's Python client in a room of the embedded server
(`--viewer room`), or Chromium on the watch page (`--viewer page`). One JSON line for each result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from avatar_eyes import (
    PAUSE,
    UTTERANCE,
    LiveKitViewer,
    MouthGauge,
    Seen,
    offsets,
    spread,
    utterances,
    vowel,
)
from avatar_hour import bench_hour
from avatar_page import PageViewer
from greenroom.avatar.formats import FORMATS, PictureFormat, VideoCodec
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.avatar.ports import FaceSettings
from greenroom.avatar.renderer import HelperRenderers
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.room_venue import RoomVenue
from greenroom.rooms.rtc.media import AV1, H264, VP8, Codec
from greenroom.rooms.venue import Venue, VenuePicture
from greenroom.sessions.model import Status
from greenroom.stage.performance import Performance
from support.rooms import KEY, SECRET, running_rooms
from support.watching import watching

VOICE_RATE = 24_000
CODECS: dict[VideoCodec, Codec] = {"H264": H264, "VP8": VP8, "AV1": AV1}


@dataclass(frozen=True)
class Figure:
    """What is measured: an avatar, its picture, and how it is looked at."""

    avatar: Path
    format: PictureFormat
    codec: VideoCodec
    viewer: str

    @property
    def picture(self) -> VenuePicture:
        return VenuePicture(
            CODECS[self.codec], self.format.width, self.format.height, self.format.rate
        )

    def say(self, measure: str, **figures: Any) -> None:
        known = {"codec": self.codec, "size": f"{self.format.width}x{self.format.height}"}
        if measure != "hour":
            known["viewer"] = self.viewer
        print(json.dumps({"measure": f"avatar.{measure}", **known, **figures}), flush=True)


class Place:
    """Where an avatar is opened and looked at: a room, or the watch page."""

    seen: Seen

    async def open(self, figure: Figure) -> Venue:
        raise NotImplementedError

    async def ready(self) -> dict[str, Any]:
        """What the viewer says of itself, once it sees."""
        await self.seen.until(lambda: self.seen.pictures)
        return {}


class RoomPlace(Place):
    """The embedded room server, with LiveKit's client."""

    def __init__(self, rooms: EmbeddedRooms, viewer: LiveKitViewer) -> None:
        self._rooms = rooms
        self.seen = viewer.seen

    async def open(self, figure: Figure) -> Venue:
        loop = asyncio.get_running_loop()
        return await RoomVenue.open(
            self._rooms, "stage", figure.picture, loop, on_gone=lambda _: None
        )


@asynccontextmanager
async def room_place(gauge: MouthGauge) -> AsyncIterator[Place]:
    async with running_rooms() as running:
        rooms = EmbeddedRooms(running.server, running.url, asyncio.get_running_loop())
        viewer = LiveKitViewer(gauge)
        await viewer.join(running.url, "stage", KEY, SECRET)
        try:
            yield RoomPlace(rooms, viewer)
        finally:
            await viewer.leave()
            await rooms.close()


class PagePlace(Place):
    """The watch page, with Chromium."""

    def __init__(self, server: Any, viewer: PageViewer) -> None:
        self._server, self._viewer = server, viewer
        self.seen = viewer.seen

    async def open(self, figure: Figure) -> Venue:
        venue: Venue = self._server.screenings.open("stage", figure.picture)
        return venue

    async def ready(self) -> dict[str, Any]:
        if not self.seen.pictures:
            await self._viewer.measure()
        await super().ready()
        return await self._viewer.playout()


@asynccontextmanager
async def page_place(gauge: MouthGauge) -> AsyncIterator[Place]:
    async with watching() as server, AsyncExitStack() as stack:
        server.sessions.put("stage", Status.WAITING)
        viewer = PageViewer(gauge)
        await viewer.open(server.link("stage"), stack)
        yield PagePlace(server, viewer)


PLACES = {"room": room_place, "page": page_place}


@asynccontextmanager
async def performing(
    figure: Figure, renderers: HelperRenderers, place: Place
) -> AsyncIterator[Performance]:
    loop = asyncio.get_running_loop()
    performance = Performance(figure.format, loop, max_ahead=300)
    settings = FaceSettings(str(figure.avatar), figure.format, figure.codec, seed=1)
    face = await renderers.open(settings, performance)
    venue = await place.open(figure)
    performance.begin(face, [venue])
    try:
        yield performance
    finally:
        performance.close()
        face.close()
        await venue.close()


async def bench_offset(options: argparse.Namespace, figure: Figure, parts: Parts) -> None:
    async with parts.place() as place, performing(figure, parts.renderers, place) as performance:
        await place.ready()
        await asyncio.sleep(1)
        performance.voice(utterances(options.utterances, VOICE_RATE), VOICE_RATE)
        await asyncio.sleep(options.utterances * (UTTERANCE + PAUSE) + 1)
        opens, closes, both = offsets(place.seen)
        figure.say(
            "offset",
            offset_ms=spread(both),
            opens_ms=spread(opens),
            closes_ms=spread(closes),
            pictures_late=performance.figures.late,
            **await place.ready(),
        )


async def bench_interrupt(options: argparse.Namespace, figure: Figure, parts: Parts) -> None:
    silent, closed = [], []
    # Made before, since what holds up the event loop fills the viewer's buffers.
    said = vowel(5, VOICE_RATE)
    async with parts.place() as place, performing(figure, parts.renderers, place) as performance:
        seen = place.seen
        await place.ready()
        for _ in range(options.interrupts):
            heard = len(seen.runs())
            performance.voice(said, VOICE_RATE)
            await seen.until(lambda heard=heard: len(seen.runs()) > heard)
            await asyncio.sleep(0.6 + random.random() * 0.2)
            began = time.monotonic()
            performance.interrupt()
            await asyncio.sleep(0.7)
            silent.append(seen.runs()[-1][1] - began)
            shut = seen.closes(began + 0.35, 0.35)
            if shut is not None:
                closed.append(shut - began)
        figure.say("interrupt", silent_ms=spread(silent), closed_ms=spread(closed))


async def bench_begin(options: argparse.Namespace, figure: Figure, parts: Parts) -> None:
    pictures, sounds, lips = [], [], []
    said = vowel(1, VOICE_RATE)
    for _ in range(options.beginnings):
        async with parts.place() as place:
            seen, began = place.seen, time.monotonic()
            async with performing(figure, parts.renderers, place) as performance:
                await place.ready()
                pictures.append(seen.pictures[0][0] - began)
                await asyncio.sleep(1)
                spoke = time.monotonic()
                performance.voice(said, VOICE_RATE)
                await asyncio.sleep(1)
                sounds.append(seen.runs()[0][0] - spoke)
                moved = seen.opens(spoke + 0.4, 0.4)
                if moved is not None:
                    lips.append(moved - spoke)
    figure.say(
        "begin",
        first_picture_ms=spread(pictures),
        first_sound_ms=spread(sounds),
        first_lip_ms=spread(lips),
    )


class Parts:
    """What the measures share."""

    def __init__(self, figure: Figure, renderers: HelperRenderers, gauge: MouthGauge) -> None:
        self.renderers = renderers
        self._figure, self._gauge = figure, gauge

    def place(self) -> Any:
        return PLACES[self._figure.viewer](self._gauge)


BENCHES = {"offset": bench_offset, "interrupt": bench_interrupt, "begin": bench_begin}


async def main(options: argparse.Namespace) -> None:
    library = AvatarLibrary()
    avatar = library.find(options.avatar or library.ids()[0])
    figure = Figure(avatar, FORMATS[options.quality], options.codec, options.viewer)
    wanted = [*BENCHES, "hour"] if options.bench == "all" else [options.bench]
    renderers = HelperRenderers(1, 4)
    try:
        if wanted != ["hour"]:
            await renderers.start()
        parts = Parts(figure, renderers, MouthGauge(avatar, figure.format))
        for name in wanted:
            if name == "hour":
                figure.say("hour", **bench_hour(avatar, figure.format, options.minutes))
            else:
                await BENCHES[name](options, figure, parts)
    finally:
        await renderers.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", choices=[*BENCHES, "hour", "all"])
    parser.add_argument("--avatar", default="")
    parser.add_argument("--quality", choices=list(FORMATS), default="medium")
    parser.add_argument("--codec", choices=list(CODECS), default="H264")
    parser.add_argument("--viewer", choices=list(PLACES), default="room")
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--interrupts", type=int, default=30)
    parser.add_argument("--beginnings", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=60)
    asyncio.run(main(parser.parse_args()))
