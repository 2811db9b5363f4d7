"""Data packets: to whom, under whose name, and how much."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.protocol import models, rtc
from livekit.protocol.metrics import MetricsBatch

from support.fake_rooms import FakeClient, Hall, user

Kind = models.DataPacket.Kind
Reason = models.DisconnectReason


def texts(client: FakeClient) -> list[bytes]:
    return [packet.user.payload for _, packet in client.heard()]


def test_a_packet_goes_to_all_the_others_on_the_channel_it_came_on() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    ann.say(user(b"one"))
    ann.say(user(b"two"), "_lossy")
    for other in (bob, cid):
        assert [label for label, _ in other.heard()] == ["_reliable", "_lossy"]
        assert texts(other) == [b"one", b"two"]
        assert [packet.kind for _, packet in other.heard()] == [Kind.RELIABLE, Kind.LOSSY]
    assert ann.heard() == []


def test_the_sender_is_stamped_whatever_the_packet_says() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    packet = user(b"it is me", participant_identity="bob", participant_sid=bob.sid)
    packet.user.participant_identity, packet.user.participant_sid = "bob", bob.sid
    ann.say(packet)
    ann.say(models.DataPacket(chat_message=models.ChatMessage(message="hi", generated=True)))
    for _, heard in bob.heard():
        assert (heard.participant_identity, heard.participant_sid) == ("ann", ann.sid)
    first = bob.heard()[0][1].user
    assert (first.participant_identity, first.participant_sid) == ("ann", ann.sid)


def test_a_packet_goes_only_where_it_is_sent() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    ann.say(user(b"by packet", destination_identities=["bob", "nobody"]))
    within = user(b"by user")
    within.user.destination_identities.append("bob")
    ann.say(within)
    by_sid = user(b"by sid")
    by_sid.user.destination_sids.append(cid.sid)
    ann.say(by_sid)
    call = models.RpcRequest(id="1", method="m")
    ann.say(models.DataPacket(rpc_request=call, destination_identities=["cid"]))
    assert texts(bob) == [b"by packet", b"by user"]
    assert [packet.WhichOneof("value") for _, packet in cid.heard()] == ["user", "rpc_request"]


@pytest.mark.parametrize(
    "packet",
    [
        models.DataPacket(rpc_request=models.RpcRequest(id="1", method="m")),
        models.DataPacket(rpc_ack=models.RpcAck(request_id="1")),
        models.DataPacket(rpc_response=models.RpcResponse(request_id="1", payload="p")),
        models.DataPacket(stream_header=models.DataStream.Header(stream_id="s", topic="t")),
        models.DataPacket(stream_chunk=models.DataStream.Chunk(stream_id="s", content=b"c")),
        models.DataPacket(stream_trailer=models.DataStream.Trailer(stream_id="s")),
        models.DataPacket(chat_message=models.ChatMessage(message="hi")),
        models.DataPacket(sip_dtmf=models.SipDTMF(digit="1")),
        models.DataPacket(encrypted_packet=models.EncryptedPacket(encrypted_value=b"x")),
    ],
)
def test_every_kind_of_packet_is_forwarded_as_it_is(packet: models.DataPacket) -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.say(packet)
    (_, heard) = bob.heard()[0]
    expected = models.DataPacket()
    expected.CopyFrom(packet)
    expected.participant_identity, expected.participant_sid = "ann", ann.sid
    assert heard == expected


def test_what_only_servers_send_is_not_forwarded() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.say(models.DataPacket(speaker=models.ActiveSpeakerUpdate()))
    ann.say(models.DataPacket())
    ann.say(models.DataPacket(transcription=models.Transcription()))
    ann.peer.events.on_message("_reliable", b"\xff\xff\xff")
    ann.peer.events.on_message("_data_track", user(b"x").SerializeToString())
    assert bob.heard() == []
    assert not ann.all("leave")


def test_an_agent_may_say_whose_words_it_carries() -> None:
    hall = Hall()
    ann = hall.join("ann")
    agent = hall.join("agent", grants={"kind": "agent"})
    header = models.DataStream.Header(stream_id="s", topic="lk.transcription")
    agent.say(models.DataPacket(stream_header=header, participant_identity="ann"))
    agent.say(models.DataPacket(stream_header=header))
    agent.say(models.DataPacket(transcription=models.Transcription(), participant_identity="ann"))
    generated = models.ChatMessage(message="hi", generated=True)
    agent.say(models.DataPacket(chat_message=generated, participant_identity="ann"))
    agent.say(user(b"x", participant_identity="ann"))
    names = [packet.participant_identity for _, packet in ann.heard()]
    assert names == ["ann", "agent", "ann", "ann", "agent"]
    assert {packet.participant_sid for _, packet in ann.heard()} == {agent.sid}


def test_a_hidden_sender_has_no_name() -> None:
    hall = Hall()
    ann, eve = hall.join("ann"), hall.join("eve", grants={"hidden": True})
    eve.say(user(b"boo"))
    heard = ann.heard()[0][1]
    assert heard.participant_identity == ""
    assert heard.user.participant_identity == ""
    assert heard.user.participant_sid == ""


def test_who_may_not_send_data_is_not_heard() -> None:
    hall = Hall()
    ann, bob = hall.join("ann", grants={"can_publish_data": False}), hall.join("bob")
    ann.say(user(b"x"))
    assert bob.heard() == []


def test_metrics_go_to_those_who_may_have_them() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    meter = hall.join("meter", grants={"can_subscribe_metrics": True})
    ann.say(models.DataPacket(metrics=MetricsBatch(timestamp_ms=1)))
    assert bob.heard() == []
    assert len(meter.heard()) == 1


def test_what_is_sent_again_after_a_resumption_comes_once() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.say(user(b"one", sequence=1))
    ann.say(user(b"two", sequence=2))
    ann.say(user(b"unnumbered"))
    ann.session.lost()
    back = hall.enter("ann", reconnect=True, participant_sid=ann.sid)
    assert back.last("reconnect").last_message_seq == 2
    ann.say(user(b"two", sequence=2))
    ann.say(user(b"three", sequence=3))
    ann.say(user(b"lossy", sequence=1), "_lossy")
    assert texts(bob) == [b"one", b"two", b"unnumbered", b"three", b"lossy"]
    assert [packet.sequence for _, packet in bob.heard()] == [1, 2, 0, 3, 1]


def test_a_flood_loses_what_is_lossy_and_its_sender_what_is_reliable() -> None:
    hall = Hall(max_data_rate=10_000)
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    for _ in range(20):
        ann.say(user(b"x" * 980), "_lossy")
    assert len(cid.heard()) == 10
    hall.clock.advance(0.5)
    for _ in range(20):
        ann.say(user(b"x" * 980), "_lossy")
    assert len(cid.heard()) == 15
    assert not ann.all("leave")
    for _ in range(20):
        bob.say(user(b"x" * 980))
    assert bob.last("leave").reason == Reason.PARTICIPANT_REMOVED
    assert bob.peer.closed
    assert len(cid.heard()) == 25
    assert not cid.all("leave")


def test_a_message_that_is_too_large_is_not_forwarded() -> None:
    hall = Hall(max_message_bytes=1024)
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.say(user(b"x" * 1024))
    assert len(bob.heard()) == 1
    ann.say(user(b"x" * 3073), "_lossy")
    assert not ann.all("leave")
    ann.say(user(b"x" * 3073))
    assert ann.last("leave").reason == Reason.PARTICIPANT_REMOVED
    assert len(bob.heard()) == 1


def test_a_packet_that_names_make_too_large_is_left_out() -> None:
    hall = Hall(max_message_bytes=1024)
    ann, bob = hall.join("ann"), hall.join("bob")
    packet = user(b"x")
    packet.user.destination_identities.extend(["bob", "n" * 2_900])
    ann.say(packet)
    assert bob.heard() == []
    assert not ann.all("leave")


def test_who_does_not_read_is_to_come_again_and_nobody_else_waits() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    bob.peer.stuck = True
    ann.say(user(b"lossy"), "_lossy")
    assert not bob.all("leave")
    ann.say(user(b"reliable"))
    assert bob.last("leave").reason == Reason.STATE_MISMATCH
    assert bob.last("leave").action == rtc.LeaveRequest.Action.RECONNECT
    assert texts(cid) == [b"lossy", b"reliable"]
    assert not ann.all("leave")


def test_what_is_reliable_waits_for_a_channel_to_open() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.enter("bob")
    ann.say(user(b"lost"), "_lossy")
    ann.say(user(b"one"))
    ann.say(user(b"two"))
    assert bob.heard() == []
    bob.offer("spare audio")
    bob.connect()
    ann.say(user(b"three"))
    assert texts(bob) == [b"one", b"two", b"three"]


def test_what_waits_for_a_channel_is_bounded() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.enter("bob")
    for _ in range(5):
        ann.say(user(b"x" * 60_000))
    assert not bob.all("leave")
    bob.offer("spare audio")
    bob.connect()
    assert len(texts(bob)) == 4


def test_with_two_connections_data_come_on_the_one_that_the_client_receives_on() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join_v0("bob")
    bob.offer("idle data")
    hall.add_peer(bob)
    bob.say(user(b"from bob"))
    ann.say(user(b"from ann"))
    assert texts(ann) == [b"from bob"]
    assert texts(bob) == [b"from ann"]
    assert bob.peers[1].messages == []


def test_a_sender_that_has_gone_is_not_heard() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(leave=rtc.LeaveRequest())
    ann.say(user(b"x"))
    assert bob.heard() == []


@settings(max_examples=40, deadline=None)
@given(payload=st.binary(max_size=200))
def test_nothing_that_comes_on_a_channel_raises(payload: bytes) -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.peer.events.on_message("_reliable", payload)
    ann.peer.events.on_message("_lossy", payload)
    for _, packet in bob.heard():
        assert packet.participant_identity == "ann"
