"""A sound becomes requests, and answers become a file whose sound and picture are in step."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.avatar.clip import clip_file as files
from greenroom.avatar.clip.clip_file import SOUND_RATE, clip_file, codec_for
from greenroom.avatar.clip.rendering import render, requests
from greenroom.avatar.formats import FORMATS, LOOK_AHEAD, PictureFormat, VideoCodec
from greenroom.avatar.ports import EncodedPicture, FrameRequest
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.providers.scheduling import kept_scheduling

SMALL = PictureFormat(64, 48, 20, 100_000)
ENCODERS = {"H264": "libx264", "VP8": "libvpx", "AV1": "libsvtav1"}


class SoundMeter:
    """A face that is as bright as its picture's sound is loud."""

    def __init__(self, codec: VideoCodec = "H264", fails_at: int = -1) -> None:
        self.asked: list[FrameRequest] = []
        self._heard = np.zeros(0, np.int16)
        self._fails_at = fails_at
        self._encoder = cast("Any", av.CodecContext.create(ENCODERS[codec], "w"))
        self._encoder.width, self._encoder.height = SMALL.width, SMALL.height
        self._encoder.pix_fmt, self._encoder.time_base = "yuv420p", Fraction(1, SMALL.rate)
        self._encoder.thread_count = 1
        self._encoder.options = {
            "H264": {"tune": "zerolatency", "preset": "ultrafast", "qp": "10"},
            "VP8": {"lag-in-frames": "0", "deadline": "realtime"},
            "AV1": {"preset": "12", "svtav1-params": "pred-struct=1"},
        }[codec]
        with kept_scheduling():
            self._encoder.open()

    def frame(self, request: FrameRequest) -> EncodedPicture:
        if len(self.asked) == self._fails_at:
            raise ProviderFailed("puppet", "has fallen")
        self.asked.append(request)
        self._heard = np.concatenate((self._heard, request.pcm))
        now = self._heard[request.at : request.at + request.samples]
        planes = np.full((SMALL.height * 3 // 2, SMALL.width), 128, np.uint8)
        planes[: SMALL.height] = 40 + min(180, int(np.abs(now.astype(int)).mean()) // 40)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = len(self.asked)
        [packet] = self._encoder.encode(frame)
        return EncodedPicture(bytes(packet), packet.is_keyframe)

    def close(self) -> None:
        pass


def beeps(seconds: float) -> Pcm:
    """0.1 s of tone at each half second, at SOUND_RATE."""
    t = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    return (9_000 * np.sin(2 * np.pi * 700 * t) * (t % 0.5 < 0.1)).astype(np.int16)


def make(path: Path, sound: Pcm, codec: VideoCodec = "H264") -> list[tuple[int, int]]:
    progress = []
    with clip_file(path, codec, SMALL) as clip:
        render(sound, SoundMeter(codec), SMALL, clip, lambda *at: progress.append(at))
    return progress


def test_each_request_hands_over_the_sound_up_to_the_look_ahead_and_none_twice() -> None:
    heard = np.arange(16_000, dtype=np.int16)
    asked = list(requests(heard, SMALL))
    assert [request.at for request in asked] == list(range(0, 16_000, 800))
    assert np.array_equal(np.concatenate([request.pcm for request in asked]), heard)
    known = 0
    for request in asked:
        known += len(request.pcm)
        assert known == min(16_000, request.at + request.samples + LOOK_AHEAD)
    assert [request.keyframe for request in asked] == [True] + [False] * 19


def test_the_face_speaks_while_there_is_speech_and_in_short_pauses() -> None:
    heard = np.zeros(5 * 16_000, np.int16)
    for second in (1.0, 2.0, 4.0):
        heard[int(second * 16_000) :][:1_600] = 4_000
    spoken = [k for k, asked in enumerate(requests(heard, SMALL)) if asked.activity == "speaking"]
    assert spoken == [*range(20, 42), 80, 81]


def test_no_sound_is_no_picture() -> None:
    assert list(requests(np.zeros(0, np.int16), SMALL)) == []


@pytest.mark.parametrize(
    ("name", "codec", "picture_codec", "sound_codec"),
    [
        ("clip.mp4", "H264", "h264", "aac"),
        ("clip.mkv", "H264", "h264", "opus"),
        ("clip.webm", "VP8", "vp8", "opus"),
        ("clip.MP4", "AV1", "av1", "aac"),
    ],
)
def test_sound_and_picture_are_in_step(
    tmp_path: Path, name: str, codec: VideoCodec, picture_codec: str, sound_codec: str
) -> None:
    path = tmp_path / name
    sound = beeps(2.03)
    assert make(path, sound, codec) == [(k + 1, 61) for k in range(61)]
    assert list(tmp_path.iterdir()) == [path]
    with av.open(path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name in {picture_codec, f"lib{picture_codec}", "libdav1d"}
        assert audio.codec_context.name == sound_codec
        assert (video.width, video.height, video.average_rate) == (64, 48, 20)
        pictures = [
            (frame.time, frame.to_ndarray()[24, 32] > 90) for frame in container.decode(video)
        ]
    assert [time for time, _ in pictures] == pytest.approx([k / 20 for k in range(61)], abs=1e-3)
    lit = [k for k, (_, bright) in enumerate(pictures) if bright]
    assert lit == [k for start in (10, 20, 30, 40) for k in (start, start + 1)] + [50]
    heard = sound_of(path)
    # Silence to fill a block is added at the end, by the container's measure of a block.
    assert 3.05 * SOUND_RATE - 1 <= len(heard) <= 3.08 * SOUND_RATE
    assert best_shift(heard[SOUND_RATE // 2 :], sound) == 0


def sound_of(path: Path) -> Pcm:
    """The sound from time 0 on, at SOUND_RATE."""
    parts = []
    with av.open(path) as container:
        frames = list(container.decode(audio=0))
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
        skipped = max(0, -round(float(frames[0].time) * SOUND_RATE))
        for frame in frames:
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts)[skipped:]


def best_shift(heard: Pcm, said: Pcm) -> int:
    """By how many samples `heard` is later."""
    a, b = (x[:SOUND_RATE].astype(np.float64) for x in (heard, said))
    size = 2 * SOUND_RATE
    match = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)))
    best = int(np.argmax(match))
    return best if best < SOUND_RATE else best - size


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "H264"), ("a.webm", "VP8"), ("a.mkv", "H264"), ("a.WEBM", "VP8")]
)
def test_the_container_chooses_the_codec(name: str, codec: str) -> None:
    assert codec_for(Path(name)) == codec
    assert codec_for(Path(name).with_suffix(".mkv"), "AV1") == "AV1"


@pytest.mark.parametrize(
    ("name", "wanted", "allowed"),
    [("a.avi", None, ".mp4"), ("a", None, ".webm"), ("a.webm", "H264", "VP8, AV1"),
     ("a.mp4", "VP8", "H264, AV1")],
)  # fmt: skip
def test_what_a_container_can_not_hold_is_refused(
    name: str, wanted: VideoCodec | None, allowed: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        codec_for(Path(name), wanted)
    assert allowed in refused.value.allowed


def test_a_face_that_fails_leaves_no_file_and_the_old_one_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    face = SoundMeter(fails_at=7)
    with pytest.raises(ProviderFailed), clip_file(path, "H264", SMALL) as clip:
        render(beeps(1.0), face, SMALL, clip, lambda *_: None)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_not_there_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file or directory"):
        make(tmp_path / "none" / "clip.mp4", beeps(0.1))


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    class FullDisk:
        """Takes little, as a file system does that has no more room."""

        def __init__(self) -> None:
            self._left = 4_000

        def write(self, data: bytes) -> int:
            self._left -= len(data)
            if self._left < 0:
                raise OSError(28, "No space left on device")
            return len(data)

    with pytest.raises(InvalidInput, match="No space left on device"):
        make_on(FullDisk(), tmp_path / "clip.mkv")
    assert list(tmp_path.iterdir()) == []


def make_on(disk: object, path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.av, "open", lambda _, *rest, **options: av_open(disk, *rest, **options))
        make(path, beeps(2.0))


av_open = av.open


def test_what_every_quality_asks_for_divides_into_whole_samples() -> None:
    for picture in FORMATS.values():
        assert SOUND_RATE % picture.rate == 0
