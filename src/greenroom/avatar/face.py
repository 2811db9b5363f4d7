"""A whole face: sound goes in, the encoded picture of each moment comes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD
from greenroom.avatar.lipsync.reader import LipSync
from greenroom.avatar.lipsync.sound import RecentSound
from greenroom.avatar.motion.loudness import loudness
from greenroom.avatar.motion.motion import Motion
from greenroom.avatar.packs.pack import load_pack
from greenroom.avatar.ports import (
    Activity,
    Costs,
    EncodedPicture,
    FaceSettings,
    FrameRequest,
    GestureCue,
    LipReader,
    Pose,
    Puppet,
)
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.video.encoder import VideoEncoder, open_encoder
from greenroom.avatar.video.planes import Planes
from greenroom.avatar.visemes import Weights


class Mover(Protocol):
    """What moves a face beside its mouth: see `motion.Motion`."""

    def step(
        self,
        seconds: float,
        weights: Weights,
        loudness: float,
        activity: Activity,
        gestures: Sequence[GestureCue],
    ) -> Pose:
        """The pose after the next `seconds`; `loudness` in dBFS."""
        ...


class CompleteFace:
    """See `ports.Face`. It has drawn itself at rest once made. Not for several threads at once."""

    def __init__(
        self, lips: LipReader, motion: Mover, puppet: Puppet, planes: Planes, encoder: VideoEncoder
    ) -> None:
        self._lips = lips
        self._motion = motion
        self._puppet = puppet
        self._planes = planes
        self._encoder = encoder
        self._sound = RecentSound()
        self._moved_until = 0
        self._lip_sync = self._drawing = self._conversion = self._encoding = 0.0
        planes.update(puppet.pixels, puppet.draw(Pose()))

    @property
    def costs(self) -> Costs:
        """CPU seconds of this process that pictures have cost so far.

        Of the process and not of the thread, since SVT-AV1 works in threads of its own: true where
        a process draws one picture at a time.
        """
        return Costs(self._lip_sync, self._drawing, self._conversion, self._encoding)

    def frame(self, request: FrameRequest) -> EncodedPicture:
        """See `ports.Face`."""
        began = time.process_time()
        pose = self._pose(request)
        posed = time.process_time()
        changes = self._puppet.draw(pose)
        drawn = time.process_time()
        self._planes.update(self._puppet.pixels, changes)
        converted = time.process_time()
        picture = self._encoder.encode(
            self._planes.frame, request.at, keyframe=request.keyframe, changed=bool(changes)
        )
        self._lip_sync += posed - began
        self._drawing += drawn - posed
        self._conversion += converted - drawn
        self._encoding += time.process_time() - converted
        return picture

    def _pose(self, request: FrameRequest) -> Pose:
        end = request.at + request.samples
        if request.cut:
            self._lips.cut(request.at)
            self._sound.cut(request.at)
        if len(request.pcm):
            self._lips.push(request.pcm)
            self._sound.push(request.pcm)
        # Lip sync takes sound that has not come by now for silence, and so does this.
        self._sound.extend_to(end + LOOK_AHEAD)
        weights = self._lips.weights(request.at, end)
        level = loudness(self._sound.read(request.at, end))
        self._sound.drop_before(end)
        # A picture that was asked for between two others shows time that has partly been shown.
        passed = max(0, end - self._moved_until)
        self._moved_until += passed
        return self._motion.step(
            passed / LIP_SYNC_RATE, weights, level, request.activity, request.gestures
        )

    def close(self) -> None:
        """See `ports.Face`."""
        self._encoder.close()


def open_face(settings: FaceSettings) -> CompleteFace:
    """A face at rest. Raises InvalidInput for a pack that can't be used, ProviderFailed."""
    size = settings.format
    pack = load_pack(Path(settings.avatar))
    return CompleteFace(
        LipSync(),
        Motion(settings.seed),
        SkiaPuppet(pack, size.width, size.height),
        Planes(size.width, size.height),
        open_encoder(settings.codec, size),
    )
