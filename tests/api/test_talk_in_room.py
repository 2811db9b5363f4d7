"""A session's client takes room and token and talks there instead of by base64."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api.conftest import StartApi
from greenroom.audio.pcm import samples_of
from greenroom.rooms.errors import RoomsFailed
from greenroom.sessions.model import EndReason, Status
from greenroom.testing import ScriptedAgent, ScriptedSynthesizer
from greenroom.testing.room import ScriptedRoom
from greenroom.testing.rooms import ScriptedRooms
from support.commerce import RunningApi, Voice, silence, tone


class Place:
    """An API whose talks may take place in scripted rooms."""

    def __init__(self, api: RunningApi, rooms: ScriptedRooms) -> None:
        self.api, self.rooms = api, rooms

    async def room(self, voice: Voice) -> ScriptedRoom:
        async with asyncio.timeout(5):
            return await self.rooms.wait_for(voice.ready["room"])


StartPlace = Callable[..., Any]


@pytest.fixture
async def place(start_api: StartApi) -> StartPlace:
    async def start(**options: Any) -> Place:
        rooms = ScriptedRooms(asyncio.get_running_loop())
        return Place(await start_api(rooms=rooms, **options), rooms)

    return start


async def until(true: Callable[[], object]) -> None:
    """The scripted room tells nobody what it was given."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def speak(room: ScriptedRoom, who: str = "ada", words_ms: int = 1_000) -> None:
    """A turn, in frames of 20 ms as a room hands them over."""
    for sound in (tone(words_ms), silence(1_600)):
        for start in range(0, len(sound), samples_of(20)):
            room.speak(who, sound[start : start + samples_of(20)])


@asynccontextmanager
async def in_room(place: Place, **data: Any) -> AsyncIterator[tuple[Voice, ScriptedRoom]]:
    """A socket whose client is in its room too."""
    async with place.api.talk(**data) as voice:
        room = await place.room(voice)
        room.enter("ada")
        await until(lambda: room.audio_tracks)
        yield voice, room


async def test_who_joins_the_room_speaks_and_listens_there(place: StartPlace) -> None:
    here = await place(agent=ScriptedAgent(["Two shoes."]))
    async with in_room(here) as (voice, room):
        speak(room)
        assert (await voice.receive("transcription"))["text"] == "hello"
        assert (await voice.receive("agent.response"))["text"] == "Two shoes."
        track = room.audio_tracks[0]
        await until(lambda: len(track.played) >= samples_of(390, track.rate))
        await voice.send("session.end")
        # What came over the socket is told apart: words do, sound does not.
        with pytest.raises(ConnectionClosed):
            await voice.wait_for("audio.output")
        assert await voice.closed() == (1000, "session ended")
    assert here.rooms.closed_rooms == [room.name]
    assert room.closed


async def test_the_room_has_the_transcript_and_the_agents_state(place: StartPlace) -> None:
    here = await place(agent=ScriptedAgent(["Two shoes."]))
    async with in_room(here) as (voice, room):
        await until(lambda: room.attributes.get("lk.agent.state") == "listening")
        speak(room)
        await until(lambda: room.attributes.get("lk.agent.state") == "speaking")
        await until(lambda: room.attributes.get("lk.agent.state") == "listening")
        await until(lambda: any(who == "agent" and s[0].final for who, _, s in room.transcriptions))
    said = {text.sender or "agent": text for text in room.sent_texts}
    assert said["ada"].text == "hello"
    assert said["ada"].attributes["lk.transcription_final"] == "true"
    assert said["agent"].text == "Two shoes."
    assert said["agent"].complete
    assert said["agent"].topic == "lk.transcription"
    assert said["agent"].attributes["lk.transcribed_track_id"] == room.audio_tracks[0].sid
    user = [segments[0] for who, _, segments in room.transcriptions if who == "ada"]
    assert [(s.text, s.final) for s in user][-1] == ("hello", True)
    assert voice.session_id


async def test_without_anybody_in_the_room_replies_go_to_the_socket(place: StartPlace) -> None:
    here = await place()
    async with in_room(here) as (voice, room):
        room.leave("ada")
        await voice.say_something()
        assert await voice.wait_for("audio.output")
        assert not len(room.audio_tracks[0].pcm)


async def test_while_the_room_does_not_receive_them_replies_go_to_the_socket(
    place: StartPlace,
) -> None:
    here = await place()
    async with here.api.talk() as voice:
        room = await here.room(voice)
        room.voices_are_received = False
        room.enter("ada")
        await until(lambda: room.audio_tracks)
        await voice.say_something()
        assert await voice.wait_for("audio.output")
        assert not len(room.audio_tracks[0].pcm)


async def test_a_reply_that_nobody_hears_any_more_is_cut_where_they_left(
    place: StartPlace,
) -> None:
    here = await place(
        agent=ScriptedAgent(["One long answer that goes on and on."]),
        synthesizer=ScriptedSynthesizer(length_ms=60_000),
    )
    async with in_room(here, events=["agent.interrupted"]) as (voice, room):
        speak(room)
        await until(lambda: room.audio_tracks[0].sent_ms > 60)
        room.leave("ada")
        interrupted = await voice.wait_for("agent.interrupted")
        assert 0 < interrupted["played_ms"] < 5_000


async def test_the_talk_goes_on_in_the_room_when_the_socket_is_lost(place: StartPlace) -> None:
    here = await place(agent=ScriptedAgent(["One.", "Two."]))
    async with in_room(here) as (voice, room):
        pass
    speak(room)
    await until(lambda: any(text.text == "One." and text.complete for text in room.sent_texts))
    assert len(here.api.conversations.opened) == 1
    # And a socket that comes back finds it going on.
    async with here.api.talk(session_id=voice.session_id) as again:
        speak(room)
        assert (await again.receive("transcription"))["text"] == "hello"
        assert (await again.receive("agent.response"))["text"] == "Two."
        assert len(here.api.conversations.opened) == 1
        async with here.api.talk(session_id=voice.session_id):
            assert (await again.closed())[0] == 1008


async def test_the_session_ends_when_the_last_has_been_away_so_long(place: StartPlace) -> None:
    here = await place(settings={"rooms": {"human_absence": 0.1}})
    async with in_room(here) as (voice, room):
        pass
    room.leave("ada")
    room.enter("ada")  # a short absence is survived
    await asyncio.sleep(0)
    assert len(here.api.api.talks) == 1
    room.leave("ada")
    await until(lambda: len(here.api.api.talks) == 0)
    session = await here.api.sessions.get(voice.session_id)
    assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.DISCONNECTED)
    assert room.closed
    assert here.rooms.closed_rooms == [room.name]


async def test_a_room_that_is_closed_ends_a_talk_without_a_socket(place: StartPlace) -> None:
    here = await place()
    async with in_room(here) as (voice, room):
        pass
    room.end("room_deleted")
    await until(lambda: len(here.api.api.talks) == 0)
    session = await here.api.sessions.get(voice.session_id)
    assert session.end_reason is EndReason.DISCONNECTED


async def test_a_room_that_is_closed_leaves_a_talk_with_a_socket(place: StartPlace) -> None:
    here = await place(
        agent=ScriptedAgent(["One long answer that goes on and on.", "Two."]),
        synthesizer=ScriptedSynthesizer(length_ms=3_000),
    )
    async with in_room(here, events=["agent.interrupted"]) as (voice, room):
        speak(room)
        await until(lambda: room.audio_tracks[0].sent_ms > 60)
        room.end("room_deleted")
        assert await voice.wait_for("agent.interrupted")
        await voice.say_something()
        assert await voice.wait_for("audio.output")


async def test_a_deleted_session_ends_in_its_room(place: StartPlace) -> None:
    here = await place()
    async with in_room(here) as (voice, room):
        pass
    deleted = await here.api.client.delete(f"/api/sessions/{voice.session_id}")
    assert deleted.status_code == 200
    assert room.closed
    assert len(here.api.api.talks) == 0


async def test_draining_ends_a_talk_that_has_only_a_room(place: StartPlace) -> None:
    here = await place()
    async with in_room(here) as (voice, room):
        pass
    await here.api.api.drain(0)
    assert room.closed
    session = await here.api.sessions.get(voice.session_id)
    assert session.end_reason is EndReason.DRAINED


async def test_a_room_that_cannot_be_had_is_told_and_the_socket_serves(place: StartPlace) -> None:
    here = await place()
    here.rooms.failure = RoomsFailed("no answer")
    async with here.api.talk() as voice:
        assert (await voice.refusal())["code"] == "LIVEKIT_ERROR"
        await voice.say_something()
        assert await voice.wait_for("audio.output")


async def test_a_client_that_wants_no_room_gets_none(place: StartPlace) -> None:
    here = await place()
    async with here.api.talk(transport="websocket") as voice:
        await voice.say_something()
        assert await voice.wait_for("audio.output")
    assert here.rooms.joined == []


async def test_a_voice_that_cannot_be_published_leaves_the_socket(
    place: StartPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: ScriptedRoom, *args: Any, **kwargs: Any) -> Any:
        raise RoomsFailed("no track for you")

    monkeypatch.setattr(ScriptedRoom, "publish_audio", fail)
    here = await place()
    async with here.api.talk() as voice:
        room = await here.room(voice)
        room.enter("ada")
        await voice.say_something()
        assert await voice.wait_for("audio.output")
