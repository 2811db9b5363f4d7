"""What loudness tells of stress and phrases."""

from __future__ import annotations

import numpy as np
import pytest

from greenroom.audio.pcm import EMPTY
from greenroom.avatar.motion.loudness import SILENCE, loudness
from greenroom.avatar.motion.stress import Heard, Stress

PICTURE = 0.04


def hear(stress: Stress, *levels: float) -> list[Heard]:
    return [stress.hear(level, PICTURE) for level in levels]


def test_loudness_is_in_dbfs() -> None:
    assert loudness(EMPTY) == loudness(np.zeros(640, np.int16)) == SILENCE
    assert loudness(np.full(640, -32_768, np.int16)) == pytest.approx(0.0)
    tone = (16_384 * np.sin(np.arange(640) * 0.1)).astype(np.int16)
    assert loudness(tone) == pytest.approx(-9.03, abs=0.1)


def test_a_rise_to_more_than_is_usual_is_a_beat_and_stronger_the_louder_it_is() -> None:
    beats = []
    for loud in (-22.0, -14.0):
        stress = Stress()
        hear(stress, *[-28.0, -30.0] * 25)
        beats.append(hear(stress, loud)[0].beat)
    assert 0 < beats[0] < beats[1] <= 1


def test_a_loud_sound_that_lasts_is_one_beat() -> None:
    stress = Stress()
    hear(stress, *[-28.0] * 25)
    assert [heard.beat > 0 for heard in hear(stress, *[-15.0] * 50)] == [True] + [False] * 49


def test_an_even_voice_and_noise_bring_no_beats() -> None:
    stress = Stress()
    hear(stress, *[-28.0] * 25)
    assert not any(heard.beat for heard in hear(stress, *[-27.0, -29.0] * 50))
    assert not any(heard.beat for heard in hear(Stress(), *[-58.0, -46.0] * 50))


def test_a_phrase_ends_once_after_a_short_silence() -> None:
    stress = Stress()
    hear(stress, *[-25.0] * 20)
    ended = [heard.phrase_ended for heard in hear(stress, *[SILENCE] * 20)]
    assert ended.index(True) == 3
    assert sum(ended) == 1


def test_a_stop_in_a_word_and_a_click_end_no_phrase() -> None:
    stress = Stress()
    quick = hear(stress, *[-25.0] * 20, *[SILENCE] * 2, *[-25.0] * 20)
    assert not any(heard.phrase_ended for heard in quick)
    assert not any(heard.phrase_ended for heard in hear(Stress(), -20.0, *[SILENCE] * 20))
