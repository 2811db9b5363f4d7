"""Who gets which tracks, by wish and by permission."""

from __future__ import annotations

from livekit.protocol import models, rtc

from support.fake_rooms import FakeClient, Hall

NOT_FOUND = models.SubscriptionError.SE_TRACK_NOTFOUND
UNSUPPORTED = models.SubscriptionError.SE_CODEC_UNSUPPORTED


def want(client: FakeClient, sid: str, subscribe: bool = True) -> None:
    client.ask(subscription=rtc.UpdateSubscription(track_sids=[sid], subscribe=subscribe))


def gets(client: FakeClient) -> set[str]:
    return {sender.track_id for sender in client.peer.senders}


def test_a_client_gets_what_it_asks_for_where_it_does_not_want_all() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", auto_subscribe=False)
    ann.publish("one")
    ann.publish("two")
    one, two = (track.sid for track in bob.seen("ann").tracks)
    assert gets(bob) == set()
    want(bob, one)
    assert gets(bob) == {one}
    bob.ask(
        subscription=rtc.UpdateSubscription(
            subscribe=True,
            participant_tracks=[
                models.ParticipantTracks(participant_sid=ann.sid, track_sids=[two])
            ],
        )
    )
    assert gets(bob) == {one, two}
    want(bob, one, subscribe=False)
    assert gets(bob) == {two}
    want(bob, two)
    assert gets(bob) == {two}


def test_a_client_may_not_want_a_track_that_it_would_get() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    sid = bob.track("ann").sid
    want(bob, sid, subscribe=False)
    assert gets(bob) == set()
    assert not any(sink in bob.peer.senders for sink in microphone.sinks)
    want(bob, sid)
    assert gets(bob) == {sid}


def test_a_track_that_is_not_there_can_not_be_had() -> None:
    hall = Hall()
    ann = hall.join("ann")
    want(ann, "TR_none")
    assert ann.last("subscription_response").track_sid == "TR_none"
    assert ann.last("subscription_response").err == NOT_FOUND
    ann.forget()
    want(ann, "TR_none", subscribe=False)
    assert not ann.channel.sent


def test_nobody_gets_its_own_track() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    want(ann, ann.track("ann").sid)
    assert gets(ann) == set()


def test_who_may_not_subscribe_gets_nothing_but_knows_of_all() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    deaf = hall.join("deaf", grants={"can_subscribe": False})
    want(deaf, deaf.track("ann").sid)
    assert gets(deaf) == set()
    assert not deaf.last("join").participant.permission.can_subscribe


def test_a_publisher_chooses_who_gets_its_tracks() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    ann.publish("one")
    ann.publish("two")
    one, two = (track.sid for track in bob.seen("ann").tracks)
    ann.ask(
        subscription_permission=rtc.SubscriptionPermission(
            track_permissions=[
                rtc.TrackPermission(participant_identity="bob", track_sids=[one]),
                rtc.TrackPermission(participant_sid=cid.sid, all_tracks=True),
            ]
        )
    )
    assert gets(bob) == {one}
    assert gets(cid) == {one, two}
    update = bob.last("subscription_permission_update")
    assert (update.participant_sid, update.track_sid, update.allowed) == (ann.sid, two, False)
    assert not cid.all("subscription_permission_update")
    want(bob, two)
    assert gets(bob) == {one}
    dan = hall.join("dan")
    assert gets(dan) == set()
    ann.ask(subscription_permission=rtc.SubscriptionPermission(all_participants=True))
    assert gets(bob) == {one, two}
    assert bob.last("subscription_permission_update").allowed
    assert len(bob.all("subscription_permission_update")) == 2
    assert gets(dan) == {one, two}


def test_a_permission_is_not_news_to_who_does_not_want_the_track() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", auto_subscribe=False)
    ann.publish()
    ann.ask(subscription_permission=rtc.SubscriptionPermission())
    assert not bob.all("subscription_permission_update")
    want(bob, bob.track("ann").sid)
    assert not bob.last("subscription_permission_update").allowed


def test_a_codec_that_a_client_can_not_take_is_told_and_not_tried_again() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    ann.publish("film", "video")
    bob.offer("spare video no vp8")
    sid = bob.track("ann").sid
    response = bob.last("subscription_response")
    assert (response.track_sid, response.err) == (sid, UNSUPPORTED)
    assert gets(bob) == set()
    ann.ask(subscription_permission=rtc.SubscriptionPermission(all_participants=True))
    bob.offer()
    assert len(bob.all("subscription_response")) == 1
    assert gets(bob) == set()
    want(bob, sid)
    assert gets(bob) == {sid}


def test_a_client_that_looks_away_is_sent_nothing() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    sid = bob.track("ann").sid
    bob.offer()
    settings = rtc.UpdateTrackSettings(track_sids=[sid, "TR_none"], disabled=True)
    bob.ask(track_setting=settings)
    microphone.send()
    assert bob.sender(sid).sent == []
    bob.ask(track_setting=rtc.UpdateTrackSettings(track_sids=[sid]))
    microphone.send(b"back")
    assert bob.sender(sid).sent == [b"back"]


def test_many_choices_forget_the_oldest() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", auto_subscribe=False)
    want(bob, "TR_first")
    sids = [f"TR_{number}" for number in range(1_023)]
    bob.ask(subscription=rtc.UpdateSubscription(track_sids=sids, subscribe=False))
    choices = hall.server._participant("hall", "bob").subscriptions._choices
    assert len(choices) == 1_024
    want(bob, "TR_last")
    assert len(choices) == 1_024
    assert "TR_first" not in choices
    assert ann.sid
