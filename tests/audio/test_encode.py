from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest

from audio.sounds import decoded, likeness, speech_at, tone
from greenroom.audio.decode import create_decoder
from greenroom.audio.encode import MP3_RATES, encode_mp3
from greenroom.audio.pcm import EMPTY, Pcm


def by_ffmpeg(file: bytes) -> tuple[Pcm, int]:
    with av.open(io.BytesIO(file)) as container:
        frames = list(container.decode(audio=0))
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return (sound * 32_767).astype(np.int16), frames[0].sample_rate


@pytest.mark.parametrize("rate", MP3_RATES)
def test_each_file_decodes_to_the_same_sound_of_the_same_length(rate: int) -> None:
    speech = speech_at(rate)
    sound, decoded_rate = by_ffmpeg(encode_mp3(speech, rate))
    assert decoded_rate == rate
    assert len(sound) == len(speech)
    assert likeness(sound, speech) > 0.98


def test_our_own_decoder_gives_the_length_back_too() -> None:
    for seconds in (0.02, 0.5, 1.234):
        sound = decoded(
            create_decoder("mp3", 16_000), encode_mp3(tone(300, seconds, 24_000), 24_000)
        )
        assert abs(len(sound) - seconds * 16_000) <= 1


@pytest.mark.parametrize(
    ("rate", "encoded_rate"), [(7_350, 8_000), (20_000, 22_050), (96_000, 48_000)]
)
def test_a_rate_that_mp3_does_not_know_is_changed(rate: int, encoded_rate: int) -> None:
    sound, decoded_rate = by_ffmpeg(encode_mp3(tone(300, 1.0, rate), rate))
    assert decoded_rate == encoded_rate
    assert abs(len(sound) - encoded_rate) <= 1


def test_no_sound_has_no_file() -> None:
    with pytest.raises(ValueError, match="no sound"):
        encode_mp3(EMPTY, 24_000)


def test_threads_encode_at_the_same_time() -> None:
    sounds = [tone(200 + 50 * i, 0.5, 24_000) for i in range(8)]
    alone = [encode_mp3(sound, 24_000) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda sound: encode_mp3(sound, 24_000), sounds)) == alone
