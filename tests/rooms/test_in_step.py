from __future__ import annotations

import numpy as np
import pytest

from greenroom.rooms.in_step import LEAD_MS, MAX_LEAD_MS, PICTURE_DELAY, InStep
from greenroom.rooms.ports import EncodedFrame
from greenroom.testing.clock import ManualClock
from greenroom.testing.tracks import ScriptedAudioTrack, ScriptedVideoTrack

RATE = 48_000
PIECE = np.ones(RATE // 25, np.int16)
LEAD = RATE * LEAD_MS // 1000


class Tracks:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sound = ScriptedAudioTrack("TR_a", RATE, self.clock)
        self.pictures = ScriptedVideoTrack("TR_v")
        self.step = InStep(self.sound, self.pictures, self.clock, rate=RATE)

    def silence_written(self) -> int:
        return int((self.sound.pcm == 0).sum())


@pytest.fixture
def tracks() -> Tracks:
    return Tracks()


def picture(number: int, *, keyframe: bool = False) -> EncodedFrame:
    return EncodedFrame(b"%d" % number, number / 25, keyframe)


def test_a_run_of_sound_begins_with_a_short_silence_and_only_there(tracks: Tracks) -> None:
    for _ in range(10):
        tracks.step.play(PIECE)
        tracks.clock.advance(0.04)
    assert tracks.silence_written() == LEAD
    tracks.clock.advance(1)
    tracks.step.play(PIECE)
    assert tracks.silence_written() == 2 * LEAD


def test_sound_that_comes_late_by_less_than_the_lead_leaves_without_a_gap(tracks: Tracks) -> None:
    for late in (0, 0.02, 0, 0.025, 0):
        tracks.clock.advance(late)
        tracks.step.play(PIECE)
        tracks.clock.advance(0.04 - late)
    assert tracks.silence_written() == LEAD


def test_what_waits_never_grows_over_its_bound(tracks: Tracks) -> None:
    for _ in range(20):
        tracks.step.play(PIECE)
        assert tracks.sound.queued_ms <= MAX_LEAD_MS + 40
        tracks.clock.advance(0.03)  # as if time were counted faster where it comes from
    assert tracks.step.skips > 0


def test_sound_that_has_fallen_behind_goes_on_with_the_newest_piece(tracks: Tracks) -> None:
    for number in range(1, 5):
        tracks.step.play(PIECE * number)
    assert tracks.step.skips == 1
    tracks.clock.advance(1)
    assert set(tracks.sound.played) == {0, 3, 4}


def test_a_picture_waits_as_long_as_sound(tracks: Tracks) -> None:
    tracks.step.show(picture(1))
    tracks.clock.advance(PICTURE_DELAY / 2)
    tracks.step.show(picture(2))
    assert tracks.pictures.frames == []
    tracks.clock.advance(PICTURE_DELAY / 2)
    assert tracks.pictures.frames == [picture(1)]
    tracks.clock.advance(PICTURE_DELAY / 2)
    assert tracks.pictures.frames == [picture(1), picture(2)]
    assert tracks.clock.pending == 0


def test_no_keyframe_is_wanted_while_one_is_on_its_way(tracks: Tracks) -> None:
    assert tracks.step.keyframe_wanted
    tracks.step.show(picture(1, keyframe=True))
    assert not tracks.step.keyframe_wanted
    tracks.clock.advance(PICTURE_DELAY)
    assert not tracks.step.keyframe_wanted
    tracks.pictures.keyframe_wanted = True
    assert tracks.step.keyframe_wanted


def test_a_flush_drops_sound_and_sends_the_pictures_that_wait(tracks: Tracks) -> None:
    tracks.step.play(PIECE)
    tracks.step.show(picture(1))
    tracks.step.show(picture(2))
    tracks.step.flush()
    assert tracks.sound.queued_ms == 0
    assert tracks.pictures.frames == [picture(1), picture(2)]
    assert tracks.clock.pending == 0


def test_after_a_flush_pictures_do_not_wait_until_there_is_sound_again(tracks: Tracks) -> None:
    tracks.step.play(PIECE)
    tracks.step.flush()
    tracks.step.show(picture(1))
    tracks.step.show(picture(2))
    assert tracks.pictures.frames == [picture(1), picture(2)]
    tracks.step.play(PIECE)
    tracks.step.show(picture(3))
    assert len(tracks.pictures.frames) == 2
    tracks.clock.advance(PICTURE_DELAY)
    assert len(tracks.pictures.frames) == 3


def test_pictures_that_hurry_have_the_times_of_pictures_that_have_waited(tracks: Tracks) -> None:
    for number in range(1, 4):
        tracks.step.play(PIECE)
        tracks.step.show(picture(number))
        tracks.clock.advance(0.04)
    tracks.step.show(picture(4))
    tracks.clock.advance(0.01)
    tracks.step.flush()
    tracks.clock.advance(0.005)
    tracks.step.show(EncodedFrame(b"closed", 0.17, keyframe=False))
    times = [frame.time for frame in tracks.pictures.frames]
    # The third left when its time came, the others 10 and 15 ms after it.
    assert times == pytest.approx([0.04, 0.08, 0.12, 0.13, 0.135])
    tracks.clock.advance(0.025)
    tracks.step.show(picture(5))
    assert tracks.pictures.frames[-1].time == pytest.approx(0.16)
    tracks.step.play(PIECE)
    tracks.step.show(picture(6))
    tracks.clock.advance(PICTURE_DELAY)
    assert tracks.pictures.frames[-1] == picture(6)


def test_times_never_go_back_even_where_media_time_stood_still(tracks: Tracks) -> None:
    tracks.step.show(picture(1))
    tracks.clock.advance(PICTURE_DELAY)
    tracks.step.flush()
    tracks.clock.advance(1)
    tracks.step.show(picture(2))
    tracks.step.play(PIECE)
    tracks.step.show(picture(3))
    tracks.clock.advance(PICTURE_DELAY)
    times = [frame.time for frame in tracks.pictures.frames]
    assert times == pytest.approx([0.04, 1.04, 1.041])


def test_nothing_is_taken_once_it_is_closed(tracks: Tracks) -> None:
    tracks.step.show(picture(1))
    tracks.step.close()
    tracks.step.close()
    tracks.step.play(PIECE)
    tracks.step.show(picture(2))
    tracks.step.flush()
    tracks.clock.advance(1)
    assert tracks.sound.calls == []
    assert tracks.pictures.frames == []


def test_no_sound_at_all_begins_no_run(tracks: Tracks) -> None:
    tracks.step.play(PIECE[:0])
    assert tracks.sound.calls == []
