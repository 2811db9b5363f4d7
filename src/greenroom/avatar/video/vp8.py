"""VP8 by libvpx."""

from __future__ import annotations

from greenroom.avatar.video.codec import CodecOptions
from greenroom.avatar.video.quantizer import QuantizerScale

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
