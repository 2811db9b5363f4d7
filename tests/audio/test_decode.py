from __future__ import annotations

import numpy as np
import pytest

from audio.sounds import decoded, likeness, tone
from greenroom.audio.decode import create_decoder
from greenroom.errors import InvalidInput


def test_pcm16_at_16_khz_is_handed_on() -> None:
    sound = tone(440, 0.1)
    decoder = create_decoder("pcm16", 16_000)
    assert np.array_equal(decoder.decode(sound.astype("<i2").tobytes()), sound)
    assert len(decoder.decode(b"")) == 0
    assert len(decoder.flush()) == 0


@pytest.mark.parametrize("rate", [8_000, 11_025, 24_000, 44_100, 48_000])
def test_pcm16_at_other_rates_is_resampled_over_messages(rate: int) -> None:
    data = tone(440, 1.0, rate).astype("<i2").tobytes()
    step = rate // 50 * 2
    messages = [data[i : i + step] for i in range(0, len(data), step)]
    sound = decoded(create_decoder("pcm16", rate), *messages)
    assert abs(len(sound) - 16_000) <= 1
    assert likeness(sound, tone(440, 1.0)) > 0.999


def test_an_odd_number_of_bytes_is_refused_and_the_next_message_is_taken() -> None:
    decoder = create_decoder("pcm16", 16_000)
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(b"\0" * 641)
    assert caught.value.field == "data.audio"
    assert "641" in caught.value.problem
    assert "even" in caught.value.allowed
    assert len(decoder.decode(b"\0" * 640)) == 320


def test_more_than_two_minutes_in_one_message_are_refused() -> None:
    decoder = create_decoder("pcm16", 8_000)
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(bytes(2 * 8_000 * 121))
    assert caught.value.field == "data.audio"
    assert "120 s" in caught.value.problem
    for _ in range(3):
        assert len(decoder.decode(bytes(2 * 8_000 * 60))) > 0


@pytest.mark.parametrize("rate", [-1, 0, 7_999, 48_001, 10**9])
def test_a_rate_out_of_range_is_refused(rate: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_decoder("pcm16", rate)
    assert caught.value.field == "data.sample_rate"
    assert caught.value.allowed == "8000 to 48000"


def test_an_unknown_format_is_refused_with_what_is_known() -> None:
    with pytest.raises(InvalidInput) as caught:
        create_decoder("flac", 16_000)
    assert caught.value.field == "data.format"
    assert caught.value.allowed == "pcm16, opus, mp3, wav"
