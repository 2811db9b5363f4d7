"""What the parts of a face say to each other. No I/O, no clock: time is a sample's number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.formats import PictureFormat, VideoCodec
from greenroom.avatar.visemes import Weights, at_rest

Activity: TypeAlias = Literal["idle", "listening", "thinking", "speaking"]
"""What the avatar is doing, which is seen."""

Gesture: TypeAlias = Literal["nod", "shake", "smile", "wave", "look"]
"""What the avatar can be asked to do once."""
GESTURES: tuple[Gesture, ...] = ("nod", "shake", "smile", "wave", "look")

Rect: TypeAlias = tuple[int, int, int, int]
"""Pixels: left, top, right, bottom; right and bottom are outside."""


@dataclass(frozen=True, slots=True)
class GestureCue:
    """A gesture that begins now. `x` and `y` are where `look` looks: -1 to 1, right and down."""

    name: Gesture
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Pose:
    """Everything that a puppet can show at once.

    Lids: 0 open, 1 closed. Gaze: -1 to 1, the viewer's right and down. Brows: -1 lowered, 1
    raised. `turn`: the head's yaw, -1 to 1, the viewer's right; `pitch`: -1 up to 1 down; `tilt`:
    degrees, clockwise. `sway` and `bob`: the upper body's shift, -1 to 1, right and down.
    `breath`, `smile`, `wave` (a hand is up): 0 to 1; `wave_angle`: the hand's, -1 to 1.
    """

    visemes: Weights = field(default_factory=at_rest)
    left_lid: float = 0.0
    right_lid: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    left_brow: float = 0.0
    right_brow: float = 0.0
    turn: float = 0.0
    pitch: float = 0.0
    tilt: float = 0.0
    sway: float = 0.0
    bob: float = 0.0
    breath: float = 0.0
    smile: float = 0.0
    wave: float = 0.0
    wave_angle: float = 0.0


Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Shape (height, width, 4), in the order that `PIXEL_FORMAT` names; the fourth is not used."""
PIXEL_FORMAT = "bgra"


class Puppet(Protocol):
    """An avatar's artwork at one size, which draws poses into a picture of its own."""

    @property
    def pixels(self) -> Pixels:
        """The picture as it was drawn last; the same memory for the puppet's life."""
        ...

    def draw(self, pose: Pose) -> tuple[Rect, ...]:
        """Draw, and return what has changed since the last picture; all of it at first.

        Rectangles lie within the picture, don't overlap, and have even edges.
        """
        ...


class LipReader(Protocol):
    """Sound to mouth shapes, for one stream of sound from its beginning."""

    def push(self, pcm: Pcm) -> None:
        """The next samples, at LIP_SYNC_RATE."""
        ...

    def cut(self, at: int) -> None:
        """What was pushed, or taken for silence, from sample `at` on is not heard after all.

        The mouth is shut at `at`; what is pushed next is heard from there on.
        """
        ...

    def weights(self, start: int, end: int) -> Weights:
        """The mouth while samples `start` to `end` are heard. Calls go forward in time.

        Uses what was pushed up to `end` and LOOK_AHEAD beyond; what was not pushed is silence.
        """
        ...


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """Which face, and how its picture is encoded. `avatar` is a pack's folder."""

    avatar: str
    format: PictureFormat
    codec: VideoCodec
    seed: int = 0
    """Faces of one seed blink and sway alike."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A picture is wanted of the time from sample `at` to `at + samples`, at LIP_SYNC_RATE.

    `pcm` is the sound that follows what was handed over before; it reaches LOOK_AHEAD beyond the
    picture, and what is missing there is silence for good. With `cut` all sound and silence that
    lie at `at` and beyond and were handed over before are not heard: the mouth is shut at `at`, and
    `pcm` begins there. So sound is cut off, and so it begins after silence.
    """

    at: int
    samples: int
    pcm: Pcm = field(default_factory=lambda: EMPTY)
    cut: bool = False
    activity: Activity = "idle"
    gestures: tuple[GestureCue, ...] = ()
    keyframe: bool = False


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A whole encoded picture: VP8 frame, H264 access unit in Annex B, AV1 temporal unit."""

    data: bytes
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds that pictures have cost so far."""

    lip_sync: float = 0.0
    drawing: float = 0.0
    conversion: float = 0.0
    encoding: float = 0.0


class Face(Protocol):
    """A face in this process: one request, one encoded picture. Raises ProviderFailed."""

    def frame(self, request: FrameRequest) -> EncodedPicture:
        """Draw and encode the next picture."""
        ...

    def close(self) -> None:
        """Free the encoder. Harmless twice."""
        ...


class FaceListener(Protocol):
    """What hears of a remote face. Called on the event loop; must be quick and must not raise."""

    def on_picture(self, request: FrameRequest, picture: EncodedPicture) -> None:
        """The picture that was asked for; they come in the order of the requests."""
        ...

    def on_failure(self, why: str) -> None:
        """The renderer or the encoder has failed; nothing comes afterwards."""
        ...


class RemoteFace(Protocol):
    """A face in a renderer process. Its owner closes it."""

    @property
    def pending(self) -> int:
        """Pictures that were asked for and have not come."""
        ...

    def ask(self, request: FrameRequest) -> None:
        """Ask for the next picture: a plain call that does not block."""
        ...

    def close(self) -> None:
        """No picture comes any more. Harmless twice."""
        ...


class Renderers(Protocol):
    """The renderer processes of a server."""

    async def open(self, settings: FaceSettings, listener: FaceListener) -> RemoteFace:
        """Make a face ready: it is loaded and drawn once on return.

        Raises ProviderFailed, CapacityExceeded, InvalidInput for a pack that can't be used.
        """
        ...
