"""An agent in an embedded room: what it is told, what it sends, and that it leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from livekit.protocol import models
from livekit.protocol.models import DataPacket, DisconnectReason, ParticipantInfo, TrackInfo

from greenroom.audio.pcm import Pcm
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.embedded.agent_room import EmbeddedRoom
from greenroom.rooms.embedded.agent_tracks import JITTER_BUFFER
from greenroom.rooms.embedded.local import LocalListener
from greenroom.rooms.errors import RoomIsClosed, RpcFailed
from greenroom.rooms.ports import (
    DataReceived,
    EncodedFrame,
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Room,
    RoomClosed,
    RoomEvent,
    Segment,
    TextReceived,
    TrackEnded,
    TrackMuted,
    TrackStarted,
    VideoFrame,
)
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.agent_media.sound_source import SoundSource
from greenroom.rooms.rtc.media import VP8, Codec, MediaPacket, MediaSource
from greenroom.testing import ManualClock

ANN = ParticipantInfo(sid="PA_ann", identity="ann", name="Ann", attributes={"k": "v"})
BOT = ParticipantInfo(sid="PA_bot", identity="bot", kind=ParticipantInfo.Kind.AGENT)
VOICE = TrackInfo(sid="TR_voice", type=models.TrackType.AUDIO, source=models.TrackSource.MICROPHONE)
SCREEN = TrackInfo(
    sid="TR_screen", type=models.TrackType.AUDIO, source=models.TrackSource.SCREEN_SHARE_AUDIO
)
CAMERA = TrackInfo(sid="TR_camera", type=models.TrackType.VIDEO, source=models.TrackSource.CAMERA)


class Place:
    """A `LocalParticipant` whose room is this test."""

    identity = "agent"
    sid = "PA_agent"
    room_name = "room"
    room_sid = "RM_room"
    info = ParticipantInfo(sid="PA_agent", identity="agent")

    def __init__(self) -> None:
        self.sent: list[tuple[DataPacket, bool]] = []
        self.published: list[tuple[MediaSource, TrackInfo]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.rtt: float | None = None
        self.lost = 0.0
        self.received = False
        self.failure: Exception | None = None

    def participants(self) -> Sequence[ParticipantInfo]:
        return ()

    def publish(self, source: MediaSource, track: TrackInfo) -> TrackInfo:
        if self.failure is not None:
            raise self.failure
        self.published.append((source, track))
        told = TrackInfo(sid=f"TR_{len(self.published)}")
        told.MergeFrom(track)
        return told

    def unpublish(self, sid: str) -> None:
        self.calls.append(("unpublish", sid))

    def set_muted(self, sid: str, muted: bool) -> None:
        self.calls.append(("muted", sid, muted))

    def set_subscribed(self, sid: str, subscribed: bool) -> None:
        self.calls.append(("subscribed", sid, subscribed))

    def send(self, packet: DataPacket, *, reliable: bool) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append((packet, reliable))

    def update(
        self,
        *,
        metadata: str | None = None,
        name: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self.calls.append(("update", metadata, name, attributes))

    def round_trip(self, sid: str) -> float | None:
        return self.rtt

    def fraction_lost(self, sid: str) -> float:
        return self.lost

    def is_received(self, sid: str) -> bool:
        return self.received

    def close(self) -> None:
        self.calls.append(("close",))


class Scene:
    """A room with an agent, in a time of its own."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.place = Place()
        self.events: list[RoomEvent] = []
        self.room = EmbeddedRoom(self._enter, self.clock, now=lambda: 1_700_000_000.5)

    def _enter(self, listener: LocalListener) -> Place:
        self.server = listener
        listener.on_participant_joined(ANN)
        return self.place

    def listen(self) -> None:
        self.room.listen(self.events.append)
        del self.events[:]


class Listener:
    """A `MediaSink` that counts silent and loud packets."""

    def __init__(self) -> None:
        self.packets: list[MediaPacket] = []

    def write(self, packet: MediaPacket) -> None:
        self.packets.append(packet)

    @property
    def loud(self) -> int:
        return sum(packet.level != 127 for packet in self.packets)


def tone(ms: int, rate: int = 48_000) -> Pcm:
    time = np.arange(rate * ms // 1000) / rate
    return (np.sin(2 * np.pi * 440 * time) * 12_000).astype(np.int16)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.room.close()
    assert scene.clock.pending == 0


async def voice_of(scene: Scene) -> SoundSource:
    """A human's microphone, as a source of packets."""
    source = SoundSource(48_000, scene.clock, phase=0.0)
    scene.server.on_track(ANN, VOICE, source)
    return source


async def test_the_room_fits_the_port(scene: Scene) -> None:
    room: Room = scene.room
    assert (room.name, room.identity) == ("room", "agent")
    assert room.participants() == (Participant("ann", "PA_ann", "Ann", attributes={"k": "v"}),)


async def test_who_listens_is_told_of_people_and_their_tracks_that_are_there(scene: Scene) -> None:
    source = await voice_of(scene)
    scene.room.listen(scene.events.append)
    ann = scene.room.participants()[0]
    assert scene.events == [
        ParticipantJoined(ann),
        TrackStarted(ann, "TR_voice", "audio", "microphone"),
    ]
    source.close()


async def test_people_and_tracks_come_change_and_go_in_order(scene: Scene) -> None:
    scene.listen()
    server = scene.server
    server.on_participant_joined(BOT)
    source = await voice_of(scene)
    muted = TrackInfo()
    muted.CopyFrom(VOICE)
    muted.muted = True
    changed = ParticipantInfo()
    changed.CopyFrom(ANN)
    changed.attributes["k"] = "w"
    server.on_track_muted(ANN, muted)
    server.on_track_muted(ANN, SCREEN)  # never subscribed
    server.on_participant_changed(ANN)  # nothing that an agent is told of
    server.on_participant_changed(changed)
    server.on_track_ended(ANN, VOICE)
    server.on_track_ended(ANN, VOICE)
    server.on_track(ANN, TrackInfo(sid="TR_data", type=models.TrackType.DATA), source)
    server.on_track_received("TR_1")
    changed.disconnect_reason = DisconnectReason.CLIENT_INITIATED
    server.on_participant_left(changed)
    server.on_participant_left(changed)
    server.on_removed("participant_removed")
    server.on_removed("room_deleted")
    server.on_participant_joined(ANN)
    bot = Participant("bot", "PA_bot", kind="agent")
    ann = Participant("ann", "PA_ann", "Ann", attributes={"k": "v"})
    late = Participant("ann", "PA_ann", "Ann", attributes={"k": "w"})
    assert scene.events == [
        ParticipantJoined(bot),
        TrackStarted(ann, "TR_voice", "audio", "microphone"),
        TrackMuted(ann, "TR_voice", True),
        ParticipantChanged(late),
        TrackEnded(ann, "TR_voice"),
        ParticipantLeft(late, "client_initiated"),
        RoomClosed("participant_removed"),
    ]
    source.close()


async def test_a_human_s_microphone_is_heard_at_the_rates_asked_for(scene: Scene) -> None:
    heard: dict[int, list[Pcm]] = {8_000: [], 16_000: []}
    scene.room.hear(lambda who, pcm: heard[8_000].append(pcm), rate=8_000)
    source = await voice_of(scene)
    scene.room.hear(lambda who, pcm: heard[16_000].append(pcm), rate=16_000)
    source.write(tone(200))
    scene.clock.advance(0.5)
    for rate, pieces in heard.items():
        sound = np.concatenate(pieces)
        assert len(sound) > 0.3 * rate
        assert np.abs(sound).max() > 10_000
    source.close()


async def test_what_is_muted_not_human_or_a_screen_is_not_heard(scene: Scene) -> None:
    heard: list[str] = []
    scene.room.hear(lambda who, _pcm: heard.append(who), rate=16_000)
    source = SoundSource(48_000, scene.clock, phase=0.0)
    scene.server.on_track(BOT, VOICE, source)
    scene.server.on_track_ended(BOT, VOICE)
    scene.server.on_track(ANN, SCREEN, source)
    scene.server.on_track_muted(ANN, SCREEN)
    muted = TrackInfo()
    muted.CopyFrom(VOICE)
    muted.muted = True
    scene.server.on_track(ANN, muted, source)
    source.write(tone(100))
    scene.clock.advance(0.1)
    assert heard == []
    scene.server.on_track_muted(ANN, VOICE)  # unmuted
    scene.server.on_track_muted(ANN, VOICE)
    scene.clock.advance(0.1)
    count = len(heard)
    assert count > 3
    scene.server.on_track_muted(ANN, muted)
    scene.clock.advance(0.1)
    assert (len(heard), set(heard)) == (count, {"ann"})
    source.close()


async def test_a_human_s_pictures_are_seen(scene: Scene) -> None:
    first: list[tuple[str, VideoFrame]] = []
    second: list[tuple[str, VideoFrame]] = []
    both = asyncio.Event()

    def see(seen: list[tuple[str, VideoFrame]], who: str, frame: VideoFrame) -> None:
        seen.append((who, frame))
        if first and second:
            both.set()

    scene.room.watch(lambda who, frame: see(first, who, frame))
    source = PictureSource(VP8, scene.clock)
    scene.server.on_track(ANN, CAMERA, source)
    scene.room.watch(lambda who, frame: see(second, who, frame))
    source.write(EncodedFrame(vp8_picture(), 0.0, keyframe=True))
    async with asyncio.timeout(5):
        await both.wait()
    (who, frame), *_ = first
    assert (who, frame.y.shape, frame.u.shape) == ("ann", (48, 64), (24, 32))
    source.close()


async def test_a_picture_that_can_not_be_decoded_is_told_of_all_the_same(scene: Scene) -> None:
    class Unknown(PictureSource):
        @property
        def codec(self) -> Codec:
            return Codec("video", "h265", 90_000)

    scene.listen()
    scene.room.watch(lambda _who, _frame: None)
    source = Unknown(VP8, scene.clock)
    scene.server.on_track(ANN, CAMERA, source)
    assert [type(event) for event in scene.events] == [TrackStarted]
    source.close()


def vp8_picture() -> bytes:
    """A grey picture of 64 by 48."""
    import av

    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 64, 48, "yuv420p"
    codec.time_base = codec.framerate = 1  # type: ignore[assignment]
    frame = av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuv420p")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


async def test_the_agent_s_voice_is_published_and_heard_later_than_it_is_sent(
    scene: Scene,
) -> None:
    track = await scene.room.publish_audio(24_000, name="v", origin="screen_share_audio")
    source, info = scene.place.published[0]
    assert (track.sid, track.rate, info.name) == ("TR_1", 24_000, "v")
    assert info.type == models.TrackType.AUDIO
    assert info.source == models.TrackSource.SCREEN_SHARE_AUDIO
    listener = Listener()
    source.add_sink(listener)
    track.write(tone(100, 24_000))
    assert track.queued_ms == 100
    scene.place.rtt = 0.04
    waiting = asyncio.create_task(track.wait_until_queued(0))
    await settle()
    scene.clock.advance(0.2)
    await waiting
    assert track.sent_ms == 100
    assert listener.loud >= 5
    began = scene.clock.time()
    track.write(tone(1_000, 24_000))
    scene.clock.advance(0.5)
    sent = track.sent_ms
    assert 480 + 100 <= sent <= 520 + 100
    assert track.heard_ms == pytest.approx(sent - 1000 * (JITTER_BUFFER + 0.02), abs=21)
    track.pause()
    scene.clock.advance(0.5)
    assert track.sent_ms == sent
    track.resume()
    track.flush()
    assert track.queued_ms == 0
    assert scene.clock.time() == pytest.approx(began + 1)


async def test_a_voice_waits_for_whom_it_reaches(scene: Scene) -> None:
    track = await scene.room.publish_audio(24_000)
    waiting = asyncio.create_task(track.wait_until_received())
    await settle()
    scene.server.on_track_received("TR_other")
    scene.server.on_track_received(track.sid)  # and somebody has gone again at once
    await settle()
    assert not waiting.done()
    scene.place.received = True
    scene.server.on_track_received(track.sid)
    await waiting
    await track.wait_until_received()
    scene.place.received = False
    waiting = asyncio.create_task(track.wait_until_received())
    await settle()
    await scene.room.unpublish(track.sid)
    with pytest.raises(RoomIsClosed):
        await waiting


async def test_a_voice_that_gets_lost_is_coded_with_repetition(scene: Scene) -> None:
    track = await scene.room.publish_audio(48_000)
    told: list[float] = []
    track.source.set_expected_loss = told.append  # type: ignore[method-assign]
    scene.clock.advance(2)
    scene.place.lost = 0.1
    scene.clock.advance(2)
    await scene.room.unpublish(track.sid)
    scene.clock.advance(2)
    assert told == [0.0, 0.1]


async def test_a_muted_voice_is_told_of_and_silent(scene: Scene) -> None:
    track = await scene.room.publish_audio(48_000)
    listener = Listener()
    scene.place.published[0][0].add_sink(listener)
    track.set_muted(True)
    track.write(tone(100))
    scene.clock.advance(0.2)
    assert (listener.loud, track.sent_ms) == (0, 100)
    assert scene.place.calls == [("muted", "TR_1", True)]
    scene.server.on_mute_requested("TR_1", False)
    scene.server.on_mute_requested("TR_other", False)
    track.write(tone(100))
    scene.clock.advance(0.2)
    assert listener.loud > 3
    assert len(scene.place.calls) == 1


async def test_a_picture_is_published(scene: Scene) -> None:
    track = await scene.room.publish_video(VP8, 64, 48, name="face")
    source, info = scene.place.published[0]
    listener = Listener()
    source.add_sink(listener)
    assert (info.width, info.height, info.name) == (64, 48, "face")
    assert info.type == models.TrackType.VIDEO
    assert track.keyframe_wanted
    track.write(EncodedFrame(vp8_picture(), 0.0, keyframe=True))
    scene.server.on_mute_requested(track.sid, True)
    assert listener.packets[0].keyframe
    await scene.room.unpublish(track.sid)
    await scene.room.unpublish(track.sid)
    assert scene.place.calls == [("unpublish", "TR_1")]


async def test_a_track_that_the_room_does_not_take_is_ended(scene: Scene) -> None:
    scene.place.failure = CapacityExceeded("tracks", 1)
    with pytest.raises(CapacityExceeded):
        await scene.room.publish_audio(48_000)


async def test_data_go_to_whom_they_are_for(scene: Scene) -> None:
    await scene.room.send_data(b"x", topic="t", reliable=False, to=["ann"])
    await scene.room.send_data(bytes(15_360))
    (packet, reliable), (_, reliable_by_default) = scene.place.sent
    assert (packet.user.payload, packet.user.topic) == (b"x", "t")
    assert list(packet.destination_identities) == ["ann"]
    assert (reliable, reliable_by_default) == (False, True)
    with pytest.raises(InvalidInput, match="payload"):
        await scene.room.send_data(bytes(15_361))


async def test_data_of_people_and_of_the_server_are_told(scene: Scene) -> None:
    scene.listen()
    user = models.UserPacket(payload=b"x", topic="t")
    scene.server.on_data(DataPacket(participant_identity="ann", user=user), False)
    scene.server.on_data(DataPacket(user=user), True)
    scene.server.on_data(DataPacket(), True)
    assert scene.events == [
        DataReceived("ann", b"x", "t", False),
        DataReceived("", b"x", "t", True),
    ]


async def test_texts_that_are_written_are_read_again(scene: Scene) -> None:
    scene.listen()
    await scene.room.send_text("é" * 10_000, topic="lk.chat", to=["ann"], sender="eve")
    writer = await scene.room.open_text(topic="t", attributes={"a": "1"})
    await writer.write("in ")
    await writer.write("pieces")
    await writer.close({"b": "2"})
    header = scene.place.sent[0][0]
    assert header.participant_identity == "eve"
    assert header.stream_header.total_length == 20_000
    assert header.stream_header.timestamp == 1_700_000_000_500
    for packet, reliable in scene.place.sent:
        assert reliable
        packet.participant_identity = "ann"
        scene.server.on_data(packet, reliable)
    assert scene.events == [
        TextReceived("ann", "é" * 10_000, "lk.chat", {}),
        TextReceived("ann", "in pieces", "t", {"a": "1", "b": "2"}),
    ]


async def test_a_text_of_who_has_gone_is_forgotten(scene: Scene) -> None:
    scene.listen()
    writer = await scene.room.open_text(topic="t")
    await writer.close()
    header, trailer = (packet for packet, _ in scene.place.sent)
    for packet in (header, trailer):
        packet.participant_identity = "ann"
    scene.server.on_data(header, True)
    scene.server.on_participant_left(ANN)
    scene.server.on_data(trailer, True)
    assert not [event for event in scene.events if isinstance(event, TextReceived)]


async def test_a_transcription_is_a_packet(scene: Scene) -> None:
    await scene.room.send_transcription("ann", "TR_voice", [Segment("s", "hi", True, "de")])
    packet = scene.place.sent[0][0].transcription
    segment = packet.segments[0]
    assert (packet.transcribed_participant_identity, packet.track_id) == ("ann", "TR_voice")
    assert (segment.id, segment.text, segment.final, segment.language) == ("s", "hi", True, "de")


async def test_the_agent_tells_about_itself(scene: Scene) -> None:
    await scene.room.set_attributes({"a": ""})
    await scene.room.set_metadata("{}")
    assert scene.place.calls == [("update", None, None, {"a": ""}), ("update", "{}", None, None)]


async def test_remote_calls_go_both_ways(scene: Scene) -> None:
    async def shout(caller: str, payload: str) -> str:
        return f"{caller}: {payload.upper()}"

    scene.room.handle_rpc("shout", shout)
    request = models.RpcRequest(id="1", method="shout", payload="hi", version=1)
    scene.server.on_data(DataPacket(participant_identity="ann", rpc_request=request), True)
    await settle()
    assert scene.place.sent[-1][0].rpc_response.payload == "ann: HI"

    call = asyncio.create_task(scene.room.call_rpc("ann", "m", "x"))
    await settle()
    number = scene.place.sent[-1][0].rpc_request.id
    for packet in (
        DataPacket(rpc_ack=models.RpcAck(request_id=number)),
        DataPacket(rpc_response=models.RpcResponse(request_id=number, payload="y")),
    ):
        packet.participant_identity = "ann"
        scene.server.on_data(packet, True)
    assert await call == "y"

    call = asyncio.create_task(scene.room.call_rpc("ann", "m", "x"))
    await settle()
    scene.server.on_participant_left(ANN)
    with pytest.raises(RpcFailed, match="1503"):
        await call


async def test_an_answer_that_can_not_be_sent_is_lost_quietly(scene: Scene) -> None:
    scene.place.failure = InvalidInput("payload", "is too large")
    request = models.RpcRequest(id="1", method="m", version=1)
    scene.server.on_data(DataPacket(participant_identity="ann", rpc_request=request), True)
    assert scene.place.sent == []


async def test_a_removed_agent_s_tracks_end_and_it_can_do_nothing_more(scene: Scene) -> None:
    track = await scene.room.publish_audio(48_000)
    track.write(tone(100))
    waiting = asyncio.create_task(track.wait_until_queued(0))
    writer = await scene.room.open_text(topic="t")
    source = await voice_of(scene)
    await settle()
    scene.server.on_removed("room_deleted")
    with pytest.raises(RoomIsClosed):
        await waiting
    for call in (
        writer.write("x"),
        scene.room.send_data(b""),
        scene.room.publish_audio(48_000),
        scene.room.publish_video(VP8, 64, 48),
        scene.room.call_rpc("ann", "m", ""),
        scene.room.send_transcription("ann", "", []),
        scene.room.set_attributes({}),
        scene.room.set_metadata(""),
    ):
        with pytest.raises(RoomIsClosed, match="room_deleted"):
            await call
    source.close()
    assert scene.clock.pending == 0


async def test_leaving_ends_everything_and_is_not_told_of(scene: Scene) -> None:
    scene.listen()
    ended = asyncio.Event()

    async def wait(_caller: str, _payload: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    scene.room.handle_rpc("wait", wait)
    request = models.RpcRequest(id="1", method="wait", version=1)
    scene.server.on_data(DataPacket(participant_identity="ann", rpc_request=request), True)
    await settle()
    await scene.room.close()
    await scene.room.close()
    assert ended.is_set()
    assert scene.events == []
    assert scene.place.calls.count(("close",)) >= 1
