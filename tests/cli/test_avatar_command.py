"""`greenroom avatar`, with the real face: real speech in, a clip out that is looked at."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result
from typer.testing import CliRunner

from greenroom.audio.pcm import Pcm
from greenroom.audio.wave_file import read_audio, write_wav
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.cli import app
from greenroom.cli import avatar as command
from greenroom.errors import InvalidInput
from support.speech import say

RATE = 16_000
PICTURES = 20
"""A second, at low quality."""

Run = Callable[..., Result]


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(data_dir))
    monkeypatch.chdir(data_dir)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ("avatar", *arguments))

    return invoke


@pytest.fixture
def beep(data_dir: Path) -> Path:
    """A tenth of a second of sound."""
    path = data_dir / "beep.wav"
    write_wav(path, np.tile(np.array([4_000, -4_000], np.int16), RATE // 20), RATE)
    return path


async def speech(data_dir: Path) -> Pcm:
    """About two seconds, from its first sound on."""
    pcm = await say("Papa, I am more than happy to see you again!", data_dir)
    loud = np.flatnonzero(np.abs(pcm) > 300)
    return pcm[loud[0] : loud[-1]]


def openness_of(path: Path) -> npt.NDArray[np.float64]:
    """How dark it is around the middle of the mouth: how far that is open, picture by picture."""
    with av.open(path) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    height, width = frames[0].shape
    region = np.s_[height // 2 : height * 16 // 25, width * 2 // 5 : width * 3 // 5]
    return np.array([(frame[region] < 100).sum() for frame in frames], np.float64)


def lag(mouth: npt.NDArray[np.float64], sound: npt.NDArray[np.float64]) -> int:
    """By how many pictures the mouth is later than the sound."""
    a, b = (x - x.mean() for x in (mouth, sound))
    return int(np.argmax(np.correlate(a, b, "full"))) - (len(b) - 1)


async def test_speech_becomes_a_clip_whose_mouth_moves_with_the_sound(
    run: Run, data_dir: Path
) -> None:
    said = await speech(data_dir)
    seconds = len(said) / RATE + 1
    write_wav(data_dir / "speech.wav", said, RATE)
    out = data_dir / "clip.mp4"
    done = run("speech.wav", "--avatar", "mira", "--out", "clip.mp4", "--quality", "low")
    assert done.exit_code == 0, done.output
    count = int(np.ceil(seconds * PICTURES))
    assert done.stdout.startswith(f"clip.mp4: {count / PICTURES:.1f} s, 360 x 360, H264, ")
    with av.open(out) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert float(video.duration * video.time_base) == pytest.approx(seconds, abs=0.06)
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=0.08)
    mouth, heard = openness_of(out), read_audio(out, RATE)[: count * RATE // PICTURES]
    assert len(mouth) == count
    sound = np.abs(heard.astype(np.float64)).reshape(count, -1).mean(axis=1)
    assert list(np.flatnonzero(sound > 100)[:1]) == [PICTURES // 2]
    shut = mouth[: PICTURES // 2 - 2]
    assert np.ptp(shut) < 0.1 * np.ptp(mouth)
    assert abs(mouth[-3:].mean() - shut.mean()) < 0.3 * np.ptp(mouth)
    assert abs(lag(mouth, sound)) <= 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("none.wav", "--out", "a.mp4"), "speech: can't read none.wav: No such file"),
        ((".", "--out", "a.mp4"), "speech: can't read .: Is a directory"),
        (("words.txt", "--out", "a.mp4"), "speech: words.txt is no sound file"),
        (("empty.wav", "--out", "a.mp4"), "speech: empty.wav holds no sound"),
        (("beep.wav", "--out", "a.gif"), "out: no kind of video ends with '.gif'"),
        (("beep.wav", "--out", "a.webm", "--codec", "H264"), "codec: .webm files don't hold H264"),
        (("beep.wav", "--out", "beep.wav"), "out: no kind of video ends with '.wav'"),
        (("beep.wav", "--out", "old.mp4"), "out: old.mp4 is there already"),
        (("beep.wav", "--out", "none/a.mp4"), "out: can't write none/a.mp4: No such file"),
        (("beep.wav", "--out", "a.mp4", "--avatar", "nobody"), "avatar_id: no such avatar"),
    ],
)
def test_what_can_not_be_done_is_said(
    run: Run, beep: Path, arguments: tuple[str, ...], problem: str
) -> None:
    write_wav(beep.with_name("empty.wav"), np.zeros(0, np.int16), RATE)
    beep.with_name("words.txt").write_text("words")
    beep.with_name("old.mp4").write_bytes(b"old")
    before = sorted(beep.parent.iterdir())
    failed = run(*arguments, "--quality", "low")
    assert isinstance(failed.exception, InvalidInput)
    assert str(failed.exception).startswith(problem)
    assert sorted(beep.parent.iterdir()) == before
    assert beep.with_name("old.mp4").read_bytes() == b"old"


def test_an_unknown_avatar_is_answered_with_the_known_ones(run: Run, beep: Path) -> None:
    failed = run(beep.name, "--out", "a.mp4", "--avatar", "nobody")
    assert str(failed.exception).endswith(", ".join(AvatarLibrary().ids()))


def test_an_old_clip_is_replaced_when_told_so(run: Run, beep: Path) -> None:
    out = beep.with_name("old.webm")
    out.write_bytes(b"old")
    done = run(beep.name, "--out", out.name, "--quality", "low", "--force")
    assert done.exit_code == 0, done.output
    with av.open(out) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["vp8", "opus"]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_shows_the_seconds_that_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    drawn = {}
    for show in (True, False):
        terminal = Terminal(io.BytesIO(), "utf-8")
        monkeypatch.setattr(sys, "stderr", terminal)
        with command._bar(show=show) as bar:
            bar.update(bar.add_task("[clip].mp4", total=0.0), completed=3.0, total=12.0)
        terminal.flush()
        drawn[show] = terminal.buffer.getvalue().decode()
    assert "[clip].mp4" in drawn[True]
    assert "3 of 12 s" in drawn[True]
    assert drawn[False] == ""
