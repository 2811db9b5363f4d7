"""Whatever a client sends, it gets sound or InvalidInput, and the next good stream works."""

from __future__ import annotations

import numpy as np
import pytest

from audio.sounds import mp3, opus, pieces, speech_at
from greenroom.audio.decode import Decoder, create_decoder
from greenroom.errors import InvalidInput

WAV = (
    b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00"
    b"\x02\x00\x10\x00data\x00\x00\x00\x00"
) + speech_at(16_000).tobytes()
FILES = {"opus": opus(speech_at(48_000)), "mp3": mp3(speech_at(24_000)), "wav": WAV}


def feed(decoder: Decoder, message: bytes) -> int:
    try:
        return len(decoder.decode(message))
    except InvalidInput:
        return 0


@pytest.mark.parametrize("name", FILES)
def test_damage_anywhere_is_survived(name: str) -> None:
    rng = np.random.default_rng(4)
    whole = FILES[name]
    heard = 0
    for seed in range(25):
        file = np.frombuffer(whole, np.uint8).copy()
        where = rng.integers(0, len(file), rng.integers(1, 60))
        file[where] = rng.integers(0, 256, len(where))
        start, end = sorted(rng.integers(0, len(file), 2))
        decoder = create_decoder(name, 16_000)
        for message in pieces(file[start:end].tobytes() + whole[:300], seed):
            heard += feed(decoder, message)
        decoder.flush()
        # A WAV without size goes on until a message that begins with a header, as this one does.
        for message in (whole[:12_000], whole[12_000:]):
            heard += feed(decoder, message)
        assert len(decoder.decode(whole)) + len(decoder.flush()) > 20_000
    assert heard > 0


@pytest.mark.parametrize("name", FILES)
def test_noise_is_never_sound_for_long(name: str) -> None:
    rng = np.random.default_rng(5)
    decoder = create_decoder(name, 16_000)
    refused = 0
    for _ in range(10):
        try:
            decoder.decode(rng.bytes(20_000))
        except InvalidInput:
            refused += 1
    assert refused >= 2
