"""Sound is cut by its own framing, loses no byte, and its length is known."""

from __future__ import annotations

import contextlib
import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_agent.cutting import MAX_BYTES, MAX_MS, Piece, create_cutter
from voice_agent.guessing import guess_format
from voice_agent.pacing import Pacer

SECONDS = 7


def encoded(codec: str, container: str, rate: int, kbits: int = 64) -> bytes:
    """A tone of SECONDS in a file."""
    out = io.BytesIO()
    tone = (np.sin(np.arange(rate * SECONDS) * 2 * np.pi * 330 / rate) * 9_000).astype(np.int16)
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = kbits * 1000
        frame = av.AudioFrame.from_ndarray(tone[None, :], format="s16", layout="mono")
        frame.rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.codec_context.frame_size)
        for each in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(each))
        file.mux(stream.encode(None))
    return out.getvalue()


def waves(rate: int, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(rate * SECONDS * channels * width))
    return out.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {
        "mp3": encoded("libmp3lame", "mp3", 44_100),
        "mp3 of a low rate": encoded("libmp3lame", "mp3", 16_000, 32),
        "opus": encoded("libopus", "ogg", 48_000),
        "wav": waves(16_000),
        "wav of two channels": waves(48_000, 2, 3),
    }


NAMES = ["mp3", "mp3 of a low rate", "opus", "wav", "wav of two channels"]


def cut(name: str, data: bytes, size: int) -> list[Piece]:
    cutter = create_cutter(name.split(maxsplit=1)[0], 16_000)  # type: ignore[arg-type]
    pieces = []
    for at in range(0, len(data), size):
        pieces += cutter.feed(data[at : at + size])
    return pieces + cutter.flush()


@pytest.mark.parametrize("size", [65_536, 1_000, 17])
@pytest.mark.parametrize("name", NAMES)
def test_no_byte_is_lost_and_the_length_is_right(
    files: dict[str, bytes], name: str, size: int
) -> None:
    pieces = cut(name, files[name], size)
    assert b"".join(piece.data for piece in pieces) == files[name]
    assert sum(piece.ms for piece in pieces) == pytest.approx(SECONDS * 1000, abs=150)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_has_at_most_half_a_second(files: dict[str, bytes], name: str) -> None:
    pieces = cut(name, files[name], 65_536)
    longest = 1_100 if name == "opus" else MAX_MS  # a page is not cut
    assert max(piece.ms for piece in pieces) <= longest
    assert max(len(piece.data) for piece in pieces) <= MAX_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_known_by_its_head(files: dict[str, bytes], name: str) -> None:
    assert guess_format(files[name][:4_096]) == name.split(maxsplit=1)[0]


def test_a_file_of_frames_without_a_tag_is_known_too(files: dict[str, bytes]) -> None:
    data = files["mp3"]
    tag = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    assert guess_format(data[tag : tag + 4_096]) == "mp3"
    assert guess_format(data[tag : tag + 100]) is None, "one header may be chance"


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"fLaC\0\0", "FLAC"),
        (b"\x1aE\xdf\xa3", "WebM"),
        (b"OggS" + bytes(24) + b"\x01vorbis", "not Opus"),
    ],
)
def test_a_format_that_is_not_carried_is_named(head: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        guess_format(head)


@given(st.binary(max_size=4_000))
def test_bytes_of_nothing_are_guessed_or_refused_in_words(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert guess_format(data) in {None, "mp3", "opus", "wav"}


@given(st.sampled_from(["mp3", "opus", "wav", "pcm16"]), st.lists(st.binary(max_size=300)))
def test_garbage_is_passed_on_or_refused_in_words(name: str, parts: list[bytes]) -> None:
    cutter = create_cutter(name, 16_000)  # type: ignore[arg-type]
    out = []
    try:
        for part in parts:
            out += cutter.feed(part)
        out += cutter.flush()
    except ValueError:
        return
    if name != "opus":  # what is before the first page is no part of it
        assert b"".join(piece.data for piece in out) == b"".join(parts)
    assert all(piece.ms >= 0 for piece in out)


def test_a_big_picture_in_an_mp3_takes_no_time(files: dict[str, bytes]) -> None:
    size = 700_000
    tag = b"ID3\x04\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    frames = files["mp3"]
    old = 10 + (frames[6] << 21 | frames[7] << 14 | frames[8] << 7 | frames[9])
    data = tag + b"\xff\xfb\x90\x00" * (size // 4) + frames[old:]
    pieces = cut("mp3", data, 65_536)
    assert b"".join(piece.data for piece in pieces) == data
    assert sum(piece.ms for piece in pieces) == pytest.approx(SECONDS * 1000, abs=150)


def test_a_wav_that_says_nothing_of_its_rate_is_refused() -> None:
    data = bytearray(waves(16_000))
    data[28:32] = bytes(4)
    with pytest.raises(ValueError, match="fmt"):
        cut("wav", bytes(data), 65_536)
    with pytest.raises(ValueError, match="RIFF"):
        cut("wav", b"something else", 65_536)
    with pytest.raises(ValueError, match="no fmt chunk"):
        cut("wav", b"RIFF\0\0\0\0WAVEdata\0\0\0\0", 65_536)
    with pytest.raises(ValueError, match="65536"):
        cut("wav", b"RIFF\0\0\0\0WAVEJUNK\xff\xff\xff\0" + bytes(70_000), 65_536)


def test_a_wav_with_other_chunks_before_its_data_is_read() -> None:
    plain = waves(16_000)
    data = plain[:36] + b"LIST\x05\0\0\0abcde\0" + plain[36:]
    pieces = cut("wav", data, 50)
    assert b"".join(piece.data for piece in pieces) == data
    assert sum(piece.ms for piece in pieces) == SECONDS * 1000


def test_the_head_that_a_decoder_needs_is_kept(files: dict[str, bytes]) -> None:
    ogg = create_cutter("opus", 16_000)
    ogg.feed(files["opus"])
    assert b"OpusHead" in ogg.head
    assert b"OpusTags" in ogg.head
    assert files["opus"].startswith(ogg.head)
    wav = create_cutter("wav", 16_000)
    wav.feed(files["wav"])
    assert wav.head == files["wav"][:44]


def test_an_ogg_stream_joined_in_its_middle_is_measured_by_its_packets(
    files: dict[str, bytes],
) -> None:
    data = files["opus"]
    third = data.find(b"OggS", data.find(b"OggS", data.find(b"OggS", 1) + 1) + 1)
    late = bytearray(data[third:])
    late[6:14] = (48_000 * 86_400).to_bytes(8, "little")
    first = cut("opus", bytes(late), 65_536)[0]
    assert 0 < first.ms <= 5_100


def test_something_that_has_no_page_is_no_ogg() -> None:
    with pytest.raises(ValueError, match="Ogg"):
        cut("opus", bytes(70_000), 65_536)


def test_half_a_sample_is_carried_over_and_at_the_end_refused() -> None:
    cutter = create_cutter("pcm16", 8_000)
    assert cutter.feed(b"\1") == []
    assert cutter.feed(b"\2\3") == [Piece(b"\1\2", 0.125)]
    with pytest.raises(ValueError, match="odd"):
        cutter.flush()


def test_the_pacer_counts_as_the_server_does() -> None:
    pacer = Pacer(2.0)
    assert pacer.wait(500, 100.0) == 0
    pacer.sent(500, 100.0)
    pacer.sent(1_500, 100.0)
    assert pacer.wait(500, 100.0) == pytest.approx(0.5)
    assert pacer.wait(500, 100.5) == 0
    assert pacer.wait(500, 1_000.0) == 0
    pacer.sent(2_000, 1_000.0)
    assert pacer.wait(100, 1_000.0) == pytest.approx(0.1), "a pause does not save up"
    assert Pacer(1.0).wait(5_000, 0.0) == 0, "a long piece goes when nothing is ahead"


def test_files_of_tests_are_what_they_say(files: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("mp3", "opus"):
        path = tmp_path / name
        path.write_bytes(files[name])
        with av.open(str(path)) as file:
            assert file.streams.audio[0].codec_context.name.startswith(name[:3])
