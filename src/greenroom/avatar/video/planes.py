"""BGRA pixels to the planes that encoders take, only where something has changed.

The planes are I420 in BT.601 with limited range: what WebRTC's receivers take for granted where a
stream doesn't say (VP8 can't say anything else), and what the H264 and AV1 streams here say. Each
chroma sample is the mean of its four pixels.

The conversion is swscale's. Integer arithmetic on whole arrays (numpy, three channels packed in
32 bits) took twice its time, since it passes over the memory ten times.
"""

from __future__ import annotations

from collections.abc import Iterable

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from greenroom.avatar.ports import PIXEL_FORMAT, Pixels, Rect

MATRIX_BT601 = 6  # ITU-T H.273, table 4: SMPTE 170M, which is BT.601 with 525 lines


class Planes:
    """An I420 picture that is kept between frames, black at first.

    `frame` is the same for its life. Its memory is written anew for each picture: all encoders of
    this package copy what they are given before their `encode` returns.
    """

    def __init__(self, width: int, height: int) -> None:
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.frame.colorspace, self.frame.color_range = MATRIX_BT601, ColorRange.MPEG
        self.frame.color_primaries, self.frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        self._planes = [_view(plane) for plane in self.frame.planes]
        for plane, black in zip(self._planes, (16, 128, 128), strict=True):
            plane[:] = black
        self._reformatter = VideoReformatter()

    def update(self, pixels: Pixels, rects: Iterable[Rect]) -> None:
        """Convert the rectangles of `pixels`; their edges are even."""
        for left, top, right, bottom in map(self._tall_enough, rects):
            source = av.VideoFrame.from_numpy_buffer(pixels[top:bottom, left:right], PIXEL_FORMAT)
            converted = self._reformatter.reformat(
                source,
                format="yuv420p",
                # Of swscale's ways to halve the chroma this one alone stays within its four pixels,
                # so that a rectangle's edge can't be seen.
                interpolation="AREA",
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            for to, plane, size in zip(self._planes, converted.planes, (1, 2, 2), strict=True):
                area = np.s_[top // size : bottom // size, left // size : right // size]
                to[area] = _view(plane)

    def _tall_enough(self, rect: Rect) -> Rect:
        """The rectangle with four rows at least: of two rows swscale takes one for the chroma."""
        left, top, right, bottom = rect
        top = max(0, min(top, self.frame.height - 4))
        return left, top, right, max(bottom, top + 4)


def _view(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint8]:
    """The plane's own memory: shape (height, width)."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    view: npt.NDArray[np.uint8] = rows[: plane.height, : plane.width]
    return view
