"""Agents of this process, as clients see them and as they see clients."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models, rtc
from livekit.protocol import room as room_api

from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.embedded.local import LocalParticipant
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.rtc.media import VP8, MediaSource
from support.fake_peer import FakeSource
from support.fake_rooms import Hall, user

MICROPHONE = models.TrackSource.MICROPHONE


class Listener:
    """Keeps what a local participant is told, as tuples that begin with the call's name."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.sources: dict[str, MediaSource] = {}

    def names(self) -> list[str]:
        return [call[0] for call in self.told]

    def on_participant_joined(self, participant: models.ParticipantInfo) -> None:
        self.told.append(("joined", participant.identity))

    def on_participant_changed(self, participant: models.ParticipantInfo) -> None:
        self.told.append(("changed", participant.identity, participant.metadata))

    def on_participant_left(self, participant: models.ParticipantInfo) -> None:
        self.told.append(("left", participant.identity, participant.disconnect_reason))

    def on_track(
        self, participant: models.ParticipantInfo, track: models.TrackInfo, source: MediaSource
    ) -> None:
        self.sources[track.sid] = source
        self.told.append(("track", participant.identity, track.sid))

    def on_track_ended(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        self.told.append(("ended", participant.identity, track.sid))

    def on_track_muted(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        self.told.append(("muted", participant.identity, track.muted))

    def on_data(self, packet: models.DataPacket, reliable: bool) -> None:
        self.told.append(("data", packet.participant_identity, packet.user.payload, reliable))

    def on_track_received(self, sid: str) -> None:
        self.told.append(("received", sid))

    def on_mute_requested(self, sid: str, muted: bool) -> None:
        self.told.append(("mute", sid, muted))

    def on_removed(self, reason: str) -> None:
        self.told.append(("removed", reason))


def agent(hall: Hall, identity: str = "agent", **given: Any) -> tuple[LocalParticipant, Listener]:
    listener = Listener()
    auto = given.pop("auto_subscribe", True)
    grants = hall.grants(identity, kind="agent", room_join=False, **given)
    return hall.server.add_local(grants, listener, auto_subscribe=auto), listener


def voice(source: FakeSource | None = None, **track: Any) -> tuple[FakeSource, models.TrackInfo]:
    kind = models.TrackType.AUDIO
    return source or FakeSource(), models.TrackInfo(type=kind, source=MICROPHONE, **track)


def test_clients_see_an_agent_as_any_participant() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, _ = agent(hall, name="Robo", metadata="m", attributes={"a": "1"})
    info = ann.seen("agent")
    assert info.kind == models.ParticipantInfo.Kind.AGENT
    assert info.state == models.ParticipantInfo.State.ACTIVE
    assert info.permission.agent
    assert (info.sid, info.name, info.metadata) == (local.sid, "Robo", "m")
    assert dict(info.attributes) == {"a": "1"}
    assert info == local.info
    assert (local.identity, local.room_name) == ("agent", "hall")
    assert local.room_sid == ann.last("join").room.sid
    assert hall.join("bob").seen("agent") == info
    assert hall.event_names().count("participant_joined") == 3


def test_an_agent_is_told_of_who_is_there_before_it_is_let_in() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    hall.join("eve", grants={"hidden": True})
    local, listener = agent(hall)
    assert listener.told == [("joined", "ann"), ("track", "ann", ann.track("ann").sid)]
    assert [info.identity for info in local.participants()] == ["ann"]


def test_an_agent_hears_what_happens_in_order() -> None:
    hall = Hall()
    local, listener = agent(hall)
    ann = hall.join("ann", grants={"can_update_own_metadata": True})
    microphone = ann.publish()
    sid = ann.track("ann").sid
    assert listener.sources[sid] is microphone
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    ann.ask(update_metadata=rtc.UpdateParticipantMetadata(metadata="new"))
    ann.say(user(b"hi"))
    ann.say(user(b"ho"), "_lossy")
    ann.ask(leave=rtc.LeaveRequest())
    changed = ("changed", "ann", "")
    assert listener.told == [
        ("joined", "ann"),
        changed,
        changed,
        ("track", "ann", sid),
        changed,
        ("muted", "ann", True),
        ("changed", "ann", "new"),
        ("data", "ann", b"hi", True),
        ("data", "ann", b"ho", False),
        ("ended", "ann", sid),
        ("left", "ann", models.DisconnectReason.CLIENT_INITIATED),
    ]
    assert local.participants() == []


def test_clients_hear_an_agent() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, listener = agent(hall)
    source, track = voice(name="voice")
    info = local.publish(source, track)
    assert info.sid.startswith("TR_")
    assert (info.name, info.mime_type, info.source) == ("voice", "audio/opus", MICROPHONE)
    assert ann.track("agent") == info
    assert not local.is_received(info.sid)
    ann.offer()
    assert listener.told[-1] == ("received", info.sid)
    assert local.is_received(info.sid)
    source.send(b"hello")
    sender = ann.sender(info.sid)
    assert sender.sent == [b"hello"]
    assert sender.stream_id == f"{local.sid}|{info.sid}"
    assert local.round_trip(info.sid) is None
    sender.round_trip = 0.2
    hall.join("bob").sender(info.sid).round_trip = 0.1
    assert local.round_trip(info.sid) == 0.2
    assert local.round_trip("TR_none") is None
    assert local.fraction_lost(info.sid) == local.fraction_lost("TR_none") == 0
    sender.fraction_lost = 0.25
    assert local.fraction_lost(info.sid) == 0.25
    local.set_muted(info.sid, True)
    local.set_muted("TR_none", True)
    assert ann.track("agent").muted
    local.unpublish(info.sid)
    local.unpublish(info.sid)
    assert not ann.seen("agent").tracks
    assert source.sinks == []


def test_sound_and_picture_of_an_agent_are_played_in_step() -> None:
    hall = Hall()
    ann = hall.join("ann", spare=2)
    local, _ = agent(hall)
    source, track = voice(stream="avatar")
    sound = local.publish(source, track)
    picture = local.publish(
        FakeSource(VP8),
        models.TrackInfo(type=models.TrackType.VIDEO, width=64, height=48, stream="avatar"),
    )
    assert ann.sender(sound.sid).stream_id == ann.sender(picture.sid).stream_id
    assert picture.mime_type == "video/VP8"
    assert [(layer.width, layer.height) for layer in picture.layers] == [(64, 48)]
    assert ann.sender(picture.sid).layer == 2


def test_agents_hear_one_another() -> None:
    hall = Hall()
    local, _ = agent(hall)
    _, other = agent(hall, "other")
    source, track = voice()
    info = local.publish(source, track)
    assert other.told[-1] == ("track", "agent", info.sid)
    assert local.round_trip(info.sid) == local.fraction_lost(info.sid) == 0
    local.send(user(b"hi", destination_identities=["other"]), reliable=True)
    assert other.told[-1] == ("data", "agent", b"hi", True)


def test_an_agent_gets_what_it_asks_for_where_it_does_not_want_all() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    sid = ann.track("ann").sid
    local, listener = agent(hall, auto_subscribe=False)
    assert listener.names() == ["joined"]
    local.set_subscribed(sid, True)
    local.set_subscribed("TR_none", True)
    local.set_subscribed(sid, False)
    assert listener.told[1:] == [("track", "ann", sid), ("ended", "ann", sid)]
    ann.ask(subscription_permission=rtc.SubscriptionPermission())
    local.set_subscribed(sid, True)
    assert len(listener.told) == 3


def test_an_agent_sends_data_in_its_own_name_and_text_in_that_of_others() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, _ = agent(hall)
    mine = user(b"hi", participant_identity="ann")
    local.send(mine, reliable=False)
    header = models.DataStream.Header(stream_id="s")
    local.send(models.DataPacket(stream_header=header, participant_identity="ann"), reliable=True)
    assert [(label, packet.participant_identity) for label, packet in ann.heard()] == [
        ("_lossy", "agent"),
        ("_reliable", "ann"),
    ]
    assert mine.participant_identity == "ann"
    with pytest.raises(InvalidInput):
        local.send(user(b"x" * 67_585), reliable=True)
    local.send(models.DataPacket(), reliable=True)
    assert len(ann.heard()) == 2


def test_an_agent_changes_what_is_told_about_it() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, _ = agent(hall, attributes={"lk.agent.state": "listening", "old": "1"})
    local.update(attributes={"lk.agent.state": "speaking", "old": ""}, metadata="m", name="R")
    info = ann.seen("agent")
    assert dict(info.attributes) == {"lk.agent.state": "speaking"}
    assert (info.metadata, info.name) == ("m", "R")
    with pytest.raises(InvalidInput):
        local.update(metadata="m" * 65_537)
    local.update(metadata="")
    assert ann.seen("agent").metadata == ""


def test_an_agent_that_leaves_is_told_nothing_more() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, listener = agent(hall)
    source, track = voice()
    info = local.publish(source, track)
    local.close()
    local.close()
    assert ann.seen("agent").state == models.ParticipantInfo.State.DISCONNECTED
    assert source.sinks == []
    told = len(listener.told)
    ann.publish()
    ann.say(user(b"x"))
    assert len(listener.told) == told
    with pytest.raises(RoomIsClosed):
        local.publish(*voice())
    with pytest.raises(RoomIsClosed):
        local.send(user(b"x"), reliable=True)
    with pytest.raises(RoomIsClosed) as closed:
        local.update(name="x")
    assert closed.value.reason == "client_initiated"
    local.unpublish(info.sid)


@pytest.mark.parametrize("how", ["room_deleted", "participant_removed", "server_shutdown"])
def test_an_agent_is_told_why_it_was_removed(how: str) -> None:
    hall = Hall()
    hall.join("ann")
    _, listener = agent(hall)
    if how == "room_deleted":
        hall.server.delete_room("hall")
    elif how == "participant_removed":
        hall.server.remove_participant("hall", "agent")
    else:
        hall.server.close()
    assert listener.told[-1] == ("removed", how)
    assert listener.names().count("removed") == 1


def test_an_agent_of_the_same_identity_takes_the_place_of_the_one_before() -> None:
    hall = Hall()
    _, first = agent(hall)
    second, _ = agent(hall)
    assert first.told[-1] == ("removed", "duplicate_identity")
    assert hall.server.get_participant("hall", "agent").sid == second.sid


def test_a_room_does_not_end_while_an_agent_of_this_process_is_there() -> None:
    hall = Hall(empty_timeout=10, departure_timeout=10)
    local, listener = agent(hall)
    hall.clock.advance(100)
    assert "removed" not in listener.names()
    local.close()
    hall.clock.advance(10.1)
    assert not hall.server.list_rooms()


def test_an_agent_publishes_a_bounded_number_of_tracks() -> None:
    hall = Hall(max_tracks=1)
    local, _ = agent(hall)
    local.publish(*voice())
    with pytest.raises(CapacityExceeded):
        local.publish(*voice())


def test_an_administrator_mutes_and_unmutes_an_agent() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, listener = agent(hall)
    source, track = voice()
    info = local.publish(source, track)
    ann.offer()
    hall.server.mute_track("hall", "agent", info.sid, True)
    source.send()
    assert ann.sender(info.sid).sent == []
    hall.server.mute_track("hall", "agent", info.sid, False)
    source.send(b"back")
    assert ann.sender(info.sid).sent == [b"back"]
    assert listener.told[-2:] == [("mute", info.sid, True), ("mute", info.sid, False)]
    hall.server.mute_track("hall", "agent", info.sid, True)
    local.set_muted(info.sid, False)
    source.send(b"again")
    assert ann.sender(info.sid).sent[-1] == b"again"


def test_an_agent_that_may_not_publish_any_more_is_heard_no_more() -> None:
    hall = Hall()
    ann = hall.join("ann")
    local, _ = agent(hall)
    source, track = voice()
    local.publish(source, track)
    request = room_api.UpdateParticipantRequest(
        room="hall", identity="agent", permission=models.ParticipantPermission(can_subscribe=True)
    )
    hall.server.update_participant(request)
    assert not ann.seen("agent").tracks
    assert source.sinks == []
    assert ann.seen("agent").permission.agent
