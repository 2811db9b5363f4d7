"""What the server and a renderer process say to each other about a face, in frames of `helpers`.

The server's frames:
`{"id", "op": "open", "avatar", "format": [width, height, rate, bit rate], "codec", "seed"}`;
`{"id", "op": "frame", "at", "samples", "cut", "activity", "gestures": [[name, x, y], ...],
"keyframe"}` with 16 kHz samples as payload; `cancel` closes the face.

The process's: `{"id", "ready": true}` once the face is open; for each frame, in order, `{"id",
"keyframe"}` with the encoded picture as payload; where the face has failed `{"id", "end": true,
"error"}`, with `"invalid": [field, problem, allowed]` for a pack that can't be used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.ports import EncodedPicture, FaceSettings, FrameRequest, GestureCue
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.helpers.wire import Frame

Said = tuple[dict[str, Any], bytes]
"""A frame's header without its `id`, and its payload."""


def say_open(settings: FaceSettings) -> Said:
    """Open this face."""
    size = settings.format
    header = {
        "op": "open",
        "avatar": settings.avatar,
        "format": [size.width, size.height, size.rate, size.bitrate],
        "codec": settings.codec,
        "seed": settings.seed,
    }
    return header, b""


def settings_of(header: dict[str, Any]) -> FaceSettings:
    """The counterpart of `say_open`."""
    return FaceSettings(
        header["avatar"], PictureFormat(*header["format"]), header["codec"], header["seed"]
    )


def say_request(request: FrameRequest) -> Said:
    """Draw this picture."""
    header = {
        "op": "frame",
        "at": request.at,
        "samples": request.samples,
        "cut": request.cut,
        "activity": request.activity,
        "gestures": [[cue.name, cue.x, cue.y] for cue in request.gestures],
        "keyframe": request.keyframe,
    }
    return header, request.pcm.astype("<i2", copy=False).tobytes()


def hear_request(frame: Frame) -> FrameRequest:
    """The counterpart of `say_request`."""
    header = frame.header
    return FrameRequest(
        header["at"],
        header["samples"],
        np.frombuffer(frame.payload, "<i2").astype(np.int16, copy=False),
        header["cut"],
        header["activity"],
        tuple(GestureCue(*cue) for cue in header["gestures"]),
        header["keyframe"],
    )


def say_picture(picture: EncodedPicture) -> Said:
    """Here is a picture."""
    return {"keyframe": picture.keyframe}, picture.data


def hear_picture(frame: Frame) -> EncodedPicture:
    """The counterpart of `say_picture`."""
    return EncodedPicture(frame.payload, frame.header["keyframe"])


def say_failure(error: Exception) -> Said:
    """The face has failed and is gone."""
    header: dict[str, Any] = {"end": True, "error": str(error) or type(error).__name__}
    if isinstance(error, InvalidInput):
        header["invalid"] = [error.field, error.problem, error.allowed]
    return header, b""


def hear_failure(frame: Frame) -> InvalidInput | ProviderFailed | None:
    """The counterpart of `say_failure`; None: the frame tells of no failure."""
    header = frame.header
    if "invalid" in header:
        return InvalidInput(*header["invalid"])
    return ProviderFailed("renderer", header["error"]) if "error" in header else None
