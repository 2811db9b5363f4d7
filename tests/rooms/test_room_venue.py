from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest
from livekit import rtc

from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed
from greenroom.rooms.in_step import PICTURE_DELAY
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.room_venue import AVATAR, RoomVenue
from greenroom.rooms.rtc.media import VP8
from greenroom.rooms.venue import VENUE_RATE, VenuePicture
from greenroom.testing.clock import ManualClock
from greenroom.testing.room import ScriptedRoom
from greenroom.testing.rooms import ScriptedRooms
from support.encoding import encoded_pictures
from support.livekit_client import TIMEOUT, Client, connected, hears, sine
from support.rooms import room_token, running_rooms

PICTURE = VenuePicture(VP8, 64, 48, 25)
PIECE = VENUE_RATE // 25


class Opened:
    """A venue in a scripted room."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.rooms = ScriptedRooms(self.clock)
        self.gone: list[str] = []

    async def open(self) -> RoomVenue:
        return await RoomVenue.open(
            self.rooms, "stage", PICTURE, self.clock, on_gone=self.gone.append
        )

    @property
    def room(self) -> ScriptedRoom:
        return self.rooms.joined[0]


@pytest.fixture
def opened() -> Opened:
    return Opened()


async def test_it_joins_as_an_agent_and_publishes_a_voice_and_a_picture(opened: Opened) -> None:
    venue = await opened.open()
    agent = opened.rooms.agents[0]
    assert (agent.room, agent.identity, agent.kind, venue.name) == (
        "stage",
        AVATAR,
        "agent",
        "room",
    )
    assert [track.rate for track in opened.room.audio_tracks] == [VENUE_RATE]
    assert [track.name for track in opened.room.video_tracks] == [AVATAR]


async def test_sound_and_pictures_go_to_its_tracks(opened: Opened) -> None:
    venue = await opened.open()
    frame = EncodedFrame(b"picture", 0.0, True)
    assert venue.keyframe_wanted
    venue.play(np.ones(PIECE, np.int16))
    venue.show(frame)
    assert not venue.keyframe_wanted
    opened.clock.advance(PICTURE_DELAY)
    assert opened.room.video_tracks[0].frames == [frame]
    venue.flush()
    assert opened.room.audio_tracks[0].calls == ["write", "flush"]


async def test_its_room_ends_with_it(opened: Opened) -> None:
    venue = await opened.open()
    await venue.close()
    await venue.close()
    assert opened.room.closed
    assert opened.rooms.closed_rooms == ["stage"]
    assert opened.gone == []


async def test_it_tells_once_that_its_room_has_ended(opened: Opened) -> None:
    venue = await opened.open()
    opened.room.end("participant_removed")
    opened.room.end("room_deleted")
    assert opened.gone == ["the room is closed (participant_removed)"]
    venue.play(np.ones(PIECE, np.int16))
    venue.show(EncodedFrame(b"picture", 0.0, True))
    await venue.close()
    assert opened.clock.pending == 0


async def test_a_room_that_can_not_be_published_in_is_left(opened: Opened) -> None:
    room = opened.rooms.prepare("stage")
    room.end()
    with pytest.raises(RoomIsClosed):
        await opened.open()
    assert room.closed


async def test_a_server_that_can_not_be_reached_does_not_keep_it_from_closing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(name: str) -> None:
        raise RoomsFailed("no answer")

    monkeypatch.setattr(opened.rooms, "close_room", fail)
    venue = await opened.open()
    await venue.close()
    assert opened.room.closed


async def test_livekits_client_hears_and_sees_an_avatar_in_a_real_room() -> None:
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    async with running_rooms() as running:
        rooms = EmbeddedRooms(running.server, running.url, loop)
        venue = await RoomVenue.open(rooms, "room", PICTURE, loop, on_gone=gone.set_result)
        tracks = running.server.get_participant("room", AVATAR).tracks
        assert len({track.stream for track in tracks if track.stream}) == 1, "not in step"
        async with connected(running.url, room_token("ann")) as client:
            playing = loop.create_task(_perform(venue))
            try:
                await asyncio.gather(_hears_a_tone(client), _sees_a_picture(client))
            finally:
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing
            running.server.remove_participant("room", AVATAR)
            async with asyncio.timeout(TIMEOUT):
                assert await gone == "the room is closed (participant_removed)"
            await venue.close()
            await client.saw("disconnected")


async def _perform(venue: RoomVenue) -> None:
    """A tone and pictures, as a stage hands them over: each picture with its own sound."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, frame in enumerate(_pictures()):
        await asyncio.sleep(max(0.0, start + number / PICTURE.rate - loop.time()))
        venue.play(sine(440, PIECE, number * PIECE))
        venue.show(frame)


def _pictures() -> list[EncodedFrame]:
    """Keyframes alone, so that a viewer can come at any time."""
    first = next(iter(encoded_pictures("vp8", PICTURE.width, PICTURE.height, 1)))
    return [EncodedFrame(first.data, number / PICTURE.rate, True) for number in range(500)]


async def _hears_a_tone(client: Client) -> None:
    track = await client.saw("track_subscribed", lambda track, *_: _kind(track) == "audio")
    await hears(track[0], 440, ms=300, least=0.99)


async def _sees_a_picture(client: Client) -> None:
    track = await client.saw("track_subscribed", lambda track, *_: _kind(track) == "video")
    stream = rtc.VideoStream(track[0])
    try:
        async with asyncio.timeout(TIMEOUT):
            async for event in stream:
                assert (event.frame.width, event.frame.height) == (PICTURE.width, PICTURE.height)
                break
    finally:
        await stream.aclose()


def _kind(track: rtc.Track) -> str:
    return "audio" if track.kind == rtc.TrackKind.KIND_AUDIO else "video"
