"""What the payload type numbers of a section mean."""

from __future__ import annotations

from greenroom.rooms.rtc.keyframes import KEYFRAME_TESTS
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import StreamParameters


class PayloadFormat:
    """What one payload type number holds: media, retransmissions of it, or redundant media."""

    __slots__ = ("begins_keyframe", "codec", "is_red", "is_rtx", "number")

    def __init__(
        self, number: int, codec: Codec, *, is_rtx: bool = False, is_red: bool = False
    ) -> None:
        self.number, self.codec, self.is_rtx, self.is_red = number, codec, is_rtx, is_red
        self.begins_keyframe = KEYFRAME_TESTS.get(codec.name)


def formats_of(parameters: StreamParameters) -> dict[int, PayloadFormat]:
    """Every payload type number that a section's packets may have."""
    formats: dict[int, PayloadFormat] = {}
    for entry in parameters.payload_types:
        formats[entry.number] = PayloadFormat(entry.number, entry.codec)
        if entry.rtx is not None:
            formats[entry.rtx] = PayloadFormat(entry.number, entry.codec, is_rtx=True)
    if parameters.red is not None and parameters.payload_types:
        first = parameters.payload_types[0]
        formats[parameters.red] = PayloadFormat(first.number, first.codec, is_red=True)
    return formats
