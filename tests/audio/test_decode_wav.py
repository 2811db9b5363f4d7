from __future__ import annotations

import struct

import numpy as np
import pytest

from audio.sounds import decoded, likeness, pieces, tone
from greenroom.audio.decode import Decoder, create_decoder
from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput

SOUND = tone(440, 0.5)


def decoder() -> Decoder:
    return create_decoder("wav", 16_000)


def chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)


def form(bits: int = 16, channels: int = 1, rate: int = 16_000, kind: int = 1) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)


def samples(sound: Pcm, bits: int, kind: int = 1, channels: int = 1) -> bytes:
    sound = np.repeat(sound, channels)
    if kind == 3:
        return (sound / 32_768).astype("<f4").tobytes()
    if bits == 8:
        return ((sound >> 8) + 128).astype(np.uint8).tobytes()
    wide = sound.astype("<i4") << 16
    octets = wide.reshape(-1, 1).view(np.uint8)
    return octets[:, 4 - bits // 8 :].tobytes()


def wav(
    data: bytes, description: bytes | None = None, *more: bytes, size: int | None = None
) -> bytes:
    body = b"WAVE" + chunk(b"fmt ", description or form()) + b"".join(more)
    body += b"data" + (len(data) if size is None else size).to_bytes(4, "little") + data
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("kind", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32)])
def test_every_width_and_number_of_channels(kind: int, bits: int, channels: int) -> None:
    file = wav(samples(SOUND, bits, kind, channels), form(bits, channels, kind=kind))
    sound = decoded(decoder(), file)
    assert len(sound) == len(SOUND)
    assert np.abs(sound.astype(int) - SOUND).max() <= (256 if bits == 8 else 1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
@pytest.mark.parametrize("seed", range(3))
def test_split_anywhere_at_any_rate(rate: int, seed: int) -> None:
    data = samples(tone(440, 1.0, rate), 24)
    file = wav(data, form(24, 1, rate), chunk(b"LIST", b"odd"), chunk(b"fact", bytes(4)))
    sound = decoded(decoder(), *pieces(file, seed))
    assert abs(len(sound) - 16_000) <= 1
    assert likeness(sound, tone(440, 1.0)) > 0.999


def test_a_whole_file_in_every_message() -> None:
    file = wav(samples(SOUND, 16), None)
    assert np.array_equal(decoded(decoder(), file, file), np.concatenate([SOUND, SOUND]))


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 1_000, 10**9])
def test_a_header_with_a_wrong_size_and_then_bare_samples(size: int) -> None:
    raw = samples(SOUND, 16)
    file = wav(raw[:3_001], size=size)
    sound = decoded(decoder(), file, raw[3_001:6_000], raw[6_000:])
    assert np.array_equal(sound, SOUND)


def test_a_message_that_begins_with_a_header_begins_a_file_whatever_was_left() -> None:
    raw = samples(SOUND, 16)
    cut_short = wav(raw[:4_001], size=len(raw))
    sound = decoded(decoder(), cut_short, wav(raw, form(16)))
    assert np.array_equal(sound, np.concatenate([SOUND[:2_000], SOUND]))


def test_chunks_and_files_after_the_samples_are_not_sound() -> None:
    raw = samples(SOUND, 8)[:-1]
    file = wav(raw, form(8)) + b"\0" + chunk(b"LIST", b"a name") + wav(samples(SOUND, 16), form(16))
    sound = decoded(decoder(), *pieces(file, 3))
    assert len(sound) == 2 * len(SOUND) - 1


def test_an_extensible_header_says_its_kind_further_on() -> None:
    extension = struct.pack("<HHI", 22, 32, 4) + struct.pack("<H", 3) + bytes(14)
    description = form(32, kind=0xFFFE) + extension
    sound = decoded(decoder(), wav(samples(SOUND, 32, 3), description))
    assert np.abs(sound.astype(int) - SOUND).max() <= 1


def test_floats_that_are_no_numbers_or_too_large_are_bounded() -> None:
    raw = np.array([np.nan, np.inf, -np.inf, 3.0, -3.0, 0.5], "<f4").tobytes()
    sound = decoded(decoder(), wav(raw, form(32, kind=3)))
    assert sound.tolist() == [0, 32_767, -32_767, 32_767, -32_768, 16_384]


def test_the_end_of_a_block_that_never_comes_is_dropped() -> None:
    raw = samples(SOUND, 16, channels=2)
    sound = decoded(decoder(), wav(raw[:-3], form(16, 2), size=len(raw) - 3))
    assert len(sound) == len(SOUND) - 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"RIFX" + bytes(40), "not a WAV file"),
        (b"hello", "not a WAV file"),
        (b"RIFF" + bytes(4) + b"AVI ", "not a WAV file"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"data", bytes(8)), "before their format"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"fmt ", bytes(8)), "broken header"),
        (b"RIFF" + bytes(4) + b"WAVEfmt \xff\xff\xff\x7f", "broken header"),
        (wav(b"", form(8, kind=7)), "kind 7"),
        (wav(b"", form(12)), "12 bit"),
        (wav(b"", form(16, 9)), "9 channels"),
        (wav(b"", form(16, 0)), "0 channels"),
        (wav(b"", form(16, 1, 96_000)), "96000 Hz"),
        (wav(b"", form(64, kind=3)), "64 bit"),
    ],
)
def test_what_can_not_be_decoded_is_refused_and_a_new_file_is_taken(
    data: bytes, problem: str
) -> None:
    decode = decoder()
    with pytest.raises(InvalidInput) as caught:
        decode.decode(data)
    assert caught.value.field == "data.audio"
    assert problem in caught.value.problem
    assert np.array_equal(decoded(decode, wav(samples(SOUND, 16))), SOUND)


def test_more_than_two_minutes_in_one_message_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        decoder().decode(wav(bytes(8_000 * 121), form(8, 1, 8_000)))
    assert "120 s" in caught.value.problem


def test_a_header_that_never_ends_holds_no_memory() -> None:
    decode = decoder()
    decode.decode(b"RIFF" + bytes(4) + b"WAVELIST\xf0\xff\xff\xff")
    for _ in range(100):
        assert len(decode.decode(bytes(10_000))) == 0
    assert len(decode._bytes) == 0  # type: ignore[attr-defined]
