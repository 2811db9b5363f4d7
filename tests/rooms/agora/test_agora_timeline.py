from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY
from greenroom.rooms.agora.timeline import Blocks, Timeline

EPOCH = 5_000


def test_pictures_keep_the_time_between_them_however_they_come() -> None:
    timeline = Timeline(EPOCH)
    wavering = (1.0, 1.06, 1.075, 1.13)
    stamps = [timeline.picture(7.0 + n / 25, now) for n, now in enumerate(wavering)]
    assert stamps == [6_000, 6_040, 6_080, 6_120]


def test_a_picture_whose_time_is_far_off_is_placed_anew() -> None:
    timeline = Timeline(EPOCH)
    assert timeline.picture(0.0, 1.0) == 6_000
    assert timeline.picture(0.04, 2.0) == 7_000


def test_stamps_rise_where_times_do_not() -> None:
    timeline = Timeline(EPOCH)
    assert [timeline.picture(time, 1.0) for time in (0.0, 0.0, 0.0004)] == [6_000, 6_001, 6_002]


def test_sound_leaves_in_whole_blocks_and_nothing_of_it_is_lost() -> None:
    blocks = Blocks()
    sound = np.arange(2_000, dtype=np.int16)
    first, at = blocks.cut(sound, 1_000)
    assert (len(first), at) == (1_920, 1_000)
    second, at = blocks.cut(sound, 1_042)
    assert (len(second), at) == (1_920, 1_040)  # 80 samples earlier
    rest, at = blocks.cut(EMPTY, 1_083)
    assert (len(rest), at) == (480, 1_080)
    heard = np.concatenate((first, second, rest))
    assert np.array_equal(heard[:4_000], np.concatenate((sound, sound)))
    assert not heard[4_000:].any()
    assert blocks.cut(EMPTY, 2_000) == (EMPTY, 2_000)


def test_what_is_left_over_can_be_dropped() -> None:
    blocks = Blocks()
    blocks.cut(np.ones(100, np.int16), 0)
    blocks.drop()
    assert blocks.cut(EMPTY, 0) == (EMPTY, 0)
