"""A codec's stream of constant quality, within a bit rate."""

from __future__ import annotations

from collections.abc import Callable

import av

from greenroom.avatar.formats import LIP_SYNC_RATE, PictureFormat
from greenroom.avatar.ports import EncodedPicture
from greenroom.avatar.video.codec import Codec, CodecOptions
from greenroom.avatar.video.quantizer import Quantizer, QuantizerScale


class SteadyStream:
    """Encodes as a PictureStream does. `options` gives the codec's for a quantizer of `scale`."""

    def __init__(
        self, picture: PictureFormat, scale: QuantizerScale, options: Callable[[int], CodecOptions]
    ) -> None:
        self._picture = picture
        self._options = options
        self._quantizer = Quantizer(scale, picture.bitrate)
        self._last = -picture.samples
        self._codec = self._open()

    def _open(self) -> Codec:
        return Codec(self._options(self._quantizer.value), self._picture)

    def encode(self, frame: av.VideoFrame, at: int, *, keyframe: bool) -> EncodedPicture:
        """See PictureStream."""
        if self._quantizer.adapt(keyframe=keyframe):
            self._codec.close()
            self._codec = self._open()
        picture = self._codec.encode(frame, at, keyframe=keyframe)
        self._quantizer.count(len(picture.data), (at - self._last) / LIP_SYNC_RATE)
        self._last = at
        return picture

    def close(self) -> None:
        """See PictureStream."""
        self._codec.close()
