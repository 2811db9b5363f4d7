"""The parts that lip sync is made of."""

from __future__ import annotations

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE
from greenroom.avatar.lipsync.ear import QUIET, Ear, Heard
from greenroom.avatar.lipsync.level import VoiceLevel
from greenroom.avatar.lipsync.mouth import Mouth
from greenroom.avatar.lipsync.network import (
    CONTEXT,
    MODEL,
    PATCH,
    PATCHES,
    Network,
    inputs,
    shipped,
)
from greenroom.avatar.lipsync.sound import RecentSound
from greenroom.avatar.lipsync.spectrum import BANDS, FLOOR, HOP, LEAD, analyse
from greenroom.avatar.visemes import VISEMES, at_rest

PP, AA = VISEMES.index("PP"), VISEMES.index("aa")


def tone(hertz: float, amplitude: float = 32767, frames: int = 3) -> Pcm:
    t = np.arange(frames * HOP + 2 * LEAD) / LIP_SYNC_RATE
    return np.round(amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def shapes(*visemes: int) -> np.ndarray:
    return np.eye(len(VISEMES), dtype=np.float32)[list(visemes)]


def test_a_tone_is_seen_in_its_band_at_its_level() -> None:
    low, all_low = analyse(tone(500))
    high, all_high = analyse(tone(4000))
    assert low.shape == high.shape == (3, BANDS)
    assert low[1].argmax() < high[1].argmax()
    assert all_low == pytest.approx(all_high, abs=1.5)
    assert all_low == pytest.approx(2, abs=3)  # a Hann window spreads a tone over three bins
    softer, all_softer = analyse(tone(500, 327.67))
    assert low[1].max() - softer[1].max() == pytest.approx(40, abs=0.2)
    assert all_low - all_softer == pytest.approx(40, abs=0.2)


def test_a_frame_in_silence_is_the_floor_however_many_come_with_it() -> None:
    sound = np.concatenate((tone(300), np.full(10 * HOP, QUIET, np.int16)))
    heard = Ear().listen(sound)
    assert heard.sounds[:3] == [True] * 3
    assert not any(heard.sounds[-8:])
    assert (heard.levels[-8:] == FLOOR).all()
    assert (heard.levels[:3].max(axis=1) > -20).all()


def test_silence_says_nothing_of_the_voice() -> None:
    ear = Ear()
    before = ear.listen(tone(300, 1000, frames=50)).voice[-1]
    quiet = ear.listen(np.zeros(100 * HOP + 2 * LEAD, np.int16))
    assert quiet.voice == [before] * 100


def test_frames_can_be_joined_and_dropped() -> None:
    joined = Heard.nothing(2) + Ear().listen(tone(300))
    assert joined.sounds == [False, False, True, True, True]
    rest = joined.since(3)
    assert len(rest.levels) == len(rest.voice) == len(rest.sounds) == 2


def test_the_level_follows_a_loud_voice_at_once_and_a_soft_one_slowly() -> None:
    level = VoiceLevel()
    for _ in range(20):
        level.follow(-10)
    assert level.now == pytest.approx(-10, abs=0.2)
    for _ in range(100):
        level.follow(-40)
        level.follow(-70)
    assert -22 < level.now < -18


def test_a_level_is_not_lost_to_steady_noise() -> None:
    level = VoiceLevel()
    for _ in range(20):
        level.follow(-15)
    for _ in range(3000):
        level.follow(-55)
    assert level.now > -20


def test_a_level_has_a_bottom() -> None:
    level = VoiceLevel()
    for k in range(20_000):
        level.follow(-120 if k % 2 else -90)
    assert level.now >= -81


def test_the_network_sees_levels_relative_to_the_voice() -> None:
    levels = np.full((CONTEXT + 1, BANDS), -50, np.float32)
    levels[-1] = FLOOR
    seen = inputs(levels, np.array([-30, -90], np.float32))
    assert seen.shape == (2, CONTEXT * BANDS)
    assert (seen[0] == -1).all()
    assert (seen[1, :-BANDS] == 1).all()
    assert seen[1, -BANDS:] == pytest.approx(-1.5)
    assert inputs(levels[1:], np.array([-30], np.float32))[0, -1] == -3


def test_a_network_sees_patches_of_time_then_all_of_them() -> None:
    moment = np.zeros((2, CONTEXT, BANDS), np.float32)
    moment[1, 4, 7] = 2
    front = np.zeros((PATCH * BANDS, 2), np.float32)
    front[BANDS + 7] = (1, -1)  # the middle frame of a patch; the second unit is never above 0
    second = np.zeros((PATCHES * 2, 3), np.float32)
    second[3 * 2] = (0, 1, 0)  # the patch around frame 4
    end = np.eye(3, len(VISEMES), dtype=np.float32)
    nothing = np.zeros(2, np.float32), np.zeros(3, np.float32), np.zeros(15, np.float32)
    network = Network([*zip((front, second, end), nothing, strict=True)])
    said = network(moment.reshape(2, -1))
    assert said[0] == pytest.approx(1 / 15)
    assert said[1, 1] == pytest.approx(np.exp(2) / (np.exp(2) + 14))
    assert said.sum(axis=1) == pytest.approx(1)


def test_the_shipped_model_is_small_and_fits() -> None:
    from importlib.resources import files

    assert files("greenroom.avatar.lipsync").joinpath(MODEL).stat().st_size < 150_000  # type: ignore[attr-defined]
    assert shipped() is shipped()
    said = shipped()(np.zeros((2, CONTEXT * BANDS), np.float32))
    assert said.shape == (2, len(VISEMES))


def test_lips_close_at_once_and_open_by_and_by() -> None:
    mouth = Mouth()
    opening = [mouth.move(shapes(AA))[AA] for _ in range(4)]
    assert opening == sorted(opening)
    assert 0.3 < opening[0] < 0.8
    assert mouth.move(shapes(PP))[PP] == 1
    assert mouth.move(shapes(AA))[PP] > 0.2


def test_a_short_closure_is_seen_in_its_picture() -> None:
    mouth = Mouth()
    mouth.move(shapes(*[AA] * 8))
    assert mouth.move(shapes(AA, AA, PP, AA))[PP] > 0.5


def test_in_silence_a_mouth_glides_to_rest_and_stays_there() -> None:
    mouth = Mouth()
    mouth.move(shapes(*[AA] * 8))
    closing = [mouth.close(2)[AA] for _ in range(8)]
    assert closing == sorted(closing, reverse=True)
    assert closing[0] > 0.1
    assert closing[-1] == 0
    assert np.array_equal(mouth.close(2), at_rest())


def test_a_mouth_can_be_shut_at_once() -> None:
    mouth = Mouth()
    mouth.move(shapes(*[AA] * 8))
    assert mouth.shape[AA] > 0.99
    mouth.shut()
    assert np.array_equal(mouth.shape, at_rest())


def test_recent_sound_is_found_by_the_number_of_a_sample() -> None:
    sound = RecentSound()
    sound.push(np.arange(1, 11, dtype=np.int16))
    assert sound.read(-2, 3).tolist() == [0, 0, 1, 2, 3]
    sound.drop_before(4)
    sound.drop_before(2)
    assert (sound.start, sound.end) == (4, 10)
    assert sound.read(2, 6).tolist() == [0, 0, 5, 6]
    assert sound.read(0, 3).tolist() == [0, 0, 0]
    sound.cut(7)
    sound.extend_to(12)
    sound.extend_to(11)
    assert sound.read(4, 12).tolist() == [5, 6, 7, 0, 0, 0, 0, 0]
    sound.cut(3)
    assert (sound.start, sound.end) == (3, 3)
    sound.push(np.array([1, 2], np.int16))
    sound.extend_to(6)
    assert sound.read(3, 6).tolist() == [1, 2, 0]
