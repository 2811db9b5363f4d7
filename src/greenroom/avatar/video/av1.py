"""AV1 by SVT-AV1: low delay, a temporal unit for each picture."""

from __future__ import annotations

import time

import av

from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.codec import CodecOptions
from greenroom.avatar.video.quantizer import QuantizerScale
from greenroom.avatar.video.steady import SteadyStream

AV1_SCALE = QuantizerScale(finest=28, coarsest=63, half=12)
_SETTLING = 0.004
"""Seconds. With SVT-AV1 4.1 a picture that comes while the encoder's threads still put away the one
before is now and then never finished: `svt_av1_enc_get_packet` waits for ever, all threads do. Seen
once in 4,000 pictures 0.2 ms apart, once in 14,000 0.5 ms apart, never 2 ms apart or more."""

_PARAMETERS = (
    "pred-struct=1",  # low delay: a picture refers to those before it
    "rtc=1",
    "lp=1",  # one thread for each of its stages
)


def av1_options(quantizer: int) -> CodecOptions:
    """How SVT-AV1 is to encode. Preset 12 is the fastest that it has for real time."""
    return CodecOptions(
        "libsvtav1",
        {"preset": "12", "crf": str(quantizer), "svtav1-params": ":".join(_PARAMETERS)},
    )


class Av1Stream:
    """See PictureStream. Pictures are kept apart; in real time they are."""

    def __init__(self, picture: PictureFormat) -> None:
        self._stream = SteadyStream(picture, AV1_SCALE, av1_options)
        self._settled = 0.0

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """See PictureStream."""
        self._settle()
        picture = self._stream.encode(frame, at, keyframe=keyframe)
        self._settled = time.monotonic() + _SETTLING
        return picture

    def repeat(self, frame: av.VideoFrame, at: int) -> EncodedPicture:
        """See PictureStream: the codec sees for itself that nothing has changed."""
        return self.encode(frame, at, keyframe=False)

    def close(self) -> None:
        """See PictureStream."""
        self._settle()
        self._stream.close()

    def _settle(self) -> None:
        time.sleep(max(0.0, self._settled - time.monotonic()))
