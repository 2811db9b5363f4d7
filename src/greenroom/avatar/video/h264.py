"""H264 by x264: constrained baseline as the rooms offer it, at what a drawn face needs of CPU."""

from __future__ import annotations

import av

from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.codec import CodecOptions
from greenroom.avatar.video.h264_repeats import RepeatedPictures
from greenroom.avatar.video.quantizer import QuantizerScale
from greenroom.avatar.video.steady import SteadyStream

H264_SCALE = QuantizerScale(finest=24, coarsest=50, half=6)
"""At 24 a drawn face keeps a peak signal to noise ratio of 47 dB: no difference is seen."""
_DEBLOCKED = 30
"""From this quantizer on blocks would be seen; below, their edges are left alone."""


def h264_options(quantizer: int) -> CodecOptions:
    """How x264 is to encode: Annex B, parameters with each keyframe, one picture out for one in."""
    parameters = {
        "annexb": 1,
        "repeat-headers": 1,
        "scenecut": 0,  # keyframes when they are asked for, and at no other time
        "ref": 1,
        "weightp": 0,
        "aq-mode": 0,
        "psy": 0,
        "partitions": "none",
        "me": "dia",
        "subme": 0,  # whole pixels only: a third less time, a third more bits, of which it has many
        "no-deblock": int(quantizer < _DEBLOCKED),
    }
    return CodecOptions(
        "libx264",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "level": "3.1",  # as `profile-level-id` 42e01f says
            "forced-idr": "1",
            "qp": str(quantizer),
            "x264-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
        },
    )


class H264Stream:
    """See PictureStream. A picture that repeats the one before is written without x264."""

    def __init__(self, picture: PictureFormat) -> None:
        self._stream = SteadyStream(picture, H264_SCALE, h264_options)
        self._repeats = RepeatedPictures(-(-picture.width // 16) * -(-picture.height // 16))

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """See PictureStream."""
        picture = self._stream.encode(frame, at, keyframe=keyframe)
        numbered = self._repeats.numbered(picture.data, keyframe=picture.keyframe)
        return EncodedPicture(numbered, picture.keyframe)

    def repeat(self, frame: av.VideoFrame, at: int) -> EncodedPicture:  # noqa: ARG002 - no need of it
        """See PictureStream."""
        return EncodedPicture(self._repeats.repeat(), keyframe=False)

    def close(self) -> None:
        """See PictureStream."""
        self._stream.close()
