"""Encoded pictures for tests."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from greenroom.rooms.ports import EncodedFrame

_ENCODERS = {"vp8": "libvpx", "h264": "libx264"}
_OPTIONS = {
    "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "h264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
}


def encoded_pictures(codec: str, width: int, height: int, count: int) -> Iterator[EncodedFrame]:
    """`count` pictures of a growing grey, ten a second; the first is a keyframe."""
    context = av.CodecContext.create(_ENCODERS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 10), Fraction(10)
    context.options = _OPTIONS[codec]
    for number in range(count):
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = 40 + 5 * number % 200
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        for packet in context.encode(frame):
            yield EncodedFrame(bytes(packet), number / 10, packet.is_keyframe)
