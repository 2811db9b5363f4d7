from __future__ import annotations

import numpy as np
import pytest

from audio.sounds import likeness, tone
from greenroom.audio.pcm import EMPTY
from greenroom.audio.resample import Resampler, resample


@pytest.mark.parametrize(
    ("from_rate", "to_rate"),
    [(8_000, 16_000), (48_000, 16_000), (44_100, 16_000), (16_000, 24_000)],
)
def test_a_stream_in_pieces_gives_the_sound_at_the_new_rate(from_rate: int, to_rate: int) -> None:
    sound = tone(440, 2.0, from_rate)
    resampler = Resampler(from_rate, to_rate)
    parts = [resampler.process(sound[i : i + 317]) for i in range(0, len(sound), 317)]
    whole = np.concatenate([*parts, resampler.flush()])

    assert abs(len(whole) - 2 * to_rate) <= 1
    assert whole.dtype == np.int16
    assert likeness(whole, tone(440, 2.0, to_rate)) > 0.9999
    assert likeness(resample(sound, from_rate, to_rate), whole) > 0.9999


def test_a_flushed_stream_begins_anew() -> None:
    resampler = Resampler(48_000, 16_000)
    for _ in range(2):
        sound = np.concatenate([resampler.process(tone(440, 0.5, 48_000)), resampler.flush()])
        assert abs(len(sound) - 8_000) <= 1


def test_matching_rates_hand_the_samples_on() -> None:
    sound = tone(440, 0.1)
    resampler = Resampler(16_000, 16_000)
    assert resampler.process(sound) is sound
    assert len(resampler.flush()) == 0
    assert resample(sound, 16_000, 16_000) is sound
    assert len(resample(EMPTY, 8_000, 16_000)) == 0
