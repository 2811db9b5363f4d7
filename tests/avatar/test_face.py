"""A face: sound goes to the lips, time to the movement, what was drawn to the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.face import CompleteFace, open_face
from greenroom.avatar.formats import LOOK_AHEAD, PictureFormat
from greenroom.avatar.motion.loudness import SILENCE
from greenroom.avatar.packs.library import SHIPPED
from greenroom.avatar.ports import (
    Activity,
    EncodedPicture,
    FaceSettings,
    FrameRequest,
    GestureCue,
    Pixels,
    Pose,
    Rect,
)
from greenroom.avatar.video.encoder import VideoEncoder, open_encoder
from greenroom.avatar.video.planes import Planes
from greenroom.avatar.visemes import Weights, at_rest
from greenroom.errors import InvalidInput, ProviderFailed

SMALL = PictureFormat(96, 96, 25, 200_000)
STEP = SMALL.samples


@dataclass
class Lips:
    """A LipReader that notes what it is told."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def push(self, pcm: Pcm) -> None:
        self.told.append(("push", len(pcm)))

    def cut(self, at: int) -> None:
        self.told.append(("cut", at))

    def weights(self, start: int, end: int) -> Weights:
        self.told.append(("weights", start, end))
        return at_rest()


@dataclass
class Steps:
    """A movement that notes its steps."""

    seconds: list[float] = field(default_factory=list)
    loudness: list[float] = field(default_factory=list)
    rest: list[tuple[Activity, tuple[GestureCue, ...]]] = field(default_factory=list)

    def step(
        self,
        seconds: float,
        weights: Weights,
        loudness: float,
        activity: Activity,
        gestures: Sequence[GestureCue],
    ) -> Pose:
        self.seconds.append(seconds)
        self.loudness.append(loudness)
        self.rest.append((activity, tuple(gestures)))
        return Pose(weights)


class Lamp:
    """A puppet of one square that is as bright as it is told."""

    def __init__(self) -> None:
        self.pixels: Pixels = np.zeros((SMALL.height, SMALL.width, 4), np.uint8)
        self.brightness = 0
        self._shown = -1
        self.poses: list[Pose] = []

    def draw(self, pose: Pose) -> tuple[Rect, ...]:
        self.poses.append(pose)
        if self.brightness == self._shown:
            return ()
        self.pixels[16:48, 32:64] = self._shown = self.brightness
        return ((0, 0, 96, 96),) if len(self.poses) == 1 else ((32, 16, 64, 48),)


@dataclass
class Notes:
    """An encoder that notes how it is called."""

    calls: list[tuple[int, bool, bool]] = field(default_factory=list)

    def encode(
        self, frame: av.VideoFrame, at: int, *, keyframe: bool = False, changed: bool = True
    ) -> EncodedPicture:
        self.calls.append((at, keyframe, changed))
        return EncodedPicture(b"picture", keyframe)


class Subject:
    """A face, and its parts."""

    def __init__(self) -> None:
        self.lips, self.motion, self.puppet, self.encoder = Lips(), Steps(), Lamp(), Notes()
        self.planes = Planes(SMALL.width, SMALL.height)
        encoder = cast("VideoEncoder", self.encoder)
        self.face = CompleteFace(self.lips, self.motion, self.puppet, self.planes, encoder)


def sound(samples: int, level: int = 8_000) -> Pcm:
    return np.full(samples, level, np.int16)


def test_it_has_drawn_itself_at_rest_when_it_is_made() -> None:
    subject = Subject()

    assert len(subject.puppet.poses) == 1
    assert subject.planes.frame.to_ndarray()[0, 0] == 16
    subject.face.frame(FrameRequest(0, STEP))
    assert subject.encoder.calls == [(0, False, False)]


def test_the_lips_hear_each_sound_once_and_are_asked_for_the_time_of_the_picture() -> None:
    subject = Subject()
    subject.face.frame(FrameRequest(0, STEP, sound(STEP + LOOK_AHEAD)))
    subject.face.frame(FrameRequest(STEP, STEP, sound(STEP)))
    subject.face.frame(FrameRequest(2 * STEP, STEP))

    assert subject.lips.told == [
        ("push", STEP + LOOK_AHEAD),
        ("weights", 0, STEP),
        ("push", STEP),
        ("weights", STEP, 2 * STEP),
        ("weights", 2 * STEP, 3 * STEP),
    ]


def test_a_cut_comes_before_the_sound_that_follows_it() -> None:
    subject = Subject()
    subject.face.frame(FrameRequest(0, STEP, sound(100), cut=True))

    assert subject.lips.told == [("cut", 0), ("push", 100), ("weights", 0, STEP)]


def test_the_movement_hears_how_loud_the_sound_of_its_picture_is() -> None:
    subject = Subject()
    loud = 20 * np.log10(8_000 / 32_768)
    subject.face.frame(FrameRequest(0, STEP, np.concatenate((sound(STEP), sound(LOOK_AHEAD, 80)))))
    subject.face.frame(FrameRequest(STEP, STEP))
    subject.face.frame(FrameRequest(2 * STEP, STEP))
    subject.face.frame(FrameRequest(3 * STEP, STEP))
    # The look-ahead was known to be silent: this is heard a picture and a half later.
    subject.face.frame(FrameRequest(4 * STEP, STEP, sound(STEP)))
    subject.face.frame(FrameRequest(5 * STEP, STEP))
    subject.face.frame(FrameRequest(6 * STEP, STEP))

    half = 10 * np.log10(0.5)
    wanted = [loud, loud - 40, loud - 40 + half, SILENCE, SILENCE, loud + half, loud + half]
    assert subject.motion.loudness == pytest.approx(wanted, abs=0.01)


def test_the_movement_hears_nothing_of_what_was_cut() -> None:
    subject = Subject()
    subject.face.frame(FrameRequest(0, STEP, sound(STEP + LOOK_AHEAD)))
    subject.face.frame(FrameRequest(STEP, STEP, cut=True))

    assert subject.motion.loudness[1] == SILENCE


def test_time_passes_once_though_pictures_overlap() -> None:
    subject = Subject()
    for at, samples in ((0, STEP), (STEP, STEP), (STEP + 320, STEP), (2 * STEP, STEP), (100, 100)):
        subject.face.frame(FrameRequest(at, samples))

    assert subject.motion.seconds == pytest.approx([0.04, 0.04, 0.02, 0.02, 0.0])


def test_what_it_does_and_gestures_reach_the_movement_and_a_keyframe_the_encoder() -> None:
    subject = Subject()
    cue = GestureCue("look", 0.5, -0.25)
    subject.face.frame(
        FrameRequest(0, STEP, EMPTY, activity="thinking", gestures=(cue,), keyframe=True)
    )

    assert subject.motion.rest == [("thinking", (cue,))]
    assert subject.encoder.calls == [(0, True, False)]


def test_only_what_changed_is_converted_and_the_encoder_knows_whether_something_did() -> None:
    subject = Subject()
    for index, brightness in enumerate((200, 200, 90)):
        subject.puppet.brightness = brightness
        subject.face.frame(FrameRequest(index * STEP, STEP))

    assert [changed for _, _, changed in subject.encoder.calls] == [True, False, True]
    luma = subject.planes.frame.to_ndarray()[:96]
    assert luma[30, 40] == round(16 + 219 * 90 / 255)
    assert luma[60, 70] == 16


def test_costs_add_up_by_part() -> None:
    subject = Subject()
    before = subject.face.costs
    for index in range(20):
        subject.puppet.brightness = index
        subject.face.frame(FrameRequest(index * STEP, STEP))
    after = subject.face.costs

    assert before.drawing == before.encoding == 0
    assert min(after.lip_sync, after.drawing, after.conversion, after.encoding) > 0


def test_a_closed_face_draws_nothing_more() -> None:
    subject = Subject()
    planes = Planes(SMALL.width, SMALL.height)
    face = CompleteFace(Lips(), Steps(), subject.puppet, planes, open_encoder("VP8", SMALL))
    face.frame(FrameRequest(0, STEP))
    face.close()
    face.close()

    with pytest.raises(ProviderFailed, match="closed"):
        face.frame(FrameRequest(STEP, STEP, keyframe=True))


def test_a_shipped_avatar_opens_its_mouth_while_it_is_spoken_to_and_shuts_it_at_a_cut() -> None:
    face = open_face(FaceSettings(str(SHIPPED / "mira"), SMALL, "H264", seed=3))
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.video.codeccontext.VideoCodecContext)
    times = np.arange(20 * STEP + LOOK_AHEAD) / 16_000
    # A rough open vowel: the harmonics of 120 Hz about 700 and 1,100 Hz.
    vowel = sum(np.sin(2 * np.pi * 120 * n * times) for n in (1, 5, 6, 7, 9, 10))
    pcm = (vowel * 3_000).astype(np.int16)
    seen = []
    for index in range(40):
        start, end = ((index + more) * STEP + LOOK_AHEAD for more in (0, 1))
        request = FrameRequest(
            index * STEP,
            STEP,
            pcm[0 if index == 0 else start : end],
            cut=index == 20,
            activity="speaking" if index < 20 else "idle",
        )
        (frame,) = decoder.decode(av.Packet(face.frame(request).data))
        seen.append(frame.to_ndarray()[:96].astype(int))
    face.close()

    # Teeth and the dark between them: what an open mouth has and a shut one has not.
    contrast = [int(np.ptp(picture[52:62, 42:52])) for picture in seen]
    assert min(contrast[5:20]) > 2 * max(contrast[20:])


def test_a_folder_that_is_no_pack_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        open_face(FaceSettings(str(tmp_path), SMALL, "VP8"))
