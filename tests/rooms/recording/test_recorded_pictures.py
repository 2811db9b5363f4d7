from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from audio.sounds import tone
from greenroom.providers.scheduling import kept_scheduling
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording import video as module
from greenroom.rooms.recording.output import RecordedVideo
from greenroom.rooms.recording.recording import Recording
from greenroom.rooms.recording.video import PictureTimes, VideoFormat
from greenroom.rooms.rtc.media import AV1, H264, VP8, Codec
from greenroom.testing.clock import ManualClock
from rooms.recording.recorded import AGENT, begin, near, played, spans

WIDTH, HEIGHT = 64, 48
RATE = 25
FLASH = 50
"""The picture from which on all is white."""


@cache
def pictures(codec: str) -> list[tuple[bytes, bool]]:
    """Three seconds, black and then white, with a keyframe every second."""
    name, options = {
        "h264": ("libx264", {"tune": "zerolatency", "preset": "ultrafast"}),
        "vp8": ("libvpx", {"deadline": "realtime", "lag-in-frames": "0"}),
        "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:lp=1"}),
    }[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.gop_size, encoder.options = RATE, options
    with kept_scheduling():
        encoder.open()
    encoded = []
    for number in range(75):
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = 235 if number >= FLASH else 16
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = number
        encoded += encoder.encode(frame)
    encoded += encoder.encode(None)
    return [(bytes(packet), packet.is_keyframe) for packet in encoded]


def seen(path: Path) -> list[tuple[float, bool]]:
    """When each picture is shown, and whether it is white."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    assert all((frame.width, frame.height) == (WIDTH, HEIGHT) for frame in frames)
    return [(float(frame.time), frame.to_ndarray()[:HEIGHT].mean() > 128) for frame in frames]


def play(recording: Recording, clock: ManualClock, codec: str, *, time: float = 777.0) -> None:
    """Show the pictures, and let the agent begin to sound with the first white one."""
    for number, (data, keyframe) in enumerate(pictures(codec)):
        recording.video(EncodedFrame(data, time + number / RATE, keyframe))
        clock.advance(1 / RATE)
        if number >= FLASH:
            recording.agent(tone(AGENT, 1 / RATE, 24_000), 24_000)


@pytest.mark.parametrize(
    ("codec", "suffix", "lead"),
    [
        (VP8, ".webm", 0.4),
        (H264, ".mkv", 0.4),
        (H264, ".mkv", 1.5),
        (AV1, ".webm", 0.4),
        (AV1, ".webm", 1.5),
    ],
)
async def test_picture_and_sound_are_in_time(
    tmp_path: Path, codec: Codec, suffix: str, lead: float
) -> None:
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock, video=VideoFormat(codec, WIDTH, HEIGHT))
    clock.advance(lead)
    play(recording, clock, codec.name)
    file = await recording.close()
    assert file.path == tmp_path / f"talk{suffix}"
    assert file.dropped_pictures == 0
    shown = seen(file.path)
    assert [time for time, _ in shown] == pytest.approx(
        [lead + number / RATE for number in range(75)], abs=0.002
    )
    flash = next(time for time, white in shown if white)
    assert flash == pytest.approx(lead + FLASH / RATE, abs=0.002)
    assert near(spans(played(file.path)[1]), (flash, lead + 3.0))


async def test_the_sound_does_not_wait_for_a_picture_that_never_comes(tmp_path: Path) -> None:
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock, video=VideoFormat(H264, WIDTH, HEIGHT))
    for _ in range(30):
        clock.advance(0.1)
        recording.agent(tone(AGENT, 0.1), 16_000)
    # As a player sees it that opens the file of a writer that was killed.
    found = spans(played(tmp_path / "talk.mkv")[1])
    assert found[0][0] == pytest.approx(0, abs=0.02)
    assert found[-1][1] > 2.0
    await recording.close()


async def test_pictures_before_the_first_keyframe_are_left_out(tmp_path: Path) -> None:
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock, video=VideoFormat(VP8, WIDTH, HEIGHT))
    assert recording.keyframe_wanted
    for number, (data, keyframe) in enumerate(pictures("vp8")):
        if number >= 10:
            recording.video(EncodedFrame(data, number / RATE, keyframe))
        clock.advance(1 / RATE)
    assert not recording.keyframe_wanted
    file = await recording.close()
    assert file.path is not None
    assert file.dropped_pictures == 15
    shown = seen(file.path)
    assert len(shown) == 50
    assert shown[0][0] == pytest.approx(1.0, abs=0.002)


async def test_after_too_many_pictures_at_once_it_goes_on_with_a_keyframe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pictures("vp8")
    monkeypatch.setattr(module, "MOST_BYTES", sum(len(data) for data, _ in frames[:5]))
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock, video=VideoFormat(VP8, WIDTH, HEIGHT))
    for number, (data, keyframe) in enumerate(frames[:20]):  # before any is written
        recording.video(EncodedFrame(data, 0.002 * number, keyframe))
        clock.advance(0.002)
    assert recording.keyframe_wanted
    clock.advance(1.0)
    for number, (data, keyframe) in enumerate(frames[20:50]):
        recording.video(EncodedFrame(data, number / 4, keyframe))
        clock.advance(1 / 4)
    assert not recording.keyframe_wanted
    file = await recording.close()
    assert file.path is not None
    assert file.dropped_pictures == 15 + 5
    assert len(seen(file.path)) == 5 + 25


async def test_a_recording_without_a_picture_leaves_pictures_out(tmp_path: Path) -> None:
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock)
    play(recording, clock, "vp8")
    assert not recording.keyframe_wanted
    file = await recording.close()
    assert file.path == tmp_path / "talk.webm"
    with av.open(str(file.path)) as written:
        assert [stream.type for stream in written.streams] == ["audio"]


def test_pictures_that_come_in_bursts_keep_the_time_between_them() -> None:
    times = PictureTimes()
    assert [times.place(5.0 + n / 25, 1.0 + n // 2 * 0.08) for n in range(4)] == pytest.approx(
        [1.0, 1.04, 1.08, 1.12]
    )
    assert times.place(5.12, 1.2) is None  # it was there already
    assert times.place(9.0, 2.0) == pytest.approx(2.0)  # another clock
    assert times.place(1.0, 3.0) == pytest.approx(3.0)


class Track:
    """A track that keeps what is written."""

    sid = "TR_picture"

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.keyframe_wanted = False

    def write(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)


async def test_a_recorded_track_passes_pictures_on_and_asks_for_keyframes(tmp_path: Path) -> None:
    clock = ManualClock()
    recording = begin(tmp_path / "talk", clock, video=VideoFormat(VP8, WIDTH, HEIGHT))
    inner = Track()
    track = RecordedVideo(inner, recording)
    assert track.sid == "TR_picture"
    assert track.keyframe_wanted
    frames = [EncodedFrame(data, n / RATE, key) for n, (data, key) in enumerate(pictures("vp8"))]
    for frame in frames:
        track.write(frame)
        clock.advance(1 / RATE)
    assert inner.frames == frames
    assert not track.keyframe_wanted
    inner.keyframe_wanted = True
    assert track.keyframe_wanted
    file = await recording.close()
    assert file.path is not None
    assert len(seen(file.path)) == 75
