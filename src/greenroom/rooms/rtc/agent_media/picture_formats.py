"""How each video codec's frames go into RTP payloads, come out, and are decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenroom.errors import InvalidInput
from greenroom.rooms.rtc.agent_media import av1, h264, vp8, vp9
from greenroom.rooms.rtc.media import Codec


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A codec's payload format.

    `packetize` takes a frame and a picture id that counts frames (15 bits). `depacketize` takes the
    payloads of one frame in order and gives None where they make none. `decoders` are names of
    FFmpeg's, the best first.
    """

    packetize: Callable[[bytes, int], list[bytes]]
    depacketize: Callable[[Sequence[bytes]], bytes | None]
    is_keyframe: Callable[[bytes], bool]
    decoders: tuple[str, ...]


_FORMATS = {
    "vp8": PictureFormat(vp8.packetize, vp8.depacketize, vp8.is_keyframe, ("vp8", "libvpx")),
    # Libvpx gives the best spatial layer of a superframe, FFmpeg's own decoder each of them.
    "vp9": PictureFormat(vp9.packetize, vp9.depacketize, vp9.is_keyframe, ("libvpx-vp9", "vp9")),
    "h264": PictureFormat(h264.packetize, h264.depacketize, h264.is_keyframe, ("h264",)),
    # FFmpeg's own decoder named "av1" needs hardware.
    "av1": PictureFormat(av1.packetize, av1.depacketize, av1.is_keyframe, ("libdav1d",)),
}


def picture_format(codec: Codec) -> PictureFormat:
    """Raises InvalidInput for a codec that is not known here."""
    try:
        return _FORMATS[codec.name]
    except KeyError:
        raise InvalidInput("codec", f"no video codec {codec.name!r}", ", ".join(_FORMATS)) from None
