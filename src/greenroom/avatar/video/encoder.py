"""Pictures to a codec's stream: when there are keyframes, and what time a picture has."""

from __future__ import annotations

from typing import Protocol

import av

from greenroom.avatar.formats import LIP_SYNC_RATE, PictureFormat, VideoCodec
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.av1 import Av1Stream
from greenroom.avatar.video.h264 import H264Stream
from greenroom.avatar.video.vp8 import Vp8Stream

KEYFRAME_INTERVAL = 10 * LIP_SYNC_RATE
"""Samples after which a keyframe comes unasked: a recording can be wound to it, and a viewer who
can't ask for one sees at last."""


class PictureStream(Protocol):
    """A codec's stream. Both raise ProviderFailed, and the stream is of no more use then.

    `at` rises: the sample (LIP_SYNC_RATE) from which the picture is seen. `frame` may be written
    again when they have returned.
    """

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """The next picture."""
        ...

    def repeat(self, frame: av.VideoFrame, at: int) -> EncodedPicture:
        """The next picture, whose `frame` is the one before, unchanged."""
        ...

    def close(self) -> None:
        """Free the encoder. Harmless twice."""
        ...


class VideoEncoder:
    """Pictures to one stream; each comes back encoded at once."""

    def __init__(self, stream: PictureStream) -> None:
        self._stream = stream
        self._last = -1
        self._next_keyframe = -1

    def encode(
        self, frame: av.VideoFrame, at: int, *, keyframe: bool = False, changed: bool = True
    ) -> EncodedPicture:
        """The picture that is seen from sample `at` (LIP_SYNC_RATE) on.

        `changed`: `frame` is another than the one before. Raises ProviderFailed.
        """
        # A picture that was asked for between two others may have been given the time of the later.
        at = max(at, self._last + 1)
        self._last = at
        if keyframe or at >= self._next_keyframe:
            self._next_keyframe = at + KEYFRAME_INTERVAL
            return self._stream.encode(frame, at, keyframe=True)
        if changed:
            return self._stream.encode(frame, at, keyframe=False)
        return self._stream.repeat(frame, at)

    def close(self) -> None:
        """Free the encoder. Harmless twice."""
        self._stream.close()


def open_encoder(codec: VideoCodec, picture: PictureFormat) -> VideoEncoder:
    """An encoder of `codec` for pictures of that size, rate and bit rate. Raises ProviderFailed."""
    match codec:
        case "H264":
            return VideoEncoder(H264Stream(picture))
        case "VP8":
            return VideoEncoder(Vp8Stream(picture))
        case "AV1":
            return VideoEncoder(Av1Stream(picture))
