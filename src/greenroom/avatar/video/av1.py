"""AV1 by SVT-AV1: low delay, a temporal unit for each picture."""

from __future__ import annotations

from greenroom.avatar.video.codec import CodecOptions
from greenroom.avatar.video.quantizer import QuantizerScale

AV1_SCALE = QuantizerScale(finest=28, coarsest=63, half=12)

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
