"""What clients ask for on their signalling connection."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from support.fake_rooms import NOW, Hall

Refusal = rtc.RequestResponse.Reason
Reason = models.DisconnectReason
Action = rtc.LeaveRequest.Action


def test_pings_are_answered() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(ping=5)
    assert ann.last("pong") == int(NOW * 1000)
    ann.ask(ping_req=rtc.Ping(timestamp=77, rtt=3))
    assert ann.last("pong_resp").last_ping_timestamp == 77
    assert ann.last("pong_resp").timestamp == int(NOW * 1000)


def test_a_participant_changes_what_is_told_about_it() -> None:
    hall = Hall()
    ann = hall.join(
        "ann", grants={"can_update_own_metadata": True, "attributes": {"a": "1", "b": "2"}}
    )
    bob = hall.join("bob")
    ann.ask(
        update_metadata=rtc.UpdateParticipantMetadata(
            metadata="new", name="Ann", attributes={"a": "", "c": "3"}, request_id=4
        )
    )
    assert ann.last("request_response").request_id == 4
    assert ann.last("request_response").reason == Refusal.OK
    for client in (ann, bob):
        assert (client.seen("ann").metadata, client.seen("ann").name) == ("new", "Ann")
        assert dict(client.seen("ann").attributes) == {"b": "2", "c": "3"}
    ann.forget()
    ann.ask(update_metadata=rtc.UpdateParticipantMetadata(attributes={"d": "4"}))
    assert not ann.all("request_response")
    assert bob.seen("ann").metadata == "new"
    assert dict(bob.seen("ann").attributes) == {"b": "2", "c": "3", "d": "4"}


def test_a_change_without_permission_is_refused() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(update_metadata=rtc.UpdateParticipantMetadata(metadata="new", request_id=4))
    response = ann.last("request_response")
    assert (response.request_id, response.reason) == (4, Refusal.NOT_ALLOWED)
    assert response.update_metadata.metadata == "new"
    assert bob.seen("ann").metadata == ""


def test_a_change_that_is_too_large_is_refused_whole() -> None:
    hall = Hall()
    ann, bob = hall.join("ann", grants={"can_update_own_metadata": True}), hall.join("bob")
    for change in (
        rtc.UpdateParticipantMetadata(name="Ann", metadata="é" * 32_769),
        rtc.UpdateParticipantMetadata(metadata="new", name="n" * 257),
        rtc.UpdateParticipantMetadata(metadata="new", attributes={"a": "x" * 65_536}),
    ):
        ann.ask(update_metadata=change)
        assert ann.last("request_response").reason == Refusal.LIMIT_EXCEEDED
    assert (bob.seen("ann").name, bob.seen("ann").metadata) == ("", "")


def test_what_is_not_supported_is_refused_and_not_left_unanswered() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(publish_data_track_request=rtc.PublishDataTrackRequest(pub_handle=1, name="d"))
    assert ann.last("request_response").reason == Refusal.UNSUPPORTED_TYPE
    assert ann.last("request_response").publish_data_track.pub_handle == 1
    ann.ask(unpublish_data_track_request=rtc.UnpublishDataTrackRequest(pub_handle=1))
    assert ann.last("request_response").reason == Refusal.INVALID_HANDLE
    ann.ask(store_data_blob_request=rtc.StoreDataBlobRequest(request_id=8))
    assert ann.last("request_response").request_id == 8
    ann.ask(get_data_blob_request=rtc.GetDataBlobRequest(request_id=9))
    assert ann.last("request_response").request_id == 9


def test_what_needs_no_answer_gets_none() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.forget()
    ann.ask(trickle=rtc.TrickleRequest(candidateInit="nonsense"))
    ann.ask(sync_state=rtc.SyncState())
    ann.ask(update_data_subscription=rtc.UpdateDataSubscription())
    ann.session.receive(rtc.SignalRequest())
    assert ann.channel.sent == []


def test_failures_can_be_played() -> None:
    hall = Hall(reconnect_timeout=10)
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    ann.ask(simulate=rtc.SimulateScenario(leave_request_full_reconnect=True))
    assert ann.last("leave").action == Action.RECONNECT
    bob.ask(simulate=rtc.SimulateScenario(server_leave=True))
    assert bob.last("leave").action == Action.DISCONNECT
    cid.ask(simulate=rtc.SimulateScenario(migration=True))
    cid.ask(simulate=rtc.SimulateScenario(disconnect_signal_on_resume=True))
    assert not cid.all("leave")
    assert cid.channel.closed
    assert hall.enter("cid", reconnect=True, participant_sid=cid.sid).last("reconnect")


def test_a_client_that_talks_without_end_is_sent_away() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    for _ in range(600):
        ann.ask(ping=1)
    assert ann.last("leave").reason == Reason.STATE_MISMATCH
    assert len(ann.all("pong")) < 600
    for _ in range(20):
        hall.clock.advance(1)
        for _ in range(100):
            bob.ask(ping=1)
    assert len(bob.all("pong")) == 2_000


def test_what_makes_much_work_counts_for_more() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    microphone = ann.publish()
    sid = ann.track("ann").sid
    for number in range(110):
        ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=number % 2 == 0))
    assert ann.last("leave").reason == Reason.STATE_MISMATCH
    assert not microphone.sinks
    sids = [f"TR_{number}" for number in range(800)]
    for _ in range(6):
        bob.ask(subscription=rtc.UpdateSubscription(track_sids=sids))
    assert bob.last("leave").reason == Reason.STATE_MISMATCH
    tracks = models.ParticipantTracks(track_sids=sids)
    cid.ask(subscription=rtc.UpdateSubscription(participant_tracks=[tracks] * 5))
    assert cid.last("leave").reason == Reason.STATE_MISMATCH


@settings(max_examples=40, deadline=None)
@given(
    payload=st.binary(max_size=60),
    name=st.sampled_from(sorted(rtc.SignalRequest.DESCRIPTOR.fields_by_name)),
)
def test_no_request_raises_whatever_is_in_it(payload: bytes, name: str) -> None:
    """Bytes of any kind are put under every field; those that can't be read never come here."""
    field = rtc.SignalRequest.DESCRIPTOR.fields_by_name[name]
    encoded = bytearray()
    tag = field.number << 3 | 2
    while tag > 127:
        encoded.append(tag & 127 | 128)
        tag >>= 7
    encoded += bytes([tag, len(payload)]) + payload
    try:
        request = rtc.SignalRequest.FromString(bytes(encoded))
    except Exception:  # noqa: BLE001 - protobuf's own, which differ between its implementations
        return
    hall = _hall_with_tracks()
    hall.join("ann2").session.receive(request)
    assert hall.server.list_rooms()


def _hall_with_tracks() -> Hall:
    hall = Hall()
    hall.join("ann").publish()
    return hall
