"""LiveKit's own Python client, unmodified, in rooms of the embedded server.

Connecting costs most of the time, so that each test looks at several things.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from livekit import rtc
from livekit.rtc._proto.room_pb2 import SimulateScenarioKind

from support.livekit_client import (
    TIMEOUT,
    connected,
    hears,
    latency,
    longest_silence,
    seen,
)
from support.rooms import RunningRooms, grant_token, room_token, running_rooms


@pytest.fixture(params=["v1", "v0"])
async def rooms(request: pytest.FixtureRequest) -> AsyncIterator[RunningRooms]:
    """A server with the newer signalling, and one without it, to which clients fall back."""
    async with running_rooms(single_pc=request.param == "v1") as running:
        yield running


async def test_a_voice_and_a_picture_are_heard_and_seen(rooms: RunningRooms) -> None:
    async with (
        connected(rooms.url, room_token("ann")) as ann,
        connected(rooms.url, room_token("bob")) as bob,
    ):
        (joined,) = await ann.saw("participant_connected")
        assert (joined.identity, joined.name) == ("bob", "Bob")
        assert list(bob.room.remote_participants) == ["ann"]

        # A voice.
        mic = await ann.publish_microphone()
        track, publication, speaker = await bob.saw("track_subscribed")
        assert (speaker.identity, publication.name, publication.sid) == (
            "ann",
            "mic",
            mic.publication.sid,
        )
        assert publication.source == rtc.TrackSource.SOURCE_MICROPHONE
        await ann.saw("local_track_subscribed")
        async with mic.tone(440):
            await hears(track, 440)
        assert await latency(mic, track, times=3) < 0.2

        # A picture.
        camera = await ann.publish_camera(320, 240)
        is_video = rtc.TrackKind.KIND_VIDEO
        video, _, _ = await bob.saw("track_subscribed", lambda t, *_: t.kind == is_video)
        async with camera.showing(60):
            frame = await seen(video, 60)
        assert (frame.width, frame.height) == (320, 240)

        # Off, on again; gone, and there again.
        mic.track.mute()
        (_, muted) = await bob.saw("track_muted")
        assert muted.sid == mic.publication.sid
        mic.track.unmute()
        await bob.saw("track_unmuted")
        await ann.me.unpublish_track(mic.publication.sid)
        await bob.saw("track_unsubscribed")
        await bob.saw("track_unpublished")
        so_far = len(bob.events)
        again = await ann.publish_microphone("again")
        track, publication, _ = await bob.saw("track_subscribed", since=so_far)
        assert (publication.name, publication.sid) == ("again", again.publication.sid)
        async with again.tone(660):
            await hears(track, 660)

        # Who comes later finds all of it.
        async with connected(rooms.url, room_token("cat")) as cat:
            late, _, _ = await cat.saw("track_subscribed", lambda t, *_: t.kind != is_video)
            async with again.tone(550):
                await hears(late, 550)
            seen_late, _, _ = await cat.saw("track_subscribed", lambda t, *_: t.kind == is_video)
            async with camera.showing(90):
                await seen(seen_late, 90)
        (left,) = await ann.saw("participant_disconnected")
        assert left.identity == "cat"
    assert [event.event for event in rooms.events][:3] == [
        "room_started",
        "participant_joined",
        "participant_joined",
    ]


async def test_data_texts_calls_and_attributes_reach_who_they_are_for(rooms: RunningRooms) -> None:
    async with (
        connected(rooms.url, room_token("ann")) as ann,
        connected(rooms.url, room_token("bob")) as bob,
        connected(rooms.url, room_token("cat")) as cat,
    ):
        await ann.saw("participant_connected", lambda p: p.identity == "cat")

        # Data.
        for reliable in (True, False):
            await ann.me.publish_data(b"all", reliable=reliable, topic="t")
            for client in (bob, cat):
                kind = (
                    rtc.DataPacketKind.KIND_RELIABLE if reliable else rtc.DataPacketKind.KIND_LOSSY
                )
                (packet,) = await client.saw("data_received", lambda p, k=kind: p.kind == k)
                assert (packet.data, packet.topic) == (b"all", "t")
                assert packet.participant.identity == "ann"
        await ann.me.publish_data(b"secret", destination_identities=["bob"])
        await ann.me.publish_data(bytes(15_000))
        await bob.saw("data_received", lambda p: p.data == b"secret")
        await cat.saw("data_received", lambda p: len(p.data) == 15_000)
        assert not [
            1 for name, a in cat.events if name == "data_received" and a[0].data == b"secret"
        ]

        # A text stream.
        texts: asyncio.Queue[tuple[str, str, dict[str, str]]] = asyncio.Queue()
        reading: set[asyncio.Task[None]] = set()

        def on_text(reader: rtc.TextStreamReader, identity: str) -> None:
            async def read() -> None:
                texts.put_nowait((identity, await reader.read_all(), reader.info.attributes or {}))

            task = asyncio.create_task(read())
            reading.add(task)
            task.add_done_callback(reading.discard)

        bob.room.register_text_stream_handler("lk.chat", on_text)
        long_text = "so it is " * 5_000
        await cat.me.send_text("hello", topic="lk.chat", attributes={"a": "b"})
        await ann.me.send_text(long_text, topic="lk.chat", destination_identities=["bob"])
        async with asyncio.timeout(TIMEOUT):
            assert await texts.get() == ("cat", "hello", {"a": "b"})
            assert (await texts.get())[:2] == ("ann", long_text)

        # Calls, both ways.
        async def double(call: rtc.RpcInvocationData) -> str:
            if call.payload == "?":
                raise rtc.RpcError(1_234, "no idea", "data")
            return call.payload * 2 + call.caller_identity

        for caller, callee in ((ann, bob), (bob, ann)):
            callee.me.register_rpc_method("double", double)
            answer = await caller.me.perform_rpc(
                destination_identity=callee.me.identity, method="double", payload="x"
            )
            assert answer == "xx" + caller.me.identity
        with pytest.raises(rtc.RpcError) as failed:
            await ann.me.perform_rpc(destination_identity="bob", method="double", payload="?")
        assert (failed.value.code, failed.value.message) == (1_234, "no idea")
        with pytest.raises(rtc.RpcError) as failed:
            await ann.me.perform_rpc(destination_identity="bob", method="halve", payload="x")
        assert failed.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD

        # What one tells about oneself.
        await ann.me.set_attributes({"mood": "good", "seat": "3"})
        (changed, who) = await bob.saw("participant_attributes_changed")
        assert (changed, who.identity) == ({"mood": "good", "seat": "3"}, "ann")
        await ann.me.set_attributes({"mood": ""})
        await cat.saw("participant_attributes_changed", lambda _, p: p.attributes == {"seat": "3"})
        await ann.me.set_metadata("m")
        await bob.saw("participant_metadata_changed", lambda p, *_: p.metadata == "m")
        await ann.me.set_name("Anna")
        await bob.saw("participant_name_changed", lambda p, *_: p.name == "Anna")


async def test_who_comes_and_goes_and_why() -> None:
    async with running_rooms() as rooms, connected(rooms.url, room_token("ann")) as ann:
        # Who is hidden sees, and is not seen.
        async with connected(rooms.url, room_token("eve", hidden=True)) as eve:
            assert list(eve.room.remote_participants) == ["ann"]

            # One identity is there once; the newer connection stays, until it is sent away.
            async with connected(rooms.url, room_token("bob")) as first:
                await ann.saw("participant_connected", lambda p: p.identity == "bob")
                assert list(ann.room.remote_participants) == ["bob"]
                so_far = len(ann.events)
                async with connected(rooms.url, room_token("bob")) as second:
                    (reason,) = await first.saw("disconnected")
                    assert reason == rtc.DisconnectReason.DUPLICATE_IDENTITY
                    await ann.saw("participant_disconnected", since=so_far)
                    await ann.saw("participant_connected", since=so_far)
                    rooms.server.remove_participant("room", "bob")
                    (reason,) = await second.saw("disconnected")
                    assert reason == rtc.DisconnectReason.PARTICIPANT_REMOVED
            assert ann.count("participant_connected") == 2

        # Who subscribes to nothing of itself is given what it asks for.
        token = room_token("cat", canPublishSources=["camera"])
        async with connected(rooms.url, token, auto_subscribe=False) as cat:
            mic = await ann.publish_microphone()
            publication, _ = await cat.saw("track_published")
            assert not cat.count("track_subscribed")
            publication.set_subscribed(True)
            track, *_ = await cat.saw("track_subscribed")
            async with mic.tone(440):
                await hears(track, 440)
            publication.set_subscribed(False)
            await cat.saw("track_unsubscribed")

            # An administrator mutes, and does not unmute.
            sid = mic.publication.sid
            assert rooms.server.mute_track("room", "ann", sid, True).muted
            await cat.saw("track_muted")
            answer = await unmute(rooms, "ann", sid)
            assert (answer.status_code, answer.json()["code"]) == (412, "failed_precondition")

        # The end of it.
        rooms.server.delete_room("room")
        (reason,) = await ann.saw("disconnected")
        assert reason == rtc.DisconnectReason.ROOM_DELETED
    told = [event.event for event in rooms.events]
    assert told.count("participant_joined") == told.count("participant_left") == 5
    assert told[-1] == "room_finished"


async def test_a_lost_signalling_connection_is_taken_up_again_while_the_sound_goes_on() -> None:
    async with (
        running_rooms() as rooms,
        connected(rooms.url, room_token("ann")) as ann,
        connected(rooms.url, room_token("bob")) as bob,
    ):
        mic = await ann.publish_microphone()
        track, *_ = await bob.saw("track_subscribed")
        async with mic.tone(440):
            await hears(track, 440)
            await ann.room.simulate_scenario(SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT)
            await ann.saw("reconnecting")
            assert await longest_silence(track, 2.0) < 0.5
            await hears(track, 440)
            await ann.saw("reconnected")
        await ann.me.set_attributes({"back": "yes"})
        await bob.saw("participant_attributes_changed")
        await ann.me.publish_data(b"still here")
        await bob.saw("data_received")
        assert not bob.count("participant_disconnected")
        assert not bob.count("track_unsubscribed")


@pytest.mark.parametrize(
    ("token", "words"),
    [("nonsense", "invalid token"), (room_token("ann", roomJoin=False), "not let its bearer join")],
)
async def test_who_may_not_join_is_told_why(token: str, words: str) -> None:
    async with running_rooms() as rooms:
        with pytest.raises(rtc.ConnectError, match=words):
            await rtc.Room().connect(rooms.url, token)
        assert not rooms.server.list_rooms()


async def unmute(rooms: RunningRooms, identity: str, sid: str) -> httpx.Response:
    """By RoomService, as an administrator's program would."""
    asked = {"room": "room", "identity": identity, "track_sid": sid, "muted": False}
    headers = {"authorization": f"Bearer {grant_token(roomAdmin=True, room='room')}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
        return await client.post(
            f"{rooms.http_url}/twirp/livekit.RoomService/MutePublishedTrack", json=asked
        )
