"""A talk in a room begins when somebody hears the agent, and waits for nobody for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.talk import RECEPTION_TIMEOUT, VOICELESS, RoomTalk
from greenroom.settings import RoomSettings
from greenroom.testing import ManualClock, ScriptedAudioTrack, ScriptedRoom, ScriptedRooms


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Place:
    """A talk in a room that receives the agent's voice only when the test says so."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[bool] = []
        self.gone: list[str] = []

    async def open(self) -> None:
        rooms = ScriptedRooms(self.clock)
        self.talk = await RoomTalk.open(
            rooms,
            "room",
            settings=RoomSettings(),
            clock=self.clock,
            voice_rate=24_000,
            on_presence=self.told.append,
            on_absent=lambda: None,
            on_gone=self.gone.append,
        )
        self.room: ScriptedRoom = rooms.joined[0]
        self.room.voices_are_received = False
        self.talk.attend()

    @property
    def voice(self) -> ScriptedAudioTrack:
        (track,) = self.room.audio_tracks
        return track

    async def enter(self, identity: str = "ada") -> None:
        self.room.enter(identity)
        await settle()

    async def leave(self, identity: str = "ada") -> None:
        self.room.leave(identity)
        await settle()

    async def receive(self) -> None:
        self.voice.received = True
        await settle()

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.open()
    yield place
    await place.talk.close()
    await settle()
    assert place.clock.pending == 0


async def test_somebody_is_there_when_the_voice_reaches_them(place: Place) -> None:
    await place.enter()
    assert (place.told, place.talk.audible, place.talk.anybody) == ([], False, True)
    await place.receive()
    assert (place.told, place.talk.audible) == ([True], True)
    await place.wait(RECEPTION_TIMEOUT)
    await place.leave()
    assert (place.told, place.talk.audible) == ([True, False], False)


async def test_a_voice_that_nobody_takes_is_used_all_the_same_in_the_end(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "greenroom.rooms.talk")
    await place.enter()
    await place.wait(RECEPTION_TIMEOUT - 0.01)
    assert place.told == []
    await place.wait(0.01)
    assert place.told == [True]
    assert caplog.messages == ["room room: nobody receives the agent's voice yet"]
    await place.receive()
    assert place.told == [True]


async def test_who_leaves_before_hearing_anything_was_not_there(place: Place) -> None:
    await place.enter()
    await place.leave()
    await place.receive()
    await place.wait(RECEPTION_TIMEOUT)
    assert place.told == []


async def test_whoever_comes_next_has_the_whole_time(place: Place) -> None:
    await place.enter("ada")
    await place.wait(RECEPTION_TIMEOUT - 0.1)
    place.room.leave("ada")
    await place.enter("bob")
    await place.wait(RECEPTION_TIMEOUT - 0.1)
    assert place.told == []
    await place.receive()
    assert place.told == [True]


async def test_whoever_stays_counts(place: Place) -> None:
    await place.enter("ada")
    await place.enter("bob")
    await place.leave("ada")
    await place.receive()
    assert place.told == [True]
    assert len(place.room.audio_tracks) == 1


async def test_who_comes_back_is_there_when_they_hear_again(place: Place) -> None:
    await place.enter()
    await place.receive()
    await place.leave()
    place.voice.received = False
    await place.enter()
    assert place.told == [True, False]
    await place.receive()
    assert place.told == [True, False, True]


async def test_a_voice_is_published_once_though_people_come_and_go_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, go_on = place.room.publish_audio, asyncio.Event()

    async def publish_slowly(rate: int) -> ScriptedAudioTrack:
        await go_on.wait()
        return await publish(rate)

    monkeypatch.setattr(place.room, "publish_audio", publish_slowly)
    await place.enter()
    await place.leave()
    await place.enter()
    await place.leave()
    go_on.set()
    await settle()
    await place.receive()
    assert place.told == []
    await place.enter()
    assert place.told == [True]


async def test_a_room_that_ends_meanwhile_is_gone_for_its_own_reason(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await place.enter()
    place.room.end("room_deleted")
    await settle()
    assert (place.gone, place.told) == (["room_deleted"], [])
    assert not caplog.messages


async def test_a_voice_that_ends_meanwhile_ends_the_talk(place: Place) -> None:
    await place.enter()
    place.voice.end()
    await settle()
    assert (place.gone, place.told) == ([VOICELESS], [])
    with pytest.raises(RoomIsClosed):
        await place.voice.wait_until_received()


async def test_a_talk_that_is_closed_meanwhile_waits_no_more(place: Place) -> None:
    await place.enter()
    await place.talk.close()
    assert place.clock.pending == 0
    place.voice.received = True
    await settle()
    assert (place.told, place.gone) == ([], [])
