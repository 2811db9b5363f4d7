"""When rooms begin and end, and what webhooks are told of it."""

from __future__ import annotations

import pytest
from livekit.protocol import models, rtc
from livekit.protocol import room as room_api

from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.errors import RoomsFailed
from support.fake_rooms import NOW, Hall

Reason = models.DisconnectReason
EndReason = models.RoomEndReason


def leave(client: object) -> None:
    client.ask(leave=rtc.LeaveRequest())  # type: ignore[attr-defined]


def test_a_room_ends_when_all_have_left_for_a_while() -> None:
    hall = Hall(departure_timeout=20)
    ann = hall.join("ann")
    leave(ann)
    hall.clock.advance(19)
    bob = hall.join("bob")
    hall.clock.advance(60)
    assert hall.server.list_rooms()
    leave(bob)
    hall.clock.advance(20.1)
    assert not hall.server.list_rooms()
    assert hall.events[-1].event == "room_finished"
    assert hall.events[-1].room_end_reason == EndReason.ROOM_END_IDLE_TIMEOUT
    assert hall.clock.pending == 0


def test_a_room_that_was_made_beforehand_waits_for_its_first_participant() -> None:
    hall = Hall(empty_timeout=300, departure_timeout=20)
    made = hall.server.create_room(room_api.CreateRoomRequest(name="hall", metadata="m"))
    assert (made.name, made.metadata, made.empty_timeout) == ("hall", "m", 300)
    hall.clock.advance(299)
    ann = hall.join("ann")
    assert ann.last("join").room.sid == made.sid
    assert ann.last("join").room.metadata == "m"
    leave(ann)
    hall.clock.advance(21)
    assert not hall.server.list_rooms()
    hall.server.create_room(room_api.CreateRoomRequest(name="hall"))
    hall.clock.advance(301)
    assert not hall.server.list_rooms()


def test_a_room_keeps_the_bounds_it_was_made_with() -> None:
    hall = Hall(departure_timeout=20)
    request = room_api.CreateRoomRequest(
        name="hall", empty_timeout=10, departure_timeout=5, max_participants=1
    )
    made = hall.server.create_room(request)
    assert hall.server.create_room(room_api.CreateRoomRequest(name="hall")) == made
    hall.join("agent", grants={"agent": True})
    hall.join("eve", grants={"hidden": True})
    ann = hall.join("ann")
    with pytest.raises(CapacityExceeded) as refused:
        hall.join("bob")
    assert refused.value.limit == 1
    hall.join("ann2", grants={"kind": "agent"})
    leave(ann)
    assert hall.join("bob").last("join").room.max_participants == 1


def test_agents_and_recorders_from_outside_do_not_hold_a_room() -> None:
    hall = Hall(departure_timeout=20, empty_timeout=300)
    agent = hall.join("agent", grants={"kind": "agent"})
    ann = hall.join("ann")
    recorder = hall.join("recorder", grants={"recorder": True, "hidden": True})
    leave(ann)
    hall.clock.advance(20.1)
    assert agent.last("leave").reason == Reason.ROOM_CLOSED
    assert recorder.last("leave").reason == Reason.ROOM_CLOSED
    assert not hall.server.list_rooms()


def test_a_room_that_is_deleted_sends_everybody_away() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    assert hall.server.delete_room("hall")
    assert not hall.server.delete_room("hall")
    for client in (ann, bob):
        assert client.last("leave").reason == Reason.ROOM_DELETED
        assert client.channel.closed
        assert client.peer.closed
    assert hall.events[-1].room_end_reason == EndReason.ROOM_END_API_DELETE
    assert hall.clock.pending == 0
    assert hall.join("ann").last("join").room.sid != ann.last("join").room.sid


def test_making_rooms_is_bounded() -> None:
    hall = Hall(max_rooms=1)
    hall.server.create_room(room_api.CreateRoomRequest(name="one"))
    with pytest.raises(CapacityExceeded):
        hall.server.create_room(room_api.CreateRoomRequest(name="two"))
    with pytest.raises(InvalidInput):
        hall.server.create_room(room_api.CreateRoomRequest(name=""))
    with pytest.raises(InvalidInput):
        hall.server.create_room(room_api.CreateRoomRequest(name="x", metadata="m" * 65_537))
    assert [room.name for room in hall.server.list_rooms()] == ["one"]
    assert hall.server.list_rooms(["two"]) == []
    hall.server.close()
    with pytest.raises(RoomsFailed):
        hall.server.create_room(room_api.CreateRoomRequest(name="one"))


def test_webhooks_tell_what_happens_in_order() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    leave(ann)
    hall.server.close()
    assert hall.event_names() == [
        "room_started",
        "participant_joined",
        "track_published",
        "track_unpublished",
        "participant_left",
        "room_finished",
    ]
    assert len({event.id for event in hall.events}) == 6
    assert all(event.id.startswith("EV_") for event in hall.events)
    assert all(event.created_at == int(NOW) for event in hall.events)
    assert all(event.room.name == "hall" for event in hall.events)
    published = hall.events[2]
    assert published.participant.identity == "ann"
    assert published.track.sid == ann.last("track_published").track.sid
    assert hall.events[4].participant.disconnect_reason == Reason.CLIENT_INITIATED


def test_who_is_back_has_not_joined_again() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.peer.become("disconnected")
    ann.peer.become("connected")
    assert hall.event_names().count("participant_joined") == 1


def test_changes_of_the_number_of_participants_are_told_together() -> None:
    hall = Hall()
    ann = hall.join("ann")
    hall.join("bob")
    hall.join("cid").publish()
    assert not ann.all("room_update")
    hall.clock.advance(1)
    (update,) = ann.all("room_update")
    assert (update.room.num_participants, update.room.num_publishers) == (3, 1)


def test_rooms_are_apart() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", grants={"room": "other"})
    ann.publish()
    bob.publish()
    assert not bob.last("join").other_participants
    assert not bob.peer.senders
    assert not ann.peer.senders
    assert {room.name for room in hall.server.list_rooms()} == {"hall", "other"}
    hall.server.delete_room("other")
    assert not ann.all("leave")
