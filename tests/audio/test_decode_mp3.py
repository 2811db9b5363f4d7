from __future__ import annotations

import numpy as np
import pytest

from audio.sounds import SPEECH, decoded, likeness, mp3, pieces, speech_at, tone
from greenroom.audio.decode import Decoder, create_decoder
from greenroom.audio.mp3_frames import FileBegins, Frame, FrameReader
from greenroom.errors import InvalidInput


def decoder() -> Decoder:
    return create_decoder("mp3", 24_000)


def bare(file: bytes) -> bytes:
    """The frames of sound alone: a stream that nobody wrote a header for."""
    return b"".join(item.data for item in FrameReader().feed(file) if isinstance(item, Frame))


SPEECH_FILE = mp3(speech_at(24_000))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_stream_split_anywhere_gives_the_speech_in_its_length(rate: int, seed: int) -> None:
    sound = decoded(decoder(), *pieces(mp3(speech_at(rate), rate), seed))
    assert abs(len(sound) - len(SPEECH)) <= 1
    assert likeness(sound, SPEECH, 2) > (0.98 if rate > 8_000 else 0.9)


def test_stereo_becomes_one_channel() -> None:
    sound = decoded(decoder(), mp3(speech_at(44_100), 44_100, channels=2))
    assert likeness(sound, SPEECH, 2) > 0.98


def test_a_stream_without_header_keeps_the_encoder_s_padding() -> None:
    sound = decoded(decoder(), *pieces(bare(SPEECH_FILE), 5))
    assert len(SPEECH) < len(sound) < len(SPEECH) + 2_500
    assert likeness(sound[737:], SPEECH, 4) > 0.98  # 1105 samples at 24 kHz


def test_files_one_after_another_are_all_decoded() -> None:
    files = [mp3(tone(300, 0.5, 24_000)), mp3(tone(600, 0.5, 44_100), 44_100)]
    sound = decoded(decoder(), *files)
    assert abs(len(sound) - 16_000) <= 2
    assert likeness(sound[1_000:7_000], tone(300, 0.5)[1_000:7_000], 3) > 0.99
    assert likeness(sound[9_000:15_000], tone(600, 0.5)[1_000:7_000], 3) > 0.99


def test_tags_are_skipped_even_where_they_look_like_frames() -> None:
    picture = bare(SPEECH_FILE)[:2_000]
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, len(picture) >> 7, len(picture) & 127]) + picture
    with_footer = b"ID3\x04\x00\x10" + bytes([0, 0, 0, 100]) + bytes(100) + b"3DI" + bytes(7)
    old = b"TAG" + b"\xff\xfb" * 62 + b"\0"
    sound = decoded(decoder(), *pieces(tag + with_footer + bare(SPEECH_FILE) + old, 2))
    assert np.array_equal(sound.shape, decoded(decoder(), bare(SPEECH_FILE)).shape)


def test_broken_frames_in_the_middle_do_not_end_the_stream() -> None:
    file = bytearray(bare(SPEECH_FILE))
    file[3_000:3_400] = b"\x55" * 400
    sound = decoded(decoder(), *pieces(bytes(file), 1))
    whole = decoded(decoder(), bare(SPEECH_FILE))
    assert len(whole) * 0.8 < len(sound) <= len(whole)
    tail = slice(-6_000, -2_000)
    assert likeness(sound[tail], whole[tail], 2) > 0.99


def test_one_frame_is_decoded_at_the_end() -> None:
    (first, *_) = [f for f in FrameReader().feed(SPEECH_FILE) if isinstance(f, Frame)]
    decode = decoder()
    assert len(decode.decode(first.data)) == 0
    assert len(decode.flush()) == 384  # 576 samples at 24 kHz
    assert len(decode.decode(first.data[:-1])) == 0
    assert len(decode.flush()) == 0


@pytest.mark.parametrize(
    "data", [b"neither sound nor song", bytes(4_000), bytes(range(200)) * 500, b"\xff" * 100_000]
)
def test_what_is_not_mp3_is_refused_and_a_new_stream_is_taken(data: bytes) -> None:
    decode = decoder()
    with pytest.raises(InvalidInput) as caught:
        decode.decode(data)
    assert caught.value.field == "data.audio"
    assert "MP3" in caught.value.problem
    assert abs(len(decoded(decode, SPEECH_FILE)) - len(SPEECH)) <= 1


def test_a_stream_that_turns_into_garbage_is_given_up() -> None:
    decode = decoder()
    decode.decode(SPEECH_FILE)
    for _ in range(30):
        assert len(decode.decode(bytes(2_000))) == 0
    with pytest.raises(InvalidInput):
        decode.decode(bytes(8_000))


def test_frames_that_never_decode_are_given_up() -> None:
    header = SPEECH_FILE[SPEECH_FILE.index(b"\xff\xf3") :][:4]
    reader = FrameReader()
    (frame, *_) = [f for f in reader.feed(SPEECH_FILE) if isinstance(f, Frame)]
    broken = frame.data[:4] + b"\xff" * (len(frame.data) - 4)
    assert header[:2] == frame.data[:2]
    with pytest.raises(InvalidInput) as caught:
        decoder().decode(broken * 100)
    assert "can't be decoded" in caught.value.problem


def test_hours_of_silence_in_a_small_message_are_refused() -> None:
    silence = bare(mp3(np.zeros(8_000 * 10, np.int16), 8_000))
    with pytest.raises(InvalidInput) as caught:
        decoder().decode(silence * 13)
    assert "120 s" in caught.value.problem


def test_the_header_of_a_file_says_what_is_padding() -> None:
    (header, *frames) = FrameReader().feed(SPEECH_FILE)
    assert isinstance(header, FileBegins)
    assert header.frames == len(frames)
    assert header.skip == 576 + 529
    assert len(frames) * 576 - header.skip - header.drop == len(speech_at(24_000))


def test_a_header_without_figures_leaves_all_in() -> None:
    frame = next(f for f in FrameReader().feed(SPEECH_FILE) if isinstance(f, Frame)).data
    padded = frame[:4] + bytes(len(frame) - 4)
    info = bytearray(padded)
    info[4 + 9 : 4 + 13] = b"Xing"
    vbri = bytearray(padded)
    vbri[36:40] = b"VBRI"
    for header in (info, vbri):
        (begins, *_) = FrameReader().feed(bytes(header) + frame * 2)
        assert begins == FileBegins(None, 0, 0)
