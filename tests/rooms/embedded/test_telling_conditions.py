"""Who is speaking, how good connections are, and which layers are wanted."""

from __future__ import annotations

import pytest
from livekit.protocol import models, rtc

from greenroom.rooms.embedded.layers import NONE, TrackSettings, wanted_layer
from support.fake_peer import FakeReceiver
from support.fake_rooms import FakeClient, Hall

Quality = models.ConnectionQuality
Video = models.VideoQuality


def speak(hall: Hall, microphone: FakeReceiver, seconds: float, level: int) -> None:
    for _ in range(round(seconds / 0.02)):
        hall.clock.advance(0.02)
        microphone.send(level=level, at=hall.clock.time())


def speakers(client: FakeClient) -> list[tuple[str, bool]]:
    return [
        (speaker.sid, speaker.active)
        for message in client.all("speakers_changed")
        for speaker in message.speakers
    ]


def test_speakers_are_told_when_they_begin_and_stop() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid", auto_subscribe=False)
    microphone = ann.publish()
    speak(hall, microphone, 0.5, 127)
    assert not bob.all("speakers_changed")
    speak(hall, microphone, 2.0, 20)
    assert speakers(bob) == [(ann.sid, True)] == speakers(ann)
    level = bob.last("speakers_changed").speakers[0].level
    assert 0 < level <= 1
    assert not cid.all("speakers_changed")
    speak(hall, microphone, 2.0, 127)
    assert speakers(bob)[-1] == (ann.sid, False)
    assert len(bob.all("speakers_changed")) <= 3


def test_who_leaves_while_speaking_is_not_told_of_again() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    speak(hall, ann.publish(), 1, 20)
    ann.ask(leave=rtc.LeaveRequest())
    told = len(bob.all("speakers_changed"))
    hall.clock.advance(5)
    assert len(bob.all("speakers_changed")) == told


def test_connections_are_judged_by_loss_and_delay_and_told_when_that_changes() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    eve = hall.join("eve", grants={"hidden": True})
    ann.publish()
    hall.clock.advance(10)
    assert not ann.all("connection_quality")
    sender = bob.sender(bob.track("ann").sid)
    expected = [(0.05, 0.1, Quality.GOOD), (0.2, 0.1, Quality.POOR), (0.0, 0.5, Quality.GOOD)]
    for lost, delay, quality in expected:
        sender.fraction_lost, sender.round_trip = lost, delay
        hall.clock.advance(5)
        (update,) = ann.last("connection_quality").updates
        assert (update.participant_sid, update.quality) == (bob.sid, quality)
    sender.round_trip = None
    bob.peer.state = eve.peer.state = "disconnected"
    hall.clock.advance(5)
    (update,) = ann.last("connection_quality").updates
    assert (update.participant_sid, update.quality, update.score) == (bob.sid, Quality.LOST, 0)
    own = {item.participant_sid for item in eve.last("connection_quality").updates}
    assert own == {bob.sid, eve.sid}
    assert len(ann.all("connection_quality")) == 4


def film(hall: Hall, ann: FakeClient) -> str:
    layers = [
        models.VideoLayer(quality=Video.HIGH, width=1280, height=720),
        models.VideoLayer(quality=Video.LOW, width=320, height=180),
        models.VideoLayer(quality=Video.MEDIUM, width=640, height=360),
    ]
    ann.publish("film", "video", width=1280, height=720, layers=layers)
    hall.settle()
    sid: str = ann.last("track_published").track.sid
    return sid


def enabled(client: FakeClient) -> list[list[bool]]:
    updates = client.all("subscribed_quality_update")
    for update in updates:
        (codec,) = update.subscribed_codecs
        assert codec.codec == "vp8"
        assert list(codec.qualities) == list(update.subscribed_qualities)
        qualities = [quality.quality for quality in update.subscribed_qualities]
        assert qualities == [Video.LOW, Video.MEDIUM, Video.HIGH]
    return [[quality.enabled for quality in update.subscribed_qualities] for update in updates]


def look(client: FakeClient, sid: str, **settings: object) -> None:
    client.ask(track_setting=rtc.UpdateTrackSettings(track_sids=[sid], **settings))  # type: ignore[arg-type]


def test_a_viewer_gets_the_layer_that_fits_its_window() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    sid = film(hall, ann)
    sender = bob.sender(sid)
    assert (sender.layer, sender.paused) == (2, False)
    look(bob, sid, quality=Video.HIGH, width=300, height=170)
    assert sender.layer == 0
    look(bob, sid, quality=Video.HIGH, width=400, height=200)
    assert sender.layer == 1
    look(bob, sid, quality=Video.HIGH, width=4000, height=2000)
    assert sender.layer == 2
    look(bob, sid, quality=Video.MEDIUM)
    assert sender.layer == 1
    look(bob, sid, disabled=True)
    assert sender.paused
    look(bob, sid, quality=Video.LOW)
    assert (sender.layer, sender.paused) == (0, False)


@pytest.mark.parametrize(
    ("settings", "layer"),
    [
        (TrackSettings(quality=Video.OFF), NONE),
        (TrackSettings(quality=99), 2),
        (TrackSettings(width=170, height=300), 0),
        (TrackSettings(width=300), 2),
    ],
)
def test_layers_are_wanted_as_settings_say(settings: TrackSettings, layer: int) -> None:
    track = models.TrackInfo(
        layers=[
            models.VideoLayer(quality=Video.LOW, width=320, height=180),
            models.VideoLayer(quality=Video.HIGH, width=1280, height=720),
        ]
    )
    assert wanted_layer(settings, track) == layer


def test_a_publisher_stops_layers_that_nobody_wants_after_a_while() -> None:
    hall = Hall()
    ann, bob, cid = hall.join("ann"), hall.join("bob"), hall.join("cid")
    sid = film(hall, ann)
    hall.clock.advance(10)
    assert enabled(ann) == []
    look(bob, sid, quality=Video.LOW)
    look(cid, sid, quality=Video.MEDIUM)
    hall.clock.advance(4)
    assert enabled(ann) == []
    hall.clock.advance(2)
    assert enabled(ann) == [[True, True, False]]
    look(bob, sid, quality=Video.HIGH)
    assert enabled(ann)[-1] == [True, True, True]
    bob.ask(leave=rtc.LeaveRequest())
    look(cid, sid, disabled=True)
    hall.clock.advance(6)
    assert enabled(ann)[-1] == [False, False, False]
    hall.join("dan")
    assert enabled(ann)[-1] == [True, True, True]
    assert len(enabled(ann)) == 4


def test_a_wish_that_comes_back_in_time_changes_nothing() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    sid = film(hall, ann)
    look(bob, sid, disabled=True)
    hall.clock.advance(3)
    look(bob, sid)
    look(bob, sid, quality=Video.HIGH)
    hall.clock.advance(10)
    assert enabled(ann) == []


def test_a_video_that_ends_is_not_spoken_of_any_more() -> None:
    hall = Hall()
    ann, bob = hall.join("ann"), hall.join("bob")
    sid = film(hall, ann)
    look(bob, sid, disabled=True)
    ann.offer("1:idle video")
    hall.clock.advance(10)
    assert enabled(ann) == []
    film(hall, ann)
    bob.ask(leave=rtc.LeaveRequest())
    ann.ask(leave=rtc.LeaveRequest())
    hall.server.close()
    assert hall.clock.pending == 0
