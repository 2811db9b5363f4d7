"""VP8 by libvpx."""

from __future__ import annotations

from functools import lru_cache

import av

from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.codec import Codec, CodecOptions
from greenroom.avatar.video.planes import Planes
from greenroom.avatar.video.quantizer import QuantizerScale
from greenroom.avatar.video.steady import SteadyStream

VP8_SCALE = QuantizerScale(finest=16, coarsest=63, half=12)


def vp8_options(quantizer: int) -> CodecOptions:
    """How libvpx is to encode."""
    return CodecOptions(
        "libvpx",
        {
            "deadline": "realtime",
            "cpu-used": "-16",  # the fastest, whatever the load: positive ones follow the clock
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            # Blocks that differ by less are not looked at: saves half of the time.
            "static-thresh": "1000",
            "noise-sensitivity": "0",
            "b": "10M",  # out of reach: the quantizer decides
            "qmin": str(quantizer),
            "qmax": str(quantizer),
        },
    )


class Vp8Stream:
    """See PictureStream. A picture that repeats the one before is known in advance."""

    def __init__(self, picture: PictureFormat) -> None:
        self._stream = SteadyStream(picture, VP8_SCALE, vp8_options)
        self._repeat = EncodedPicture(repeated_picture(picture), keyframe=False)

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """See PictureStream."""
        return self._stream.encode(frame, at, keyframe=keyframe)

    def repeat(self, frame: av.VideoFrame, at: int) -> EncodedPicture:  # noqa: ARG002 - no need of it
        """See PictureStream."""
        return self._repeat

    def close(self) -> None:
        """See PictureStream."""
        self._stream.close()


@lru_cache(maxsize=8)
def repeated_picture(picture: PictureFormat) -> bytes:
    """A VP8 frame that shows the one before again, in any stream of that size.

    It is what libvpx makes of the second of two empty pictures: all macroblocks are taken from the
    last frame as they lie there, no probability is changed, and at the finest quantizer nothing is
    filtered. A VP8 frame carries no number (RFC 6386, 9.2 to 9.11), so it fits in anywhere.
    """
    frame, codec = Planes(picture.width, picture.height).frame, Codec(vp8_options(0), picture)
    codec.encode(frame, 0, keyframe=True)
    second = codec.encode(frame, picture.samples, keyframe=False)
    codec.close()
    return second.data
