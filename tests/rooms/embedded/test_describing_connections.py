"""Who offers when: one peer connection (v1) and two (v0)."""

from __future__ import annotations

from livekit.protocol import models, rtc

from support.fake_rooms import Hall

Reason = models.DisconnectReason


def needs(client: object) -> list[tuple[int, int]]:
    return [
        (message.num_audios, message.num_videos)
        for message in client.all("media_sections_requirement")  # type: ignore[attr-defined]
    ]


def test_a_client_is_asked_once_for_all_the_sections_that_are_missing() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=1)
    ann.publish("one")
    ann.publish("two")
    ann.publish("film", "video")
    assert needs(bob) == []
    hall.settle()
    assert needs(bob) == [(1, 1)]
    hall.settle()
    assert needs(bob) == [(1, 1)]
    bob.offer("spare audio", "spare video", number=2)
    hall.settle()
    assert needs(bob) == [(1, 1)]
    answer = bob.last("answer")
    sids = {track.sid for track in bob.seen("ann").tracks}
    assert set(answer.mid_to_track_id.values()) == sids
    assert len(answer.mid_to_track_id) == 3


def test_a_client_that_is_asked_already_is_asked_only_for_more() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    ann.publish("one")
    hall.settle()
    ann.publish("two")
    hall.settle()
    assert needs(bob) == [(1, 0), (1, 0)]


def test_an_offer_that_crosses_the_request_does_not_lead_to_another() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    ann.publish("one")
    hall.settle()
    bob.offer("send audio mine")
    hall.settle()
    assert needs(bob) == [(1, 0)]
    bob.offer("spare audio")
    hall.settle()
    assert needs(bob) == [(1, 0)]
    assert bob.sender(bob.track("ann").sid).mid == "1"


def test_a_client_is_asked_to_offer_where_sections_are_free_or_to_be_freed() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=2)
    ann.publish("one")
    hall.settle()
    assert needs(bob) == [(0, 0)]
    bob.offer()
    hall.settle()
    assert needs(bob) == [(0, 0)]
    ann.offer("1:idle audio")
    hall.settle()
    assert needs(bob) == [(0, 0), (0, 0)]


def test_a_client_that_does_not_hear_is_asked_again_a_few_times() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    ann.publish()
    hall.clock.advance(100)
    assert needs(bob) == [(1, 0)] * 4


def test_a_client_that_is_back_is_asked_again_if_it_does_not_offer() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    bob.session.lost()
    ann.publish()
    hall.settle()
    back = hall.enter("bob", reconnect=True, participant_sid=bob.sid)
    assert needs(back) == []
    hall.clock.advance(6)
    assert needs(back) == [(1, 0)]


def test_nothing_is_asked_for_before_the_first_offer_or_after_the_end() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    bob = hall.enter("bob")
    hall.settle()
    assert needs(bob) == []
    cid = hall.join("cid", spare=0)
    ann.publish("two")
    cid.session.receive(rtc.SignalRequest(leave=rtc.LeaveRequest()))
    hall.settle()
    assert hall.server.list_participants("hall")


def test_an_answer_means_nothing_where_the_client_makes_the_offers() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(answer=rtc.SessionDescription(type="answer", sdp="bad"))
    assert not ann.all("leave")


def test_with_two_connections_the_server_offers_what_the_client_receives() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    bob = hall.enter("bob", single_pc=False)
    hall.settle()
    assert bob.last("join").subscriber_primary
    sid = bob.track("ann").sid
    assert bob.last("offer").sdp == f"offer of {sid}"
    assert list(bob.last("offer").mid_to_track_id.values()) == [sid]
    assert bob.peer.channels == [("_reliable", True, None), ("_lossy", False, 0)]
    bob.answer_offer()
    bob.connect()
    assert ann.seen("bob").state == models.ParticipantInfo.State.ACTIVE


def test_with_two_connections_the_client_offers_what_it_sends() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    bob.ask(add_track=rtc.AddTrackRequest(cid="mic", type=models.TrackType.AUDIO))
    bob.offer("send audio mic", number=9)
    assert bob.last("answer").id == 9
    assert not bob.last("answer").mid_to_track_id
    hall.add_peer(bob)
    assert len(bob.peers) == 2
    hall.settle()
    ann.offer()
    bob.peers[1].become("connected")
    bob.peers[1].events.on_channel("_reliable")
    bob.peers[1].receivers["0"].send(b"hello")
    assert ann.sender(ann.track("bob").sid).sent == [b"hello"]
    bob.offer("0:idle audio")
    assert not ann.seen("bob").tracks
    bob.peers[1].become("failed")
    hall.clock.advance(60)
    assert not bob.all("leave")


def test_one_offer_of_the_server_is_under_way_at_a_time() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    assert [offer.id for offer in bob.all("offer")] == [1]
    ann.publish("one")
    hall.settle()
    ann.publish("two")
    ann.publish("three")
    hall.settle()
    assert [offer.id for offer in bob.all("offer")] == [1, 2]
    bob.answer_offer(number=1)
    hall.settle()
    assert len(bob.all("offer")) == 2
    bob.answer_offer()
    hall.settle()
    assert [offer.id for offer in bob.all("offer")] == [1, 2, 3]
    assert bob.last("offer").sdp.count("TR_") == 3
    bob.answer_offer(number=0)
    bob.answer_offer()
    ann.offer("1:idle audio")
    hall.settle()
    assert bob.last("offer").sdp.count("TR_") == 2


def test_a_client_that_does_not_answer_is_to_come_again() -> None:
    hall = Hall(connect_timeout=10)
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    ann.publish()
    hall.clock.advance(10.1)
    assert bob.last("leave").reason == Reason.CONNECTION_TIMEOUT
    assert bob.last("leave").action == rtc.LeaveRequest.Action.RECONNECT


def test_an_answer_or_offer_that_is_bad_ends_two_connections_too() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    ann.publish()
    hall.settle()
    bob.answer_offer("bad")
    assert bob.last("leave").reason == Reason.STATE_MISMATCH
    cid = hall.join_v0("cid")
    cid.offer("bad line")
    assert cid.last("leave").reason == Reason.STATE_MISMATCH
    assert not ann.all("leave")


def test_with_two_connections_a_client_that_is_back_gets_an_offer_with_new_credentials() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    ann.publish()
    hall.settle()
    bob.session.lost()
    back = hall.enter("bob", single_pc=False, reconnect=True, participant_sid=bob.sid)
    hall.settle()
    assert bob.peer.restarts == 1
    assert back.last("offer").id == 3
    back.answer_offer()
    bob.peer.become("connected")
    back.session.lost()
    again = hall.enter("bob", single_pc=False, reconnect=True, participant_sid=bob.sid)
    hall.settle()
    assert again.last("offer").id == 4


def test_redundancy_can_be_off_before_the_client_has_offered() -> None:
    hall = Hall()
    bob = hall.join_v0("bob")
    bob.ask(add_track=rtc.AddTrackRequest(cid="mic", disable_red=True))
    hall.add_peer(bob)
    assert bob.peers[1].without_red == ["mic"]
    bob.offer("send audio mic")
    assert bob.track("bob").mid == "0"


def test_two_connections_end_together() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    ann.publish()
    bob.offer("send audio mic")
    hall.add_peer(bob)
    bob.ask(leave=rtc.LeaveRequest())
    assert [peer.closed for peer in bob.peers] == [True, True]
    bob.peers[0].become("closed")
    bob.peers[1].events.on_message("_reliable", b"late")
    bob.peers[1].events.on_receiver_ended(bob.peers[1].receivers["0"])
    ann.peer.closed = True
    hall.server.close()
    assert hall.clock.pending == 0


def test_offers_are_bounded_in_size_and_number() -> None:
    hall = Hall(max_description_bytes=1024)
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(offer=rtc.SessionDescription(sdp="x" * 1025))
    assert ann.last("leave").reason == Reason.STATE_MISMATCH
    assert ann.last("leave").action == rtc.LeaveRequest.Action.DISCONNECT
    for _ in range(30):
        bob.offer()
    assert bob.last("leave").reason == Reason.STATE_MISMATCH
    assert len(bob.all("answer")) == 20
