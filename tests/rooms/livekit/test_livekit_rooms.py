"""What can go wrong with a LiveKit server, and what an agent's own tracks do without one."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any, cast

import httpx
import numpy as np
import pytest
from livekit import rtc
from starlette.applications import Starlette

from greenroom.errors import ConfigurationError, InvalidInput
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed
from greenroom.rooms.livekit.audio_track import LiveKitAudioTrack
from greenroom.rooms.livekit.positions import Positions
from greenroom.rooms.livekit.rooms import LiveKitRooms
from greenroom.rooms.livekit.video_track import LiveKitVideoTrack
from greenroom.rooms.ports import EncodedFrame, Joining
from greenroom.rooms.rtc.media import VP8, Codec
from support.encoding import encoded_pictures
from support.room_client import tone
from support.rooms import KEY, SECRET, running_rooms
from support.serving import serving

AGENT = Joining("room", "agent")
NOBODY = "ws://127.0.0.1:9"


def rooms_at(url: str, secret: str = SECRET) -> LiveKitRooms:
    return LiveKitRooms(url, KEY, secret, asyncio.get_running_loop())


async def test_clients_are_told_the_servers_address_or_the_one_that_they_reach_it_by() -> None:
    loop, public = asyncio.get_running_loop(), "wss://rooms.example.com"
    assert LiveKitRooms(NOBODY, KEY, SECRET, loop).url == NOBODY
    assert LiveKitRooms(NOBODY, KEY, SECRET, loop, public_url=public).url == public


async def test_a_wrong_secret_is_refused_for_good() -> None:
    async with running_rooms() as running:
        rooms = rooms_at(running.url, "wrong")
        with pytest.raises(RoomsFailed, match="401") as caught:
            await rooms.check()
        assert not caught.value.retryable
        with pytest.raises(RoomsFailed, match="no connection"):
            await rooms.join(AGENT)
        await rooms.close()


async def test_a_server_that_is_not_there_may_come_back() -> None:
    rooms = rooms_at(NOBODY)
    for call in (rooms.check(), rooms.close_room("room")):
        with pytest.raises(RoomsFailed, match="can't be reached") as caught:
            await call
        assert caught.value.retryable
    await rooms.close()


async def test_a_server_of_something_else_is_no_livekit_server() -> None:
    async with serving(Starlette()) as url:
        rooms = rooms_at(url.replace("http", "ws", 1))
        for call in (rooms.check(), rooms.close_room("room")):
            with pytest.raises(RoomsFailed, match="404"):
                await call
        await rooms.close()


async def test_all_calls_of_the_servers_interface_have_one_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[httpx.AsyncClient] = []

    class Client(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(httpx, "AsyncClient", Client)
    async with running_rooms() as running:
        rooms = rooms_at(running.url)
        await asyncio.gather(rooms.check(), rooms.close_room("room"), rooms.check())
        await rooms.close()
    assert [client.is_closed for client in made] == [True]


async def test_without_the_sdk_it_is_said_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "greenroom.rooms.livekit.room", cast("Any", None))
    for call in (rooms_at(NOBODY).check(), rooms_at(NOBODY).join(AGENT)):
        with pytest.raises(ConfigurationError, match=r"pip install 'greenroom\[livekit\]'"):
            await call


async def test_closed_rooms_are_left_and_not_joined() -> None:
    async with running_rooms() as running:
        rooms = rooms_at(running.url)
        room = await rooms.join(AGENT)
        await rooms.close()
        with pytest.raises(RoomIsClosed):
            await room.send_data(b"")
        with pytest.raises(RoomsFailed, match="closed"):
            await rooms.join(AGENT)


def test_a_position_is_on_the_line_of_its_last_point_and_never_goes_back() -> None:
    positions = Positions(1_000)
    assert positions.heard(5.0) == 0
    positions.note(10.0, 0, 60)
    positions.note(10.04, 40, 80)
    assert [positions.heard(moment) for moment in (9.0, 10.03, 10.05, 10.5)] == [0, 30, 50, 80]
    positions.note(11.0, 70, 70)  # taken back
    assert positions.heard(11.5) == 80


class Voice:
    """A voice that no room has: the SDK's source plays all the same."""

    def __init__(self, rate: int = 48_000) -> None:
        self.track = LiveKitAudioTrack(rate, asyncio.get_running_loop(), name="voice", room="room")
        self.subscribed = asyncio.Event()
        publication = SimpleNamespace(sid="TR_1", wait_for_subscription=self.subscribed.wait)
        self.track.begin(cast("rtc.LocalTrackPublication", publication))


async def test_a_voice_plays_to_its_end_in_pieces_of_any_size() -> None:
    track = Voice(8_000).track
    assert (track.sid, track.rate, track.sent_ms) == ("TR_1", 8_000, 0)
    for piece in np.array_split(tone(200, 8_000), 13):
        track.write(piece)
    track.write(tone(0))
    async with asyncio.timeout(5):
        await track.wait_until_queued(0)
    assert (track.sent_ms, track.queued_ms) == (200, 0)
    await track.close()


async def test_a_pause_and_a_flush_count_every_sample_once() -> None:
    track = Voice().track
    track.write(tone(500))
    async with asyncio.timeout(5):
        await track.wait_until_queued(350)
    track.pause()
    track.pause()
    held = track.sent_ms
    assert held + track.queued_ms == pytest.approx(500, abs=0.1)
    waiting = asyncio.create_task(track.wait_until_queued(100))
    await asyncio.sleep(0)
    track.flush()
    await waiting
    assert (track.queued_ms, track.sent_ms) == (0, held)
    track.write(tone(40))
    async with asyncio.timeout(5):
        await track.wait_until_queued(0)
    assert track.sent_ms == pytest.approx(held + 40, abs=0.1)
    await track.close()


async def test_a_voice_waits_for_its_first_subscriber_or_its_end() -> None:
    voice = Voice()
    waiting = [asyncio.create_task(voice.track.wait_until_received()) for _ in range(2)]
    await asyncio.sleep(0)
    voice.track.write(tone(10))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    voice.subscribed.set()
    await asyncio.gather(*waiting)
    await voice.track.wait_until_received()
    await voice.track.close()
    with pytest.raises(RoomIsClosed):
        await voice.track.wait_until_received()


async def test_a_voice_takes_ten_minutes_ahead_and_nothing_when_it_has_ended() -> None:
    track = Voice(8_000).track
    track.pause()
    minute = np.zeros(60 * 8_000, np.int16)
    for _ in range(10):
        track.write(minute)
    with pytest.raises(InvalidInput):
        track.write(minute)
    waiting = asyncio.create_task(track.wait_until_queued(0))
    await asyncio.sleep(0)
    await track.close()
    await track.close()
    with pytest.raises(RoomIsClosed):
        await waiting
    track.write(minute)
    track.set_muted(True)
    assert track.queued_ms == 0


async def test_a_picture_of_an_unknown_codec_is_refused() -> None:
    with pytest.raises(InvalidInput, match="h265"):
        LiveKitVideoTrack(Codec("video", "h265", 90_000), 64, 48, name="face")


async def test_a_picture_wants_a_keyframe_until_it_has_one() -> None:
    track = LiveKitVideoTrack(VP8, 64, 48, name="face")
    assert track.sid == ""
    wanted = [track.keyframe_wanted]
    for frame in encoded_pictures("vp8", 64, 48, 1):
        track.write(frame)
        wanted.append(track.keyframe_wanted)
    track.write(EncodedFrame(b"", 1.0, False))
    await track.close()
    track.write(frame)
    assert wanted == [True, False]
