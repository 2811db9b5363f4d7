from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from audio.sounds import likeness, mp3, speech_at, tone
from greenroom.audio.pcm import EMPTY
from greenroom.audio.wave_file import read_audio, write_stereo_wav, write_wav


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    sound = tone(440, 0.5, 24_000)
    write_wav(tmp_path / "a.wav", sound, 24_000)
    assert np.array_equal(read_audio(tmp_path / "a.wav", 24_000), sound)
    other = read_audio(str(tmp_path / "a.wav"), 16_000)
    assert abs(len(other) - 8_000) <= 1
    assert likeness(other, tone(440, 0.5), 3) > 0.999


def test_both_sides_of_a_talk_lie_side_by_side(tmp_path: Path) -> None:
    left, right = tone(440, 0.5), tone(330, 0.3)
    write_stereo_wav(tmp_path / "talk.wav", left, right, 16_000)
    with wave.open(str(tmp_path / "talk.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    assert np.array_equal(both[:, 0], left)
    assert np.array_equal(both[: len(right), 1], right)
    assert not both[len(right) :, 1].any()


def test_any_format_that_ffmpeg_knows_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(mp3(speech_at(24_000), channels=2))
    assert likeness(read_audio(tmp_path / "a.mp3", 24_000), speech_at(24_000)) > 0.98


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", EMPTY, 16_000)
    assert len(read_audio(tmp_path / "empty.wav", 16_000)) == 0
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with pytest.raises(ValueError, match="no sound"):
        read_audio(tmp_path / "a.srt", 16_000)
    with pytest.raises(OSError, match="No such file"):
        read_audio(tmp_path / "missing.wav", 16_000)
