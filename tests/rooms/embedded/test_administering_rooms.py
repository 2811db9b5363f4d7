"""What an administrator may do with rooms and participants."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from livekit.protocol import models, rtc
from livekit.protocol import room as room_api

from greenroom.errors import Forbidden, InvalidInput
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.server import RoomServer
from support.fake_rooms import Hall

Reason = models.DisconnectReason
Source = models.TrackSource


def test_participants_can_be_looked_at_also_the_hidden_ones() -> None:
    hall = Hall()
    ann = hall.join("ann")
    hall.join("eve", grants={"hidden": True})
    assert {one.identity for one in hall.server.list_participants("hall")} == {"ann", "eve"}
    found = hall.server.get_participant("hall", "ann")
    assert (found.sid, found.state) == (ann.sid, models.ParticipantInfo.State.ACTIVE)


def test_a_participant_can_be_removed() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    hall.server.remove_participant("hall", "ann")
    assert ann.last("leave").reason == Reason.PARTICIPANT_REMOVED
    assert bob.seen("ann").disconnect_reason == Reason.PARTICIPANT_REMOVED


def test_a_muted_track_is_not_forwarded_until_its_owner_unmutes_it() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    sid = bob.track("ann").sid
    bob.offer()
    assert hall.server.mute_track("hall", "ann", sid, True).muted
    assert hall.server.mute_track("hall", "ann", sid, True).muted
    assert [(mute.sid, mute.muted) for mute in ann.all("mute")] == [(sid, True)]
    assert bob.track("ann").muted
    microphone.send(b"still talking")
    assert bob.sender(sid).sent == []
    late = hall.join("late")
    microphone.send(b"still talking")
    assert late.sender(sid).sent == []
    with pytest.raises(Forbidden):
        hall.server.mute_track("hall", "ann", sid, False)
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=False))
    microphone.send(b"again")
    assert bob.sender(sid).sent == late.sender(sid).sent == [b"again"]


def test_a_participant_can_be_changed() -> None:
    hall = Hall()
    ann, bob = hall.join("ann", grants={"attributes": {"a": "1"}}), hall.join("bob")
    info = hall.server.update_participant(
        room_api.UpdateParticipantRequest(
            room="hall", identity="ann", metadata="m", name="Ann", attributes={"b": "2"}
        )
    )
    assert (info.metadata, info.name, dict(info.attributes)) == ("m", "Ann", {"a": "1", "b": "2"})
    assert bob.seen("ann") == info
    assert ann.seen("ann") == info
    assert ann.last("refresh_token") == "token of ann"
    with pytest.raises(InvalidInput):
        hall.server.update_participant(
            room_api.UpdateParticipantRequest(room="hall", identity="ann", name="n" * 257)
        )


def permit(hall: Hall, identity: str, **permission: object) -> None:
    everything = {"can_publish": True, "can_subscribe": True, "can_publish_data": True}
    hall.server.update_participant(
        room_api.UpdateParticipantRequest(
            room="hall",
            identity=identity,
            permission=models.ParticipantPermission(**{**everything, **permission}),  # type: ignore[arg-type]
        )
    )


def test_permissions_that_are_taken_away_end_what_they_allowed() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.publish("mic")
    ann.publish("film", "video")
    sound = bob.track("ann").sid
    permit(hall, "ann", can_publish_sources=[Source.MICROPHONE])
    assert [track.sid for track in bob.seen("ann").tracks] == [sound]
    assert len(ann.all("track_unpublished")) == 1
    assert list(ann.seen("ann").permission.can_publish_sources) == [Source.MICROPHONE]
    permit(hall, "bob", can_subscribe=False)
    assert bob.peer.senders == []
    permit(hall, "bob")
    assert [sender.track_id for sender in bob.peer.senders] == [sound]
    permit(hall, "ann", can_publish=False)
    assert not bob.seen("ann").tracks
    ann.offer("1:idle audio")
    ann.ask(add_track=rtc.AddTrackRequest(cid="again"))
    assert ann.last("request_response").reason == rtc.RequestResponse.Reason.NOT_ALLOWED


def test_who_is_hidden_stays_hidden() -> None:
    hall = Hall()
    ann = hall.join("ann")
    hall.join("eve", grants={"hidden": True})
    permit(hall, "eve")
    assert "eve" not in {
        info.identity for update in ann.all("update") for info in update.participants
    }


def test_the_metadata_of_a_room_are_told() -> None:
    hall = Hall()
    ann = hall.join("ann")
    assert hall.server.update_room_metadata("hall", "new").metadata == "new"
    assert ann.last("room_update").room.metadata == "new"
    with pytest.raises(InvalidInput):
        hall.server.update_room_metadata("hall", "m" * 65_537)


def test_subscriptions_can_be_changed_for_somebody() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.publish()
    sid = bob.track("ann").sid
    request = room_api.UpdateSubscriptionsRequest(room="hall", identity="bob", track_sids=[sid])
    hall.server.update_subscriptions(request)
    assert bob.peer.senders == []
    tracks = models.ParticipantTracks(participant_sid=ann.sid, track_sids=[sid, "TR_none"])
    hall.server.update_subscriptions(
        room_api.UpdateSubscriptionsRequest(
            room="hall", identity="bob", participant_tracks=[tracks], subscribe=True
        )
    )
    assert [sender.track_id for sender in bob.peer.senders] == [sid]


def test_the_server_sends_data_in_its_own_name() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    hall.server.send_data(room_api.SendDataRequest(room="hall", data=b"all", topic="t"))
    lossy = models.DataPacket.Kind.LOSSY
    hall.server.send_data(
        room_api.SendDataRequest(
            room="hall", data=b"bob", kind=lossy, destination_identities=["bob"]
        )
    )
    hall.server.send_data(
        room_api.SendDataRequest(room="hall", data=b"sid", destination_sids=[bob.sid])
    )
    assert [packet.user.payload for _, packet in ann.heard()] == [b"all"]
    assert [(label, packet.user.payload) for label, packet in bob.heard()] == [
        ("_reliable", b"all"),
        ("_lossy", b"bob"),
        ("_reliable", b"sid"),
    ]
    assert bob.heard()[0][1].user.topic == "t"
    assert bob.heard()[0][1].participant_identity == ""
    with pytest.raises(InvalidInput):
        hall.server.send_data(room_api.SendDataRequest(room="hall", data=b"x" * 65_537))


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda server: server.list_participants("none"), "room"),
        (lambda server: server.get_participant("none", "ann"), "room"),
        (lambda server: server.get_participant("hall", "none"), "participant"),
        (lambda server: server.remove_participant("hall", "none"), "participant"),
        (lambda server: server.mute_track("hall", "ann", "TR_none", True), "track"),
        (lambda server: server.update_room_metadata("none", ""), "room"),
        (lambda server: server.send_data(room_api.SendDataRequest(room="none")), "room"),
    ],
)
def test_what_is_not_there_is_named(call: Callable[[RoomServer], object], what: str) -> None:
    hall = Hall()
    hall.join("ann")
    with pytest.raises(NotInRoom) as missing:
        call(hall.server)
    assert missing.value.what == what
    assert "none" in str(missing.value).lower()
