"""What every room does for an agent, with LiveKit's own client on the other side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc import DisconnectReason

from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.errors import RoomIsClosed, RpcFailed
from greenroom.rooms.ports import (
    DataReceived,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RoomClosed,
    Segment,
    TextReceived,
    TrackEnded,
    TrackMuted,
    TrackStarted,
    VideoFrame,
)
from greenroom.rooms.rtc.media import H264, VP8, Codec
from support.agent_rooms import SERVINGS, Agent, Stage, staged
from support.encoding import encoded_pictures
from support.room_client import LOUD, RATE, RoomClient, purity, tone

LONG = "añ漢😀" * 4_000
"""40 kB: three chunks, whose borders fall into characters."""


@pytest.fixture(params=SERVINGS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with asyncio.timeout(30), staged(request.param) as stage:
        yield stage


async def met(stage: Stage) -> tuple[Agent, RoomClient]:
    """An agent and a client that know of each other."""
    agent = await stage.agent()
    client = await stage.client()
    await agent.until(agent.room.participants)
    return agent, client


def loud(pcm: Pcm) -> int:
    """Milliseconds of tone, in steps of 10."""
    frames = pcm[: len(pcm) // 480 * 480].reshape(-1, 480)
    return int((np.abs(frames).max(axis=1) > LOUD).sum()) * 10


async def test_the_agent_s_tone_is_heard_pure_and_its_position_is_exact(stage: Stage) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_audio(24_000)
    await client.until(lambda: len(client.frames) > 5)
    track.write(tone(1_000, 24_000))
    assert track.queued_ms == pytest.approx(1_000, abs=25)
    await track.wait_until_queued(500)
    assert 400 <= track.sent_ms <= 620
    assert track.heard_ms <= track.sent_ms - 40
    await track.wait_until_queued(0)
    await client.until(lambda: loud(client.sound()) > 800 and not client.hears_a_tone)
    assert (track.queued_ms, track.sent_ms) == (0, 1_000)
    sound = client.sound()
    assert 940 <= loud(sound) <= 1_100  # a jitter buffer stretches time a little
    (first, *_) = np.flatnonzero(np.abs(sound) > LOUD)
    assert purity(sound[first + 4_800 : first + 43_200]) > 0.99
    await client.until(lambda: track.heard_ms == 1_000)


async def test_a_voice_waits_for_who_receives_it(stage: Stage) -> None:
    agent = await stage.agent()
    track = await agent.room.publish_audio(24_000)
    waiting = asyncio.create_task(track.wait_until_received())
    client = await stage.client()
    await waiting
    await track.wait_until_received()
    track.write(tone(1_000, 24_000))
    # A busy client begins to listen late, but not much.
    await client.until(lambda: loud(client.sound()) > 500 and not client.hears_a_tone)
    await agent.room.unpublish(track.sid)
    with pytest.raises(RoomIsClosed):
        await track.wait_until_received()


async def test_a_voice_that_nobody_wants_is_not_received(stage: Stage) -> None:
    agent = await stage.agent()
    track = await agent.room.publish_audio(24_000)
    waiting = asyncio.create_task(track.wait_until_received())
    client = await stage.client(canSubscribe=False)
    await client.publish_tone(1.0)
    await agent.until(lambda: agent.got(TrackStarted))
    assert not waiting.done()
    await agent.room.close()
    with pytest.raises(RoomIsClosed):
        await waiting


async def test_the_client_s_tone_is_heard_pure_unless_it_is_muted(stage: Stage) -> None:
    agent, client = await met(stage)
    agent.hear()
    publication = await client.publish_tone()
    await agent.until(lambda: len(agent.sound()) > 16_000)
    sound = agent.sound()
    (first, *_) = np.flatnonzero(np.abs(sound) > LOUD)
    assert purity(sound[first + 1_600 : 16_000], 16_000) > 0.99
    assert {who for who, _ in agent.frames} == {"ann"}

    assert isinstance(publication.track, rtc.LocalAudioTrack)
    publication.track.mute()
    await agent.until(lambda: agent.got(TrackMuted))
    count = len(agent.frames)
    publication.track.unmute()
    await agent.until(lambda: len(agent.got(TrackMuted)) > 1)
    assert len(agent.frames) - count <= 1
    late: list[Pcm] = []
    agent.room.hear(lambda _, pcm: late.append(pcm), rate=8_000)
    await agent.until(lambda: len(agent.frames) > count + 10)
    assert sum(map(len, late)) > 1_000


async def test_a_flush_silences_the_agent_at_once(stage: Stage) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_audio(24_000)
    await client.until(lambda: len(client.frames) > 5)
    # The packet that is due, the SDK's own hop and the client's jitter buffer. A busy machine only
    # adds to them, so one quick silence of a few proves that nothing else does.
    limit = 100 if isinstance(stage.rooms, EmbeddedRooms) else 140
    taken: list[float] = []
    while not taken or (min(taken) > limit and len(taken) < 12):
        client.frames.clear()
        track.write(tone(5_000, 24_000))
        await client.until(lambda: loud(client.sound()) >= 100)
        track.flush()
        flushed = time.monotonic()
        assert track.queued_ms == 0
        await client.until(lambda: not client.hears_a_tone)
        taken.append((client.frames[-1][0] - flushed) * 1000)
    assert min(taken) <= limit


async def test_a_pause_is_silent_and_a_resume_goes_on_where_it_held(stage: Stage) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_audio(48_000)
    await client.until(lambda: len(client.frames) > 5)
    track.write(tone(600))
    await client.until(lambda: loud(client.sound()) >= 200)
    track.pause()
    held = track.sent_ms
    assert 200 <= held < 500
    assert held + track.queued_ms == pytest.approx(600, abs=1)
    await client.until(lambda: not client.hears_a_tone)
    paused = len(client.frames)
    await client.until(lambda: len(client.frames) > paused + 10)
    assert loud(np.concatenate([pcm for _, pcm in client.frames[paused:]])) == 0
    assert track.sent_ms == held
    track.resume()
    await client.until(lambda: loud(client.sound()) >= 560 and not client.hears_a_tone)
    assert loud(client.sound()) <= 660
    assert track.sent_ms == 600


async def test_data_go_both_ways_to_whom_they_are_for(stage: Stage) -> None:
    agent, client = await met(stage)
    other = await stage.client("bob")
    await agent.until(lambda: len(agent.room.participants()) == 2)
    await client.me.publish_data(b"reliable", topic="t")
    await client.me.publish_data(b"not for the agent", destination_identities=["bob"])
    await client.me.publish_data(b"last")
    await agent.until(lambda: len(agent.got(DataReceived)) == 2)
    async with asyncio.timeout(8):
        while len(agent.got(DataReceived)) == 2:  # what is lossy may be lost
            await client.me.publish_data(b"lossy", reliable=False)
            await asyncio.sleep(0.02)
    assert set(agent.got(DataReceived)) == {
        DataReceived("ann", b"reliable", "t", True),
        DataReceived("ann", b"lossy", "", False),
        DataReceived("ann", b"last", "", True),
    }
    await agent.room.send_data(bytes(15_360), topic="all")
    await agent.room.send_data(b"one", to=["bob"])
    await agent.room.send_data(b"two")
    async with asyncio.timeout(8):
        while b"quick" not in {data[1] for data in other.got("data")}:
            await agent.room.send_data(b"quick", reliable=False, to=["bob"])
            await asyncio.sleep(0.02)
    await client.until(lambda: len(client.got("data")) == 2)
    assert client.got("data") == [("agent", bytes(15_360), "all"), ("agent", b"two", "")]
    agents = {data[1] for data in other.got("data") if data[0] == "agent"}
    assert agents == {bytes(15_360), b"one", b"two", b"quick"}
    with pytest.raises(InvalidInput):
        await agent.room.send_data(bytes(15_361))


async def test_texts_go_both_ways_whole(stage: Stage) -> None:
    agent, client = await met(stage)
    await client.me.send_text(LONG, topic="lk.chat", attributes={"a": "1"})
    await client.me.send_text("é", topic="lk.chat")
    await agent.until(lambda: len(agent.got(TextReceived)) == 2)
    # Streams are read side by side: a short one may be complete first.
    assert sorted(agent.got(TextReceived), key=lambda text: -len(text.text)) == [
        TextReceived("ann", LONG, "lk.chat", {"a": "1"}),
        TextReceived("ann", "é", "lk.chat", {}),
    ]
    await agent.room.send_text(LONG, topic="lk.chat", attributes={"b": "2"}, to=["ann"])
    writer = await agent.room.open_text(topic="lk.transcription", sender="ann")
    for piece in ("né", "漢"):
        await writer.write(piece)
    await writer.close({"done": "yes"})
    await client.until(lambda: len(client.got("text")) == 2)
    assert sorted(client.got("text")) == [
        ("agent", LONG, "lk.chat", {"b": "2"}),
        ("ann", "né漢", "lk.transcription", {"done": "yes"}),
    ]
    await writer.write("after the end")
    await writer.close()
    unfinished = await client.me.stream_text(topic="lk.chat")
    await unfinished.write("x")
    await client.me.publish_data(b"after it")
    await agent.until(lambda: agent.got(DataReceived))
    await agent.room.close()
    assert len(agent.got(TextReceived)) == 2


async def test_a_transcription_reaches_the_client(stage: Stage) -> None:
    agent, client = await met(stage)
    publication = await client.publish_tone()
    await agent.until(lambda: agent.got(TrackStarted))
    await agent.room.send_transcription("ann", publication.sid, [Segment("s", "hé", True, "de")])
    await client.until(lambda: client.got("transcription"))
    ((who, sid, (segment,)),) = client.got("transcription")
    assert (who, sid) == ("ann", publication.sid)
    assert (segment.id, segment.text, segment.final, segment.language) == ("s", "hé", True, "de")


async def test_calls_are_answered_both_ways(stage: Stage) -> None:
    agent, client = await met(stage)

    async def shout(caller: str, payload: str) -> str:
        if payload == "refuse":
            raise RpcFailed(77, "no", "because")
        if payload == "fail":
            raise KeyError(payload)
        return f"{caller}: {payload.upper()}"

    async def of_client(call: rtc.RpcInvocationData) -> str:
        if call.payload == "refuse":
            raise rtc.RpcError(78, "not I", "why")
        return f"{call.caller_identity} said {call.payload}"

    agent.room.handle_rpc("shout", shout)
    client.me.register_rpc_method("say", of_client)
    perform = client.me.perform_rpc

    async def asked(method: str, payload: str) -> tuple[int, str]:
        with pytest.raises(rtc.RpcError) as caught:
            await perform(destination_identity="agent", method=method, payload=payload)
        return int(caught.value.code), caught.value.data or ""

    answer = await perform(destination_identity="agent", method="shout", payload="é")
    assert answer == "ann: É"
    assert await asked("shout", "refuse") == (77, "because")
    assert (await asked("shout", "fail"))[0] == 1500
    assert (await asked("whisper", ""))[0] == 1400

    assert await agent.room.call_rpc("ann", "say", "é") == "agent said é"
    for identity, method, payload, code in (
        ("ann", "say", "refuse", 78),
        ("ann", "whisper", "", 1400),
        ("eve", "say", "", 1401),
        ("ann", "say", "x" * 15_361, 1402),
    ):
        with pytest.raises(RpcFailed) as caught:
            await agent.room.call_rpc(identity, method, payload)
        assert caught.value.code == code


async def test_attributes_and_metadata_are_seen_by_the_other_side(stage: Stage) -> None:
    agent = await stage.agent(name="Agent", metadata="m", attributes={"k": "v"})
    client = await stage.client()
    await client.until(lambda: "agent" in client.room.remote_participants)
    seen = client.room.remote_participants["agent"]
    assert (seen.name, seen.metadata, seen.attributes) == ("Agent", "m", {"k": "v"})
    assert seen.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    await agent.room.set_attributes({"k": "", "lk.agent.state": "listening"})
    await client.until(lambda: client.got("attributes"))
    assert seen.attributes == {"lk.agent.state": "listening"}
    await agent.room.set_metadata("n")
    await client.until(lambda: ("agent", "n") in client.got("metadata"))

    await agent.until(agent.room.participants)
    await client.me.set_attributes({"mood": "good"})
    await agent.until(lambda: agent.got(ParticipantChanged))
    assert agent.got(ParticipantChanged)[-1].participant.attributes == {"mood": "good"}
    assert agent.room.participants()[0].attributes == {"mood": "good"}


async def test_people_and_their_tracks_come_and_go(stage: Stage) -> None:
    agent = await stage.agent()
    client = await stage.client()
    publication = await client.publish_tone()
    await agent.until(lambda: agent.got(TrackStarted))
    late = await stage.agent(identity="late", hidden=True)
    await late.until(lambda: late.got(TrackStarted))
    await client.me.unpublish_track(publication.sid)
    await agent.until(lambda: agent.got(TrackEnded))
    second = await client.publish_picture(64, 48)
    await agent.until(lambda: len(agent.got(TrackStarted)) == 2)
    await client.close()
    await agent.until(lambda: agent.got(ParticipantLeft))
    events: list[Any] = [*agent.events]
    joined, started, ended, again, gone, left = events
    person = joined.participant
    assert isinstance(joined, ParticipantJoined)
    assert (person.identity, person.name, person.kind, person.is_human) == (
        "ann",
        "Ann",
        "standard",
        True,
    )
    sid = publication.sid
    assert (started.sid, started.kind, started.origin) == (sid, "audio", "microphone")
    assert isinstance(ended, TrackEnded)
    assert (again.sid, again.kind, again.origin) == (second.sid, "video", "camera")
    assert isinstance(gone, TrackEnded)
    assert left.reason == "client_initiated"
    assert agent.room.participants() == ()
    kinds = [type(event) for event in late.events[:3]]
    assert kinds.index(ParticipantJoined) < kinds.index(TrackStarted)


@pytest.mark.parametrize("codec", [VP8, H264], ids=lambda codec: codec.name)
async def test_the_agent_s_picture_is_seen(stage: Stage, codec: Codec) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_video(codec, 320, 240)
    await client.until(lambda: client.got("track"))
    frames = list(encoded_pictures(codec.name, 320, 240, 1))
    number = 0
    async with asyncio.timeout(8):
        while len(client.pictures) < 3:
            if track.keyframe_wanted and number:
                frames, number = list(encoded_pictures(codec.name, 320, 240, 1)), 0
            elif number == len(frames):
                frames = list(encoded_pictures(codec.name, 320, 240, number + 1))
            track.write(frames[number])
            number += 1
            await asyncio.sleep(0.05)
    picture = client.pictures[-1]
    assert (picture.width, picture.height) == (320, 240)


async def test_the_client_s_picture_is_watched(stage: Stage) -> None:
    agent, client = await met(stage)
    seen: list[tuple[str, VideoFrame]] = []

    def watch(identity: str, frame: VideoFrame) -> None:
        seen.append((identity, frame))
        agent.tell()

    agent.room.watch(watch)
    await client.publish_picture(320, 240)
    await agent.until(lambda: len(seen) >= 2)
    who, frame = seen[-1]
    assert (who, frame.y.shape, frame.u.shape, frame.v.shape) == (
        "ann",
        (240, 320),
        (120, 160),
        (120, 160),
    )
    assert abs(int(frame.y.mean()) - 128) < 8
    assert frame.time > seen[0][1].time


async def test_a_muted_and_an_unpublished_voice_are_told_of(stage: Stage) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_audio(RATE)
    await client.until(lambda: client.got("track"))
    track.set_muted(True)
    await client.until(lambda: client.got("muted"))
    track.set_muted(False)
    await client.until(lambda: client.got("unmuted"))
    sid = track.sid
    await agent.room.unpublish(sid)
    await client.until(lambda: client.got("ended"))
    assert client.got("muted") == client.got("unmuted") == client.got("ended") == [("agent", sid)]
    with pytest.raises(RoomIsClosed):
        await track.wait_until_queued(0)
    await agent.room.close()
    await client.until(lambda: client.got("left"))
    assert client.got("left") == [("agent",)]


async def test_a_closed_room_sends_everybody_away(stage: Stage) -> None:
    agent, client = await met(stage)
    track = await agent.room.publish_audio(RATE)
    await stage.rooms.check()
    await stage.rooms.close_room("nobody's")
    await stage.rooms.close_room("room")
    await agent.until(lambda: agent.got(RoomClosed))
    await client.until(lambda: client.got("disconnected"))
    assert agent.got(RoomClosed) == [RoomClosed("room_deleted")]
    assert client.got("disconnected") == [(DisconnectReason.ROOM_DELETED,)]
    track.write(tone(100))
    assert track.queued_ms == 0
    for call in (
        agent.room.send_data(b""),
        agent.room.publish_audio(RATE),
        agent.room.open_text(topic="lk.chat"),
        track.wait_until_queued(0),
    ):
        with pytest.raises(RoomIsClosed):
            await call
