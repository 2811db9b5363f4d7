"""The scripted room does what the ports of rooms say."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed, RpcFailed
from greenroom.rooms.ports import (
    AudioTrack,
    DataReceived,
    EncodedFrame,
    Joining,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Room,
    RoomClosed,
    RoomEvent,
    Rooms,
    Segment,
    TextReceived,
    TextWriter,
    TrackEnded,
    TrackMuted,
    TrackStarted,
    VideoFrame,
    VideoTrack,
)
from greenroom.rooms.rtc.media import VP8
from greenroom.testing import ManualClock, ScriptedAudioTrack, ScriptedRoom, ScriptedRooms


def ms(length: int, value: int = 1) -> Pcm:
    return np.full(length * 16, value, np.int16)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def voice(clock: ManualClock | None, delay_ms: float = 0.0) -> ScriptedAudioTrack:
    return await ScriptedRoom(clock=clock, delay_ms=delay_ms).publish_audio(16_000)


async def test_the_doubles_fit_the_ports() -> None:
    rooms: Rooms = ScriptedRooms()
    room: Room = await rooms.join(Joining("r", "agent"))
    audio: AudioTrack = await room.publish_audio(24_000)
    video: VideoTrack = await room.publish_video(VP8, 320, 240)
    text: TextWriter = await room.open_text(topic="lk.chat")
    await text.close()
    assert len({audio.sid, video.sid}) == 2
    assert (rooms.url, room.name, room.identity) == ("ws://127.0.0.1:7880", "r", "agent")
    assert (audio.rate, audio.queued_ms) == (24_000, 0)


async def test_a_listener_is_told_who_is_there_and_all_that_follows_in_order() -> None:
    room = ScriptedRoom()
    ann = room.enter("ann", name="Ann")
    events: list[RoomEvent] = []
    room.listen(events.append)
    (sid,) = [e.sid for e in events if isinstance(e, TrackStarted)]
    assert events[0] == ParticipantJoined(ann)
    del events[:]
    room.mute_track(sid)
    camera = room.start_track("ann", "video", "camera")
    later = room.change("ann", attributes={"mood": "good"})
    room.send_data_from("ann", b"x", topic="t", reliable=False)
    room.send_text_from("ann", "hello")
    room.end_track(camera)
    room.leave("ann", "signal_close")
    room.end("room_deleted")
    room.send_text_from("ann", "too late")
    assert events == [
        TrackMuted(ann, sid, True),
        TrackStarted(ann, camera, "video", "camera"),
        ParticipantChanged(later),
        DataReceived("ann", b"x", "t", False),
        TextReceived("ann", "hello", "lk.chat"),
        TrackEnded(later, camera),
        TrackEnded(later, sid),
        ParticipantLeft(later, "signal_close"),
        RoomClosed("room_deleted"),
    ]
    assert (later.name, later.attributes, room.participants()) == ("Ann", {"mood": "good"}, ())


def test_only_people_with_an_open_microphone_are_heard() -> None:
    room = ScriptedRoom()
    heard: list[str] = []
    room.hear(lambda who, _pcm: heard.append(who), rate=16_000)
    room.enter("ann")
    room.enter("bot", kind="agent")
    room.enter("spy", hidden=True)
    room.enter("mute", microphone=False)
    track = room.start_track("mute", muted=True)
    for who in ("ann", "bot", "spy", "mute"):
        room.speak(who, ms(20))
    assert heard == ["ann"]
    room.mute_track(track, False)
    room.speak("mute", ms(20))
    assert heard == ["ann", "mute"]
    with pytest.raises(ValueError, match="asked for 16000 Hz"):
        room.speak("ann", ms(20), rate=48_000)
    room.end()
    room.speak("ann", ms(20))
    assert heard == ["ann", "mute"]


def test_pictures_of_people_are_seen() -> None:
    room = ScriptedRoom()
    seen: list[str] = []
    room.watch(lambda who, _frame: seen.append(who))
    room.enter("ann")
    room.enter("bot", kind="agent")
    chroma = np.zeros((1, 1), np.uint8)
    frame = VideoFrame(np.zeros((2, 2), np.uint8), chroma, chroma, 0.0)
    room.show("ann", frame)
    room.show("bot", frame)
    assert seen == ["ann"]


async def test_without_a_clock_sound_leaves_at_once() -> None:
    track = await voice(None)
    track.write(ms(100))
    track.write(ms(0))
    assert (track.queued_ms, track.sent_ms, track.heard_ms) == (0, 100, 100)
    await track.wait_until_queued(0)
    track.pause()
    track.write(ms(50, 2))
    assert (track.queued_ms, track.sent_ms) == (50, 100)
    track.resume()
    assert (track.queued_ms, track.sent_ms) == (0, 150)
    assert track.played.tolist() == track.pcm.tolist()
    assert track.calls == ["write", "pause", "write", "resume"]


async def test_sound_leaves_in_the_clock_s_time_and_is_heard_later() -> None:
    clock = ManualClock()
    track = await voice(clock, delay_ms=100)
    clock.advance(1)
    track.write(ms(300))
    assert (track.queued_ms, track.sent_ms, track.heard_ms) == (300, 0, 0)
    clock.advance(0.15)
    assert (track.queued_ms, track.sent_ms) == (150, 150)
    assert track.heard_ms == pytest.approx(50, abs=0.1)
    clock.advance(0.2)
    assert (track.queued_ms, track.sent_ms) == (0, 300)
    assert track.heard_ms == pytest.approx(250, abs=0.1)
    clock.advance(5)
    assert (track.sent_ms, track.heard_ms) == (300, 300)
    track.write(ms(10))
    clock.advance(0.005)
    assert (track.queued_ms, track.heard_ms) == (5, 300)


async def test_a_flush_drops_what_has_not_left_and_that_never_counts() -> None:
    clock = ManualClock()
    track = await voice(clock)
    track.write(ms(100, 1))
    clock.advance(0.03)
    track.pause()
    track.flush()
    clock.advance(1)
    assert (track.queued_ms, track.sent_ms, track.heard_ms) == (0, 30, 30)
    track.write(ms(20, 2))
    clock.advance(1)
    assert track.sent_ms == 50
    assert track.played.tolist() == [1] * 480 + [2] * 320


async def test_a_pause_holds_and_a_resume_goes_on_where_it_held() -> None:
    clock = ManualClock()
    track = await voice(clock)
    track.write(ms(100))
    clock.advance(0.04)
    track.pause()
    clock.advance(1)
    assert (track.queued_ms, track.sent_ms, track.heard_ms) == (60, 40, 40)
    track.resume()
    clock.advance(0.01)
    assert (track.queued_ms, track.sent_ms) == (50, 50)


async def test_what_is_written_while_muted_plays_as_silence() -> None:
    track = await voice(None)
    track.set_muted(True)
    track.write(ms(1))
    track.set_muted(False)
    track.write(ms(1))
    assert track.played.tolist() == [0] * 16 + [1] * 16


async def test_waiting_ends_as_the_queue_gets_short_or_the_track_ends() -> None:
    clock = ManualClock()
    room = ScriptedRoom(clock=clock)
    track = await room.publish_audio(16_000)
    track.write(ms(100))
    waits = [asyncio.create_task(track.wait_until_queued(m)) for m in (60, 20)]
    await settle()
    clock.advance(0.05)
    await settle()
    assert [w.done() for w in waits] == [True, False]
    clock.advance(0.05)
    await settle()
    assert waits[1].done()
    track.pause()
    track.write(ms(100))
    wait = asyncio.create_task(track.wait_until_queued(0))
    await settle()
    clock.advance(9)
    await settle()
    assert not wait.done()
    await room.unpublish(track.sid)
    await room.unpublish("TR_other")
    with pytest.raises(RoomIsClosed):
        await wait
    with pytest.raises(RoomIsClosed):
        await track.wait_until_queued(0)
    track.write(ms(10))
    assert (track.queued_ms, clock.pending) == (0, 0)


async def test_pictures_are_kept_and_a_keyframe_is_wanted_first() -> None:
    room = ScriptedRoom()
    track = await room.publish_video(VP8, 320, 240)
    frames = [EncodedFrame(b"a", 0, False), EncodedFrame(b"b", 0.04, True)]
    wanted: list[bool] = []
    for frame in frames:
        track.write(frame)
        wanted.append(track.keyframe_wanted)
    assert wanted == [True, False]
    await room.close()
    track.write(frames[0])
    assert track.frames == frames


async def test_what_the_agent_sends_is_kept() -> None:
    room = ScriptedRoom()
    await room.send_data(b"x", topic="t", to=["ann"])
    with pytest.raises(InvalidInput):
        await room.send_data(bytes(20_000))
    await room.send_text("whole", topic="lk.chat", sender="ann")
    writer = await room.open_text(topic="lk.transcription", attributes={"a": "1"})
    await writer.write("in ")
    await writer.write("pieces")
    await room.send_transcription("ann", "TR_1", [Segment("s", "hi", True)])
    await room.set_attributes({"a": "1", "b": "2"})
    await room.set_attributes({"a": ""})
    await room.set_metadata("{}")
    whole, pieces = room.sent_texts
    assert (room.sent_data[0].payload, room.sent_data[0].to) == (b"x", ("ann",))
    assert (whole.text, whole.sender, whole.complete) == ("whole", "ann", True)
    assert (pieces.text, pieces.complete) == ("in pieces", False)
    await writer.close({"b": "2"})
    assert (pieces.attributes, pieces.complete) == ({"a": "1", "b": "2"}, True)
    assert room.transcriptions == [("ann", "TR_1", (Segment("s", "hi", True),))]
    assert (room.attributes, room.metadata) == ({"b": "2"}, "{}")


async def test_calls_are_answered_both_ways_as_clients_answer_them() -> None:
    room = ScriptedRoom()
    room.enter("ann")

    async def shout(payload: str) -> str:
        return payload.upper()

    async def handler(caller: str, payload: str) -> str:
        if payload == "refuse":
            raise RpcFailed(42, "no")
        return f"{caller}: {payload[0]}"

    room.rpc_answers = {("ann", "a"): "yes", ("ann", "b"): shout, ("ann", "c"): RpcFailed(7, "!")}
    room.handle_rpc("m", handler)
    assert await room.call_rpc("ann", "a", "") == "yes"
    assert await room.call_rpc("ann", "b", "x") == "X"
    assert await room.call_from("ann", "m", "hi") == "ann: h"
    failing: list[tuple[int, Any]] = [
        (7, room.call_rpc("ann", "c", "")),
        (1400, room.call_rpc("ann", "d", "")),
        (1401, room.call_rpc("bob", "a", "")),
        (1400, room.call_from("ann", "n")),
        (1500, room.call_from("ann", "m", "")),
        (42, room.call_from("ann", "m", "refuse")),
    ]
    for code, call in failing:
        with pytest.raises(RpcFailed) as caught:
            await call
        assert caught.value.code == code
    assert room.rpc_calls[0] == ("ann", "a", "")


async def test_a_room_that_is_left_is_closed() -> None:
    room = ScriptedRoom()
    events: list[RoomEvent] = []
    room.listen(events.append)
    await room.close()
    await room.close()
    room.end()
    assert (room.closed, events) == (True, [])
    for call in (room.send_data(b""), room.publish_audio(16_000), room.set_metadata("")):
        with pytest.raises(RoomIsClosed, match="closed"):
            await call


async def test_rooms_are_joined_prepared_closed_and_refused() -> None:
    rooms = ScriptedRooms(ManualClock())
    prepared = rooms.prepare("b")
    prepared.enter("ann")
    waiting = asyncio.create_task(rooms.wait_for("b"))
    first = await rooms.join(Joining("a", "one", attributes={"k": "v"}))
    await settle()
    assert not waiting.done()
    second = await rooms.join(Joining("b", "two", metadata="m"))
    assert (await waiting) is second is prepared
    assert (first.identity, first.attributes) == ("one", {"k": "v"})
    assert (second.identity, second.metadata) == ("two", "m")
    events: list[RoomEvent] = []
    first.listen(events.append)
    await rooms.check()
    await rooms.close_room("a")
    await rooms.close_room("nobody's")
    assert (events, rooms.closed_rooms) == ([RoomClosed("room_deleted")], ["a", "nobody's"])
    rooms.failure = RoomsFailed("away")
    with pytest.raises(RoomsFailed):
        await rooms.join(Joining("c", "three"))
    with pytest.raises(RoomsFailed):
        await rooms.check()
    await rooms.close()
    assert rooms.closed
    with pytest.raises(RoomIsClosed):
        await second.send_data(b"")
