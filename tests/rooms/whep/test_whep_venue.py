from __future__ import annotations

import numpy as np
import pytest

from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.in_step import PICTURE_DELAY
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import OPUS, VP8, Codec
from greenroom.rooms.venue import VENUE_RATE, VenuePicture
from greenroom.rooms.whep.errors import CodecNotOffered
from greenroom.rooms.whep.screenings import Screenings
from greenroom.rooms.whep.venue import WhepVenue
from greenroom.testing.clock import ManualClock
from support.encoding import encoded_pictures
from support.fake_peer import FakePeer, fake_peers

PICTURE = VenuePicture(VP8, 64, 48, 25)
OFFER = "spare audio\nspare video"
PIECE = np.full(VENUE_RATE // 25, 5_000, np.int16)
SOUND, VIDEO = 0, 1


class House:
    def __init__(self, **options: int) -> None:
        self.clock = ManualClock()
        self.peers: list[FakePeer] = []
        self.screenings = Screenings(fake_peers(self.peers), self.clock, **options)
        self.venue: WhepVenue = self.screenings.open("s1", PICTURE)

    def sent(self, viewer: int, track: int) -> list[bytes]:
        return self.peers[viewer].senders[track].sent


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture(scope="module")
def keyframe() -> EncodedFrame:
    return next(encoded_pictures("vp8", 64, 48, 1))


def test_every_viewer_gets_the_same_sound_and_pictures(
    house: House, keyframe: EncodedFrame
) -> None:
    viewers = [house.venue.watch(OFFER) for _ in range(2)]
    assert house.venue.viewers == 2
    assert [viewer.answer for viewer in viewers] == ["answer 1", "answer 1"]
    assert viewers[0].id != viewers[1].id
    house.venue.play(PIECE)
    house.venue.show(keyframe)
    house.clock.advance(PICTURE_DELAY)
    assert len(house.sent(0, SOUND)) >= 2
    assert house.sent(0, SOUND) == house.sent(1, SOUND)
    assert len(house.sent(0, VIDEO)) == 1
    assert house.sent(0, VIDEO) == house.sent(1, VIDEO)


def test_receivers_are_told_to_play_both_tracks_in_step(house: House) -> None:
    house.venue.watch(OFFER)
    voice, video = house.peers[0].senders
    assert voice.stream_id == video.stream_id
    assert (voice.codec, video.codec) == (OPUS, VP8)


def test_what_nobody_watches_costs_nothing(house: House, keyframe: EncodedFrame) -> None:
    assert house.venue.name == "watch"
    house.venue.play(PIECE)
    house.venue.show(keyframe)
    house.venue.flush()
    assert not house.venue.keyframe_wanted
    assert house.clock.pending == 0


def test_a_new_viewer_wants_a_keyframe(house: House, keyframe: EncodedFrame) -> None:
    house.venue.watch(OFFER)
    assert house.venue.keyframe_wanted
    house.venue.show(keyframe)
    house.clock.advance(PICTURE_DELAY)
    assert not house.venue.keyframe_wanted
    house.venue.watch(OFFER)
    assert house.venue.keyframe_wanted


def test_a_flush_is_silence_at_once(house: House) -> None:
    house.venue.watch(OFFER)
    house.venue.play(PIECE)
    house.clock.advance(0.05)
    house.venue.flush()
    house.clock.advance(0.05)
    before = house.sent(0, SOUND)[-1]
    house.clock.advance(0.6)
    assert len(before) > len(house.sent(0, SOUND)[-1]) == 3  # Opus's own packet of silence


def test_a_viewer_that_leaves_is_sent_nothing_more(house: House) -> None:
    viewer = house.venue.watch(OFFER)
    assert house.venue.leave(viewer.id)
    assert not house.venue.leave(viewer.id)
    assert house.peers[0].closed
    assert house.venue.viewers == 0
    house.clock.advance(0.02)
    assert house.clock.pending == 0


@pytest.mark.parametrize("state", ["failed", "closed"])
def test_a_viewer_whose_connection_ends_is_gone(house: House, state: str) -> None:
    house.venue.watch(OFFER)
    house.peers[0].become("disconnected")
    assert house.venue.viewers == 1
    house.peers[0].become(state)  # type: ignore[arg-type]
    assert house.venue.viewers == 0
    assert house.peers[0].closed


def test_what_a_viewer_sends_is_of_no_use(house: House) -> None:
    house.venue.watch(f"{OFFER}\nsend audio mine")
    peer = house.peers[0]
    peer.events.on_receiver_ended(peer.receivers["2"])
    peer.events.on_channel("data")
    peer.events.on_message("data", b"hello")
    assert house.venue.viewers == 1


def test_a_viewer_may_take_the_picture_alone(house: House) -> None:
    house.venue.watch("spare video")
    house.venue.play(PIECE)
    house.clock.advance(0.1)
    assert house.sent(0, SOUND) == []


@pytest.mark.parametrize("offer", ["spare audio\nspare video no vp8", "spare audio"])
def test_an_offer_without_the_codec_is_refused(house: House, offer: str) -> None:
    with pytest.raises(CodecNotOffered, match="VP8"):
        house.venue.watch(offer)
    assert house.peers[0].closed
    assert house.venue.viewers == 0


def test_a_bad_offer_leaves_nothing_behind(house: House) -> None:
    with pytest.raises(InvalidDescription):
        house.venue.watch("bad")
    assert house.peers[0].closed
    assert house.venue.viewers == 0


def test_viewers_are_bounded() -> None:
    house = House(max_viewers=1)
    house.venue.watch(OFFER)
    with pytest.raises(CapacityExceeded):
        house.venue.watch(OFFER)
    assert len(house.peers) == 1


async def test_viewers_are_sent_away_when_a_session_ends(
    house: House, keyframe: EncodedFrame
) -> None:
    house.venue.watch(OFFER)
    house.venue.play(PIECE)
    house.venue.show(keyframe)
    await house.venue.close()
    await house.venue.close()
    assert house.peers[0].closed
    assert house.screenings.find("s1") is None
    assert house.clock.pending == 0


async def test_a_second_venue_of_a_session_takes_the_place_of_the_first(house: House) -> None:
    house.venue.watch(OFFER)
    second = house.screenings.open("s1", PICTURE)
    assert house.peers[0].closed
    assert house.screenings.find("s1") is second
    await house.venue.close()
    assert house.screenings.find("s1") is second


def test_all_venues_end_with_the_server(house: House) -> None:
    house.screenings.open("s2", PICTURE)
    house.screenings.close()
    house.screenings.close()
    assert house.screenings.find("s1") is None
    assert house.screenings.find("s2") is None


def test_a_codec_that_can_not_be_sent_is_refused(house: House) -> None:
    with pytest.raises(InvalidInput):
        house.screenings.open("s1", VenuePicture(Codec("video", "h265", 90_000), 64, 48, 25))
    assert house.screenings.find("s1") is house.venue
