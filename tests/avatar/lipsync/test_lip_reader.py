"""What a face may rely on when it asks for the mouth of each picture."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD
from greenroom.avatar.lipsync.network import CONTEXT, PATCH, PATCHES, Network
from greenroom.avatar.lipsync.reader import LipSync
from greenroom.avatar.lipsync.spectrum import BANDS, HOP
from greenroom.avatar.visemes import VISEMES, Weights, at_rest

if TYPE_CHECKING:
    from lipsync.speak import Utterance

PICTURE = 640
SIL = VISEMES.index("sil")


def read(pcm: Pcm, picture: int = PICTURE, lips: LipSync | None = None) -> Weights:
    """All pictures of a sound that is pushed at once."""
    lips = lips or LipSync()
    lips.push(pcm)
    return np.array([lips.weights(at, at + picture) for at in range(0, len(pcm), picture)])


@pytest.fixture(scope="module")
def speech(words: Utterance) -> Pcm:
    return words.pcm[: 2 * LIP_SYNC_RATE]


@pytest.mark.parametrize("rate", [20, 24, 25, 30, 60, 100, 500])
def test_weights_of_any_picture_rate_are_shares_of_one(speech: Pcm, rate: int) -> None:
    shown = read(speech, LIP_SYNC_RATE // rate)
    assert shown.dtype == np.float32
    assert shown.min() >= 0
    assert shown.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert shown[:, SIL].min() < 0.2


@settings(max_examples=15)
@given(
    pieces=st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    ahead=st.lists(st.integers(0, 3000), min_size=1, max_size=8),
)
def test_how_the_sound_is_cut_into_pushes_makes_no_difference(
    speech: Pcm, pieces: list[int], ahead: list[int]
) -> None:
    speech = speech[: LIP_SYNC_RATE // 2]
    whole = read(speech)
    lips, pushed, shown = LipSync(), 0, []
    sizes, more = itertools.cycle(pieces), itertools.cycle(ahead)
    for at in range(0, len(speech), PICTURE):
        needed = at + PICTURE + LOOK_AHEAD + next(more)
        while pushed < min(needed, len(speech)):
            piece = next(sizes)
            lips.push(speech[pushed : pushed + piece])
            pushed += piece
        shown.append(lips.weights(at, at + PICTURE))
    assert np.array_equal(np.array(shown), whole)


def test_nothing_beyond_the_look_ahead_is_used(speech: Pcm) -> None:
    begun, other = LipSync(), LipSync()
    end = 25 * PICTURE
    known = speech[: end + LOOK_AHEAD]
    begun.push(np.concatenate((known, np.full(8000, 20_000, np.int16))))
    other.push(known)
    for at in range(0, end, PICTURE):
        assert np.array_equal(begun.weights(at, at + PICTURE), other.weights(at, at + PICTURE))


def test_the_picture_rate_changes_what_is_shown_but_little(speech: Pcm) -> None:
    slow, fast = read(speech, PICTURE), read(speech, PICTURE // 4)
    averaged = fast.reshape(len(slow), 4, -1).mean(axis=1)
    assert np.abs(slow - averaged).mean() < 0.02


def test_without_any_sound_the_mouth_rests() -> None:
    lips = LipSync()
    for at in range(0, LIP_SYNC_RATE, PICTURE):
        assert np.array_equal(lips.weights(at, at + PICTURE), at_rest())


def test_silence_is_not_shown_to_the_network(speech: Pcm) -> None:
    seen: list[int] = []

    class Counting(Network):
        def __call__(self, moments: np.ndarray) -> np.ndarray:
            seen.append(len(moments))
            return super().__call__(moments)

    layers = (PATCH * BANDS, 1), (PATCHES, 15)
    lips = LipSync(
        Counting([(np.zeros(each, np.float32), np.zeros(each[1], np.float32)) for each in layers])
    )
    pause = np.zeros(LIP_SYNC_RATE, np.int16)
    read(np.concatenate((pause, speech[:3200], pause)), lips=lips)
    assert 20 <= sum(seen) <= 3200 // HOP + 2 * CONTEXT + 8


def test_after_speech_the_mouth_comes_to_rest_and_its_picture_repeats(speech: Pcm) -> None:
    shown = read(np.concatenate((speech, np.zeros(LIP_SYNC_RATE // 2, np.int16))))
    assert np.array_equal(shown[-1], at_rest())
    assert np.array_equal(shown[-3], at_rest())


def test_the_second_time_after_silence_is_like_the_first(speech: Pcm) -> None:
    pause = np.zeros(LIP_SYNC_RATE // 2, np.int16)
    shown = read(np.concatenate((speech, pause, speech)))
    # The voice's level is known the second time, which shows at its beginning.
    first, second = shown[: len(speech) // PICTURE], shown[-(len(speech) // PICTURE) :]
    assert np.abs(first - second).mean() < 0.02


def spoken(lips: LipSync, speech: Pcm) -> int:
    """Speak until the mouth is open; when that is."""
    lips.push(speech[: 50 * PICTURE])
    for at in range(0, 40 * PICTURE, PICTURE):
        if at > 4000 and lips.weights(at, at + PICTURE)[SIL] < 0.1:
            return at + PICTURE
    raise AssertionError("the mouth didn't open")


def test_a_cut_shuts_the_mouth_in_the_next_picture(speech: Pcm) -> None:
    lips = LipSync()
    at = spoken(lips, speech)
    lips.cut(at)
    for k in range(10):
        assert np.array_equal(lips.weights(at + k * PICTURE, at + (k + 1) * PICTURE), at_rest())


def test_a_cut_within_the_picture_that_was_shown_last_shuts_the_mouth(speech: Pcm) -> None:
    lips = LipSync()
    at = spoken(lips, speech) - 300
    lips.cut(at)
    lips.cut(at + 100)
    assert np.array_equal(lips.weights(at, at + PICTURE), at_rest())


def test_a_cut_that_is_yet_to_come_leaves_the_mouth_until_then(speech: Pcm) -> None:
    lips, uncut = LipSync(), LipSync()
    at = spoken(lips, speech)
    spoken(uncut, speech)
    lips.cut(at + 10 * PICTURE)
    for k in range(8):
        start = at + k * PICTURE
        assert np.array_equal(
            lips.weights(start, start + PICTURE), uncut.weights(start, start + PICTURE)
        )
    start = at + 10 * PICTURE
    lips.weights(start - PICTURE, start)
    assert np.array_equal(lips.weights(start, start + PICTURE), at_rest())


def test_what_is_said_after_a_cut_opens_the_mouth_when_it_is_heard(speech: Pcm) -> None:
    lips = LipSync()
    at = spoken(lips, speech)
    lips.cut(at)
    lips.weights(at, at + PICTURE)
    # Follows the silence that the last picture has taken for good.
    lips.push(np.concatenate((np.zeros(10 * PICTURE - LOOK_AHEAD, np.int16), speech)))
    begins = at + 11 * PICTURE
    shown = np.array(
        [lips.weights(t, t + PICTURE) for t in range(at + PICTURE, 80 * PICTURE, PICTURE)]
    )
    first = (begins - at - PICTURE) // PICTURE
    assert (shown[: first - 2, SIL] == 1).all()
    fresh = read(speech)[10:25]
    assert np.abs(shown[first + 10 : first + 25] - fresh).mean() < 0.03


def test_what_was_not_pushed_in_time_is_silence_for_good(speech: Pcm) -> None:
    late, padded = LipSync(), LipSync()
    late.push(EMPTY)
    for at in range(0, 10 * PICTURE, PICTURE):
        late.weights(at, at + PICTURE)
    late.push(speech)
    padded.push(np.concatenate((np.zeros(10 * PICTURE + LOOK_AHEAD, np.int16), speech)))
    for at in range(10 * PICTURE, 30 * PICTURE, PICTURE):
        assert np.array_equal(late.weights(at, at + PICTURE), padded.weights(at, at + PICTURE))


def test_pictures_may_be_left_out(speech: Pcm) -> None:
    lips, steady = LipSync(), LipSync()
    pause = np.zeros(3 * LIP_SYNC_RATE, np.int16)
    sound = np.concatenate((pause, speech))
    lips.push(sound)
    lips.weights(0, PICTURE)
    at = len(pause) // PICTURE * PICTURE + 20 * PICTURE
    wanted = read(sound, lips=steady)[at // PICTURE]
    assert lips.weights(at, at + PICTURE) == pytest.approx(wanted, abs=1e-3)


def test_an_hour_is_not_remembered(speech: Pcm) -> None:
    lips = LipSync()
    for k in range(500):
        lips.push(speech[(k % 40) * PICTURE : (k % 40 + 1) * PICTURE])
        lips.weights(k * PICTURE, (k + 1) * PICTURE)
    assert lips._sound.end - lips._sound.start <= PICTURE + LOOK_AHEAD
    assert len(lips._heard.sounds) < CONTEXT
