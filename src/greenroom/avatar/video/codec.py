"""One encoder of FFmpeg's at one quantizer: a picture in, that picture encoded out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from greenroom.avatar.formats import LIP_SYNC_RATE, PictureFormat
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.planes import MATRIX_BT601
from greenroom.errors import ProviderFailed
from greenroom.providers.scheduling import kept_scheduling

_NEVER = 1 << 20
"""Pictures from one keyframe to the next: the codec is not to decide."""


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """`encoder` is FFmpeg's name, `options` are FFmpeg's and the encoder's own."""

    encoder: str
    options: Mapping[str, str]


class Codec:
    """An open encoder. Not for several threads at once. Raises ProviderFailed."""

    def __init__(self, options: CodecOptions, picture: PictureFormat) -> None:
        self._name = options.encoder
        try:
            context = cast(VideoCodecContext, av.CodecContext.create(options.encoder, "w"))
            context.width, context.height, context.pix_fmt = (
                picture.width,
                picture.height,
                "yuv420p",
            )
            context.time_base = Fraction(1, LIP_SYNC_RATE)
            context.framerate = Fraction(picture.rate)
            context.gop_size, context.max_b_frames, context.thread_count = _NEVER, 0, 1
            context.colorspace, context.color_range = MATRIX_BT601, ColorRange.MPEG
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            context.options = dict(options.options)
            with kept_scheduling():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            raise ProviderFailed(options.encoder, f"can't be opened: {error}") from error
        self._context: VideoCodecContext | None = context

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """The picture of sample `at` (LIP_SYNC_RATE), which rises. `frame` is not kept."""
        context = self._context
        if context is None:
            raise ProviderFailed(self._name, "it is closed", retryable=False)
        frame.pts, frame.time_base = at, context.time_base
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        try:
            packets = context.encode(frame)
        except av.FFmpegError as error:
            raise ProviderFailed(self._name, f"can't encode: {error}") from error
        if len(packets) != 1:
            raise ProviderFailed(self._name, f"made {len(packets)} pictures of one")
        return EncodedPicture(bytes(packets[0]), packets[0].is_keyframe)

    def close(self) -> None:
        """End the encoder and its threads. Harmless twice."""
        context, self._context = self._context, None
        if context is not None:
            with suppress(av.FFmpegError):  # it may have failed before
                context.encode(None)  # SVT-AV1 complains where it isn't told of the end
