"""From a client's announcement of a track to what others get of it."""

from __future__ import annotations

from livekit.protocol import models, rtc

from support.fake_peer import FakeSource
from support.fake_rooms import Hall

Refusal = rtc.RequestResponse.Reason
Source = models.TrackSource
AUDIO, VIDEO = models.TrackType.AUDIO, models.TrackType.VIDEO


def announce(cid: str = "mic", **given: object) -> rtc.AddTrackRequest:
    return rtc.AddTrackRequest(
        **{"cid": cid, "type": AUDIO, "source": Source.MICROPHONE, **given}  # type: ignore[arg-type]
    )


def test_a_track_is_forwarded_from_its_publisher_to_the_others() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish(name="voice")
    sent = ann.last("track_published")
    assert sent.cid == "mic"
    assert sent.track.sid.startswith("TR_")
    track = bob.track("ann")
    assert (track.sid, track.name, track.mime_type) == (sent.track.sid, "voice", "audio/opus")
    assert track.source == Source.MICROPHONE
    assert ann.track("ann").sid == track.sid
    hall.settle()
    bob.offer()
    sender = bob.sender(track.sid)
    assert sender.stream_id == f"{ann.sid}|{track.sid}"
    microphone.send(b"hello")
    assert sender.sent == [b"hello"]
    assert not ann.peer.senders


def test_a_participant_is_told_of_before_its_track_comes() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob", spare=0)
    bob.forget()
    ann.publish()
    hall.settle()
    assert bob.names()[:2] == ["update", "media_sections_requirement"]


def test_who_comes_later_gets_the_tracks_that_are_there() -> None:
    hall = Hall()
    ann = hall.join("ann")
    microphone = ann.publish()
    bob = hall.join("bob")
    assert len(bob.last("join").other_participants[0].tracks) == 1
    microphone.send(b"hello")
    assert bob.sender(bob.track("ann").sid).sent == [b"hello"]


def test_an_announced_track_is_nobodys_before_it_comes() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(add_track=announce())
    assert ann.all("track_published")
    assert not bob.seen("ann").tracks
    assert not bob.peer.senders


def test_a_track_that_is_described_before_it_is_announced_waits() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.offer("send audio mic")
    assert not bob.seen("ann").tracks
    ann.ask(add_track=announce())
    assert bob.track("ann").mid == "1"


def test_a_client_that_rewrites_its_ids_is_matched_by_kind_and_order() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(add_track=announce("one", name="first"))
    ann.ask(add_track=announce("film", type=VIDEO, source=Source.CAMERA))
    ann.ask(add_track=announce("two", name="second"))
    ann.offer("send audio x", "send audio two", "send video y")
    tracks = {track.name: track.mid for track in bob.seen("ann").tracks}
    assert tracks == {"first": "1", "second": "2", "": "3"}


def test_a_track_that_was_refused_does_not_pass_for_one_that_is_announced_later() -> None:
    hall = Hall()
    ann = hall.join("ann", grants={"can_publish_sources": frozenset({"microphone"})})
    bob = hall.join("bob")
    ann.ask(add_track=announce("desk", source=Source.SCREEN_SHARE_AUDIO))
    ann.offer("send audio desk")
    ann.ask(add_track=announce("mic"))
    assert not bob.seen("ann").tracks
    ann.offer("send audio mic")
    assert [track.mid for track in bob.seen("ann").tracks] == ["2"]


def test_an_id_that_a_codec_of_the_announcement_names_is_the_tracks() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    codec = rtc.SimulcastCodec(codec="vp8", cid="other")
    layers = [models.VideoLayer(quality=q, width=100, height=50) for q in range(6)]  # type: ignore[arg-type]
    ann.ask(
        add_track=announce(
            "film", type=VIDEO, source=Source.CAMERA, simulcast_codecs=[codec], layers=layers
        )
    )
    ann.ask(add_track=announce("share", type=VIDEO, source=Source.SCREEN_SHARE))
    ann.offer("send video share", "send video other")
    by_source = {track.source: track for track in bob.seen("ann").tracks}
    film = by_source[Source.CAMERA]
    assert film.mid == "2"
    assert film.simulcast
    assert film.mime_type == "video/VP8"
    assert len(film.layers) == 4
    assert film.codecs[0].mime_type == "video/VP8"
    assert film.codecs[0].mid == "2"


def test_the_same_announcement_twice_is_one_track() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(add_track=announce())
    ann.ask(add_track=announce())
    first, second = ann.all("track_published")
    assert first.track.sid == second.track.sid


def test_a_track_ends_when_the_client_does_not_send_it_any_more() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    sid = bob.track("ann").sid
    hall.settle()
    bob.offer()
    ann.offer("1:idle audio")
    assert not bob.seen("ann").tracks
    assert not bob.peer.senders
    assert not microphone.sinks
    assert not ann.all("track_unpublished")
    assert hall.event_names()[-1] == "track_unpublished"
    ann.sections[1] = "send audio again"
    ann.ask(add_track=announce("again"))
    ann.offer()
    assert bob.track("ann").sid != sid


def test_a_track_may_be_published_again_under_the_same_id() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.publish("mic")
    first = bob.track("ann").sid
    ann.ask(add_track=announce("mic"))
    ann.offer("1:idle audio", "send audio mic")
    assert [track.sid for track in bob.seen("ann").tracks] != [first]
    assert len(bob.seen("ann").tracks) == 1


def test_publishing_is_refused_to_who_may_not() -> None:
    hall = Hall(max_tracks=2)
    dumb = hall.join("dumb", grants={"can_publish": False})
    dumb.ask(add_track=announce())
    assert dumb.last("request_response").reason == Refusal.NOT_ALLOWED
    assert dumb.last("request_response").add_track.cid == "mic"
    ann = hall.join("ann", grants={"can_publish_sources": frozenset({"microphone"})})
    ann.ask(add_track=announce("film", type=VIDEO, source=Source.CAMERA))
    assert ann.last("request_response").reason == Refusal.NOT_ALLOWED
    ann.ask(add_track=announce(""))
    assert ann.last("request_response").reason == Refusal.INVALID_REQUEST
    ann.ask(add_track=announce("x" * 513))
    assert ann.last("request_response").reason == Refusal.INVALID_REQUEST
    ann.ask(add_track=announce(type=models.TrackType.DATA))
    assert ann.last("request_response").reason == Refusal.UNSUPPORTED_TYPE
    ann.ask(add_track=announce(sid="TR_there"))
    assert ann.last("request_response").reason == Refusal.UNSUPPORTED_TYPE
    ann.publish("one")
    ann.ask(add_track=announce("two"))
    ann.ask(add_track=announce("three"))
    assert ann.last("request_response").reason == Refusal.LIMIT_EXCEEDED
    assert len(ann.all("track_published")) == 2


def test_redundancy_is_off_where_the_client_says_so_or_nobody_can_look_inside() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(add_track=announce("plain"))
    ann.ask(add_track=announce("single", disable_red=True))
    ann.ask(add_track=announce("secret", encryption=models.Encryption.Type.GCM))
    assert ann.peer.without_red == ["single", "secret"]


def test_silence_is_sent_in_full_where_the_client_says_so() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.ask(add_track=announce("plain"))
    ann.ask(add_track=announce("music", disable_dtx=True))
    feature = models.AudioTrackFeature.TF_NO_DTX
    ann.ask(add_track=announce("song", audio_features=[feature]))
    assert ann.peer.without_dtx == ["music", "song"]


def test_the_codec_that_a_client_announces_is_the_one_it_is_asked_for() -> None:
    hall = Hall()
    ann = hall.join("ann")
    for cid, name in (("one", "video/VP9"), ("two", "h264"), ("three", "")):
        codecs = [rtc.SimulcastCodec(codec=name, cid=cid), rtc.SimulcastCodec(codec="vp8")]
        ann.ask(add_track=announce(cid, type=VIDEO, source=Source.CAMERA, simulcast_codecs=codecs))
    assert ann.peer.preferred == {"one": "vp9", "two": "h264"}


def test_a_mute_is_told_and_does_not_cut_what_is_on_its_way() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    sid = bob.track("ann").sid
    hall.settle()
    bob.offer()
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    assert bob.track("ann").muted
    updates = len(bob.all("update"))
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    assert len(bob.all("update")) == updates
    microphone.send(b"early")
    assert bob.sender(sid).sent == [b"early"]
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=False))
    assert not bob.track("ann").muted
    ann.ask(mute=rtc.MuteTrackRequest(sid="TR_none", muted=True))
    assert ann.last("request_response").reason == Refusal.NOT_FOUND


def test_a_track_can_be_muted_before_it_comes() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.ask(add_track=announce())
    sid = ann.last("track_published").track.sid
    ann.ask(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    ann.offer("send audio mic")
    assert bob.track("ann").muted


def test_what_a_client_says_about_its_tracks_is_told() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    ann.publish("mic")
    ann.publish("film", "video")
    sound, film = (track.sid for track in bob.seen("ann").tracks)
    feature = models.AudioTrackFeature
    ann.ask(
        update_audio_track=rtc.UpdateLocalAudioTrack(
            track_sid=sound, features=[feature.TF_STEREO, feature.TF_NO_DTX]
        )
    )
    assert bob.track("ann").stereo
    assert bob.track("ann").disable_dtx
    assert list(bob.track("ann").audio_features) == [feature.TF_STEREO, feature.TF_NO_DTX]
    ann.ask(update_video_track=rtc.UpdateLocalVideoTrack(track_sid=film, width=64, height=48))
    assert (bob.track("ann", 1).width, bob.track("ann", 1).height) == (64, 48)
    layers = [models.VideoLayer(width=n) for n in range(9)]
    ann.ask(update_layers=rtc.UpdateVideoLayers(track_sid=film, layers=layers))
    ann.ask(update_layers=rtc.UpdateVideoLayers(track_sid=sound, layers=layers))
    ann.ask(mute=rtc.MuteTrackRequest(sid=film, muted=True))
    assert len(bob.track("ann", 1).layers) == 4
    assert not bob.track("ann").layers
    ann.ask(update_audio_track=rtc.UpdateLocalAudioTrack(track_sid=film))
    assert ann.last("request_response").reason == Refusal.NOT_FOUND
    ann.ask(update_video_track=rtc.UpdateLocalVideoTrack(track_sid=sound))
    assert ann.last("request_response").reason == Refusal.NOT_FOUND


def test_the_tracks_of_who_leaves_end() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    microphone = ann.publish()
    ann.ask(leave=rtc.LeaveRequest())
    assert not microphone.sinks
    assert not bob.peer.senders
    assert isinstance(microphone, FakeSource)
    assert hall.event_names()[-2:] == ["track_unpublished", "participant_left"]


def test_a_publisher_is_told_of_its_first_subscriber_only() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    assert not ann.all("track_subscribed")
    hall.join("bob")
    hall.join("cid")
    assert [message.track_sid for message in ann.all("track_subscribed")] == [ann.track("ann").sid]
