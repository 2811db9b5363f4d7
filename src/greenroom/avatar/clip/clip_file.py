"""A video file of pictures that are encoded already and the sound that goes with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import av
import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.formats import PictureFormat, VideoCodec
from greenroom.avatar.ports import EncodedPicture
from greenroom.errors import InvalidInput

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

SOUND_RATE = 48_000
"""Hz of a clip's sound."""
SOUND_BITRATE = 96_000
"""Bits a second of a clip's sound, which is mono."""
PIECE = SOUND_RATE * 20 // 1000
"""Samples that are handed to the sound's encoder at once, but for the last."""


class _Kind(NamedTuple):
    """A kind of file: FFmpeg's name of it, its video codecs, the best first, and what its sound is.

    `options` are the muxer's.
    """

    form: str
    codecs: tuple[VideoCodec, ...]
    sound: str
    options: dict[str, str]


# Players fetch the index of an MP4 before anything else, so it goes to the front.
_KINDS = {
    ".mp4": _Kind("mp4", ("H264", "AV1"), "aac", {"movflags": "+faststart"}),
    ".webm": _Kind("webm", ("VP8", "AV1"), "libopus", {}),
    ".mkv": _Kind("matroska", ("H264", "VP8", "AV1"), "libopus", {}),
}
_EFFORT = {"aac": {"aac_coder": "fast"}, "libopus": {"compression_level": "5"}}
"""By default both take as long as the pictures do, and speech doesn't sound better for it."""


def codec_for(path: Path, wanted: VideoCodec | None = None) -> VideoCodec:
    """The codec of a clip of this name: `wanted`, or the container's first.

    Raises InvalidInput for a suffix that is not known, and a codec that its container can't hold.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InvalidInput("out", f"no kind of video ends with {path.suffix!r}", ", ".join(_KINDS))
    if wanted is None:
        return kind.codecs[0]
    if wanted not in kind.codecs:
        problem = f"{path.suffix} files don't hold {wanted}"
        raise InvalidInput("codec", problem, ", ".join(kind.codecs))
    return wanted


class ClipFile:
    """Writes one clip. Picture k is seen from sample `k * SOUND_RATE / rate` of the sound on."""

    def __init__(self, path: Path, kind: str, codec: VideoCodec, picture: PictureFormat) -> None:
        """`kind` is a suffix that `codec_for` knows. Raises av.FFmpegError, OSError."""
        form, _, sound, options = _KINDS[kind]
        self._samples = SOUND_RATE // picture.rate
        self._pictures = 0
        self._waiting = EMPTY
        self._position = 0
        self._container = av.open(path, "w", format=form, options=options)
        self._video = self._container.add_mux_stream(
            codec.lower(), rate=picture.rate, width=picture.width, height=picture.height
        )
        self._video.time_base = self._tick = Fraction(1, picture.rate)
        self._audio = cast(
            "AudioStream",
            self._container.add_stream(
                sound,
                rate=SOUND_RATE,
                options=_EFFORT[sound],
                layout="mono",
                bit_rate=SOUND_BITRATE,
            ),
        )

    def write(self, picture: EncodedPicture, pcm: Pcm) -> None:
        """The next picture, and the sound while it is seen. Raises av.FFmpegError, OSError."""
        # The first picture comes first of all: the header takes the codec's parameters from it.
        packet = av.Packet(picture.data)
        packet.stream = self._video
        packet.time_base = self._tick
        packet.pts = packet.dts = self._pictures
        packet.duration = 1
        packet.is_keyframe = picture.keyframe
        self._container.mux(packet)
        self._pictures += 1
        self._waiting = np.concatenate((self._waiting, pcm))
        whole = len(self._waiting) // PIECE * PIECE
        for start in range(0, whole, PIECE):
            self._encode(self._waiting[start : start + PIECE])
        self._waiting = self._waiting[whole:]

    def finish(self) -> None:
        """Write the rest. Raises av.FFmpegError, OSError."""
        if len(self._waiting):
            self._encode(self._waiting)
        self._container.mux(self._audio.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close what was not finished."""
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()

    def _encode(self, pcm: Pcm) -> None:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SOUND_RATE
        frame.pts = self._position
        self._position += len(pcm)
        self._container.mux(self._audio.encode(frame))


@contextlib.contextmanager
def clip_file(path: Path, codec: VideoCodec, picture: PictureFormat) -> Iterator[ClipFile]:
    """A clip that is at `path` once it is whole, and not at all if that fails.

    Raises InvalidInput where it can't be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        clip = ClipFile(part, path.suffix.lower(), codec, picture)
        try:
            yield clip
            clip.finish()
        except BaseException:
            clip.abandon()
            raise
        part.replace(path)
    except (av.FFmpegError, OSError) as error:
        raise InvalidInput("out", f"can't write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
