"""Coming into a room, staying in it, and leaving."""

from __future__ import annotations

import pytest
from livekit.protocol import models, rtc

from greenroom.errors import CapacityExceeded, Forbidden, InvalidInput
from greenroom.rooms.embedded.client import ClientParticipant
from greenroom.rooms.embedded.joining import JoinParameters
from greenroom.rooms.errors import RoomsFailed
from support.fake_peer import FakePeer
from support.fake_rooms import NOW, FakeChannel, FakeClient, Hall

State = models.ParticipantInfo.State
Reason = models.DisconnectReason
Action = rtc.LeaveRequest.Action


def test_a_join_is_answered_with_the_room_oneself_and_the_others() -> None:
    hall = Hall()
    hall.join("ann", grants={"name": "Ann", "metadata": "m", "attributes": {"a": "1"}})
    bob = hall.enter("bob")
    join = bob.last("join")
    assert bob.names()[0] == "join"
    assert join.room.name == "hall"
    assert join.room.sid.startswith("RM_")
    assert join.participant.identity == "bob"
    assert join.participant.sid == bob.sid
    assert bob.sid.startswith("PA_")
    assert [(other.identity, other.name, other.metadata) for other in join.other_participants] == [
        ("ann", "Ann", "m")
    ]
    assert dict(join.other_participants[0].attributes) == {"a": "1"}
    assert (join.ping_interval, join.ping_timeout) == (5, 15)
    assert not join.subscriber_primary
    assert join.ice_servers[0].username == "bob"
    assert join.server_info.protocol == 16
    assert "audio/opus" in {codec.mime for codec in join.enabled_publish_codecs}
    assert join.participant.joined_at == int(NOW)
    assert join.participant.permission.can_subscribe


def test_the_others_see_somebody_come_become_active_and_leave() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.forget()
    bob = hall.enter("bob")
    assert ann.seen("bob").state == State.JOINED
    version = ann.seen("bob").version
    bob.offer("spare audio")
    bob.connect()
    assert ann.seen("bob").state == State.ACTIVE
    assert ann.seen("bob").version > version
    bob.ask(leave=rtc.LeaveRequest())
    assert ann.seen("bob").state == State.DISCONNECTED
    assert ann.seen("bob").disconnect_reason == Reason.CLIENT_INITIATED
    assert bob.channel.closed == "client_initiated"
    assert bob.peer.closed


def test_an_offer_that_comes_with_the_join_is_answered_under_its_number() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    offer = rtc.SessionDescription(type="offer", sdp="spare audio\nspare video", id=7)
    bob = hall.enter("bob", publisher_offer=offer)
    answer = bob.last("answer")
    assert (answer.type, answer.id) == ("answer", 7)
    sid = bob.track("ann").sid
    assert dict(answer.mid_to_track_id) == {"0": sid}
    assert bob.names().index("join") < bob.names().index("answer")


def test_tracks_that_come_with_the_join_are_announced_before_its_offer() -> None:
    hall = Hall()
    request = rtc.AddTrackRequest(cid="mic", type=models.TrackType.AUDIO)
    offer = rtc.SessionDescription(type="offer", sdp="send audio mic", id=1)
    ann = hall.enter("ann", publisher_offer=offer, add_tracks=[request])
    assert ann.last("track_published").cid == "mic"
    assert ann.track("ann").mid == "0"


def test_a_hidden_participant_is_told_of_others_who_are_not_told_of_it() -> None:
    hall = Hall()
    ann = hall.join("ann")
    eve = hall.join("eve", grants={"hidden": True})
    bob = hall.join("bob")
    assert [info.identity for info in bob.last("join").other_participants] == ["ann"]
    assert eve.seen("bob").state == State.ACTIVE
    assert eve.seen("eve").state == State.ACTIVE
    eve.publish()
    eve.ask(leave=rtc.LeaveRequest())
    for other in (ann, bob):
        assert "eve" not in {
            info.identity for update in other.all("update") for info in update.participants
        }
        assert not other.peer.senders
    hall.clock.advance(1)
    assert ann.last("room_update").room.num_participants == 2


def test_an_identity_that_comes_again_sends_the_older_one_away() -> None:
    hall = Hall()
    ann, watcher = hall.join("ann"), hall.join("watcher")
    again = hall.join("ann")
    assert ann.last("leave").reason == Reason.DUPLICATE_IDENTITY
    assert ann.last("leave").action == Action.DISCONNECT
    assert not ann.last("leave").can_reconnect
    assert ann.channel.closed
    assert ann.peer.closed
    assert watcher.seen("ann").sid == again.sid
    assert again.sid != ann.sid
    ann.session.receive(rtc.SignalRequest(leave=rtc.LeaveRequest()))
    ann.session.lost()
    assert hall.server.get_participant("hall", "ann").sid == again.sid


def test_a_client_that_never_connects_is_sent_away() -> None:
    hall = Hall(connect_timeout=10)
    ann = hall.enter("ann")
    hall.clock.advance(9.9)
    assert not ann.all("leave")
    hall.clock.advance(0.2)
    assert ann.last("leave").reason == Reason.JOIN_FAILURE
    assert ann.peer.closed
    assert "participant_connection_aborted" in hall.event_names()
    assert "participant_left" not in hall.event_names()


def test_a_first_offer_that_is_bad_ends_the_join_and_nothing_else() -> None:
    hall = Hall()
    ann = hall.join("ann")
    bob = hall.enter("bob", publisher_offer=rtc.SessionDescription(type="offer", sdp="bad"))
    assert bob.last("leave").reason == Reason.JOIN_FAILURE
    assert bob.channel.closed
    assert ann.seen("bob").state == State.DISCONNECTED
    assert not ann.all("leave")


def test_a_later_offer_that_is_bad_lets_the_client_come_again() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.offer("bad line")
    assert ann.last("leave").reason == Reason.STATE_MISMATCH
    assert ann.last("leave").action == Action.RECONNECT
    assert ann.last("leave").can_reconnect


def resume(hall: Hall, client: FakeClient, **parameters: object) -> FakeClient:
    """Come back on another signalling connection."""
    parameters = {"reconnect": True, "participant_sid": client.sid, **parameters}
    back = hall.enter(client.identity, **parameters)
    back.peers, back.sections = client.peers, client.sections
    return back


def test_a_client_that_lost_its_signalling_takes_up_its_place_again() -> None:
    hall = Hall(reconnect_timeout=10)
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    microphone = ann.publish()
    hall.settle()
    bob.offer("spare audio")
    ann.session.lost()
    hall.clock.advance(9)
    cid.ask(leave=rtc.LeaveRequest())
    back = resume(hall, ann)
    assert back.sid == ann.sid
    assert back.names()[0] == "reconnect"
    assert back.last("reconnect").ice_servers
    assert back.seen("bob").state == State.ACTIVE
    assert back.seen("cid").state == State.DISCONNECTED
    assert len(back.seen("ann").tracks) == 1
    hall.clock.advance(30)
    microphone.send(b"still here")
    assert bob.sender(bob.track("ann").sid).sent[-1] == b"still here"
    ann.session.receive(rtc.SignalRequest(leave=rtc.LeaveRequest()))
    ann.session.lost()
    hall.clock.advance(30)
    assert bob.seen("ann").state == State.ACTIVE


def test_a_client_may_come_back_before_its_old_connection_is_known_to_be_gone() -> None:
    hall = Hall()
    ann = hall.join("ann")
    back = resume(hall, ann)
    assert ann.channel.closed
    assert not ann.all("leave")
    back.offer("spare audio", number=2)
    assert back.last("answer").id == 2


def test_an_offer_that_comes_with_a_resumption_is_answered() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(add_track=rtc.AddTrackRequest(cid="mic", type=models.TrackType.AUDIO))
    back = resume(
        hall, ann, publisher_offer=rtc.SessionDescription(type="offer", sdp="spare audio", id=3)
    )
    assert back.last("answer").id == 3
    assert back.last("track_published").cid == "mic"


def test_a_place_is_given_up_when_nobody_comes_back() -> None:
    hall = Hall(reconnect_timeout=10)
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.session.lost()
    hall.clock.advance(10.1)
    assert bob.seen("ann").state == State.DISCONNECTED
    assert bob.seen("ann").disconnect_reason == Reason.SIGNAL_CLOSE
    assert ann.peer.closed
    back = resume(hall, ann)
    assert back.names() == ["leave"]
    assert back.last("leave").reason == Reason.STATE_MISMATCH
    assert back.last("leave").action == Action.RECONNECT
    assert back.channel.closed
    assert back.sid == ""
    back.session.receive(rtc.SignalRequest(ping=1))
    back.session.lost()


def test_what_a_client_may_have_missed_about_its_tracks_is_told_again() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish("mic")
    ann.publish("film", "video")
    sound, film = (track.sid for track in ann.seen("ann").tracks)
    ann.session.lost()
    hall.server.mute_track("hall", "ann", sound, True)
    hall.clock.advance(6)
    back = resume(hall, ann)
    assert [(mute.sid, mute.muted) for mute in back.all("mute")] == [(sound, True)]
    assert [update.track_sid for update in back.all("subscribed_quality_update")] == [film]


def other_sid(ann: FakeClient) -> dict[str, object]:
    return {"participant_sid": "PA_other"}


def other_way(ann: FakeClient) -> dict[str, object]:
    return {"single_pc": False}


def failed(ann: FakeClient) -> dict[str, object]:
    ann.peer.state = "failed"
    return {}


@pytest.mark.parametrize("how", [other_sid, other_way, failed])
def test_a_place_in_another_state_can_not_be_taken_up(how: object) -> None:
    hall = Hall()
    ann = hall.join("ann")
    assert callable(how)
    back = resume(hall, ann, **how(ann))
    assert back.last("leave").action == Action.RECONNECT


def test_a_resumption_needs_a_token_that_lets_join() -> None:
    hall = Hall()
    ann = hall.join("ann")
    with pytest.raises(Forbidden):
        resume(hall, ann, grants={"room_join": False})


def test_a_client_whose_media_stop_may_find_its_way_back() -> None:
    hall = Hall(reconnect_timeout=10)
    ann = hall.join("ann")
    ann.peer.become("disconnected")
    hall.clock.advance(9)
    ann.peer.become("failed")
    ann.peer.become("connected")
    hall.clock.advance(30)
    assert not ann.all("leave")
    ann.peer.become("disconnected")
    hall.clock.advance(10.1)
    assert ann.last("leave").reason == Reason.CONNECTION_TIMEOUT
    assert ann.last("leave").action == Action.RECONNECT


def test_a_client_is_gone_at_once_when_both_of_its_connections_are() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    ann.peer.become("closed")
    assert cid.seen("ann").state == State.ACTIVE
    ann.session.lost()
    assert cid.seen("ann").state == State.DISCONNECTED
    bob.session.lost()
    assert cid.seen("bob").state == State.ACTIVE
    bob.peer.become("closed")
    assert cid.seen("bob").state == State.DISCONNECTED


def test_joining_is_refused_before_anything_is_allocated() -> None:
    hall = Hall(max_rooms=1, max_participants=1)
    hall.join("ann")
    peers = len(hall.peers)
    for grants, error in (
        ({"room_join": False}, Forbidden),
        ({"room": ""}, InvalidInput),
        ({"room": "r" * 257}, InvalidInput),
        ({"identity": ""}, InvalidInput),
        ({"identity": "i" * 257}, InvalidInput),
        ({"metadata": "m" * 65_537}, InvalidInput),
        ({"attributes": {"a": "x" * 65_536}}, InvalidInput),
        ({"attributes": {str(n): "x" for n in range(257)}}, InvalidInput),
        ({"room": "other"}, CapacityExceeded),
        ({}, CapacityExceeded),
    ):
        with pytest.raises(error):
            hall.enter("bob", grants=grants)  # type: ignore[arg-type]
        with pytest.raises(error):
            hall.server.check_join(
                hall.grants("bob", **grants),  # type: ignore[arg-type]
                JoinParameters(),
            )
    assert len(hall.peers) == peers
    assert len(hall.server.list_rooms()) == 1


def test_what_a_client_says_about_itself_when_it_joins_counts_where_its_token_allows_it() -> None:
    hall = Hall()
    said = {"metadata": "new", "attributes": {"a": "1", "b": ""}}
    grants = {"metadata": "old", "attributes": {"b": "2"}}
    ann = hall.enter("ann", grants={**grants, "can_update_own_metadata": True}, **said)
    assert ann.last("join").participant.metadata == "new"
    assert dict(ann.last("join").participant.attributes) == {"a": "1"}
    bob = hall.enter("bob", grants=grants, **said)
    assert bob.last("join").participant.metadata == "old"
    assert dict(bob.last("join").participant.attributes) == {"b": "2"}
    with pytest.raises(InvalidInput):
        hall.enter("cid", grants={"can_update_own_metadata": True}, metadata="m" * 65_537)


def test_a_closed_server_lets_nobody_in() -> None:
    hall = Hall()
    ann = hall.join("ann")
    hall.server.close()
    hall.server.close()
    assert ann.last("leave").reason == Reason.SERVER_SHUTDOWN
    with pytest.raises(RoomsFailed):
        hall.enter("bob")
    assert hall.clock.pending == 0
    assert all(peer.closed for peer in hall.peers)


def test_tokens_are_renewed_while_a_client_is_there() -> None:
    hall = Hall()
    ann = hall.join("ann")
    assert not ann.all("refresh_token")
    hall.clock.advance(301)
    hall.clock.advance(301)
    assert ann.all("refresh_token") == ["token of ann"] * 2


def test_a_second_connection_that_is_refused_leaves_the_first_alone() -> None:
    hall = Hall(max_participants=1)
    ann = hall.join("ann")
    with pytest.raises(CapacityExceeded):
        hall.enter("bob")
    again = hall.join("ann")
    assert ann.channel.closed
    assert again.last("join")


def test_peers_are_made_by_the_side_that_needs_them() -> None:
    hall = Hall()
    hall.join("ann")
    assert len(hall.peers) == 1
    bob = hall.join_v0("bob")
    assert len(hall.peers) == 2
    bob.offer("send audio mic")
    assert len(hall.peers) == 3
    assert all(isinstance(peer, FakePeer) for peer in hall.peers)


def test_a_session_ends_with_its_channel_only_once() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.session.lost()
    ann.session.lost()
    ann.ask(ping=1)
    assert not ann.all("pong")
    place = hall.server._participant("hall", "ann")
    assert isinstance(place, ClientParticipant)
    place.leave()
    place.dismiss(Reason.PARTICIPANT_REMOVED)
    assert hall.event_names().count("participant_left") == 1


def test_a_channel_is_told_why_it_is_closed() -> None:
    hall = Hall()
    ann = hall.join("ann")
    hall.server.remove_participant("hall", "ann")
    assert ann.channel.closed == "participant_removed"
    assert isinstance(ann.channel, FakeChannel)
