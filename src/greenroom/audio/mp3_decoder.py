"""MP3, split anywhere, one file after another."""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from greenroom.audio.hearing import AUDIO, Hearing, join, mono_of_floats
from greenroom.audio.mp3_frames import FileBegins, Frame, FrameReader
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.errors import InvalidInput

MAX_DAMAGED = 50
"""Frames in a row that can't be decoded before the stream is given up."""
ALLOWED = "pieces of an MP3 stream (MPEG 1, 2 or 2.5, Layer III)"


class Mp3Decoder:
    """Decodes MP3 to 16 kHz mono. Tags and damaged frames are left out.

    Where a file says how much of its beginning and end is the encoder's padding, that is left out
    too, so that the sound is as long as it was before encoding.
    """

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._frames = FrameReader()
        self._hearing = Hearing()
        self._begin_file(FileBegins(None, 0, 0))

    def _begin_file(self, file: FileBegins) -> None:
        self._codec = cast("AudioCodecContext", av.CodecContext.create("mp3float", "r"))
        self._file = file
        self._count = 0
        self._damaged = 0
        self._skip = file.skip

    def decode(self, data: bytes) -> Pcm:
        """See `Decoder.decode`. About 2 ms for a second of sound."""
        parts = []
        try:
            self._hearing.begin_call()
            for item in self._frames.feed(data):
                if isinstance(item, FileBegins):
                    self._begin_file(item)
                else:
                    parts.append(self._hearing.take(self._frame(item), item.header.rate))
            self._check()
        except InvalidInput:
            self._begin_anew()
            raise
        return join(parts)

    def flush(self) -> Pcm:
        """See `Decoder.flush`."""
        last = self._frames.rest()
        self._hearing.begin_call()
        parts = [self._hearing.take(self._frame(last), last.header.rate)] if last else []
        parts.append(self._hearing.flush())
        self._begin_anew()
        return join(parts)

    def _check(self) -> None:
        if self._frames.hopeless:
            raise InvalidInput(AUDIO, "no MP3 frame in it", ALLOWED)
        if self._damaged > MAX_DAMAGED:
            raise InvalidInput(AUDIO, "MP3 frames that can't be decoded", ALLOWED)

    def _frame(self, frame: Frame) -> Pcm:
        """The samples of one frame, mono, at its own rate."""
        self._count += 1
        try:
            decoded = self._codec.decode(av.Packet(frame.data))
        except av.FFmpegError:
            self._damaged += 1
            return EMPTY
        self._damaged = 0
        pcm = join(
            [mono_of_floats(part.to_ndarray().astype(np.float32, copy=False).T) for part in decoded]
        )
        if self._skip:
            cut = min(self._skip, len(pcm))
            self._skip -= cut
            pcm = pcm[cut:]
        if self._file.drop and self._count == self._file.frames:
            pcm = pcm[: -self._file.drop]
        return pcm
