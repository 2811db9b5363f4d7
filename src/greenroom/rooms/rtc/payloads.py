"""Which codec a payload type number means, and what may be asked of who sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greenroom.rooms.rtc.keyframes import KEYFRAME_TESTS
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import PayloadType, StreamParameters


class Format:
    """What one payload type number holds: media, retransmissions of it, or redundant media."""

    __slots__ = ("begins_keyframe", "codec", "is_red", "is_rtx", "number")

    def __init__(
        self, number: int, codec: Codec, *, is_rtx: bool = False, is_red: bool = False
    ) -> None:
        self.number, self.codec, self.is_rtx, self.is_red = number, codec, is_rtx, is_red
        self.begins_keyframe = KEYFRAME_TESTS.get(codec.name)


def formats_of(parameters: StreamParameters) -> dict[int, Format]:
    """Every payload type number that a section's packets may have."""
    formats: dict[int, Format] = {}
    for entry in parameters.payload_types:
        formats[entry.number] = Format(entry.number, entry.codec)
        if entry.rtx is not None:
            formats[entry.rtx] = Format(entry.number, entry.codec, is_rtx=True)
    if parameters.red is not None and parameters.payload_types:
        first = parameters.payload_types[0]
        formats[parameters.red] = Format(first.number, first.codec, is_red=True)
    return formats


def choose_payload_type(entries: Sequence[PayloadType], codec: Codec) -> PayloadType | None:
    """The entry that packets of `codec` can be sent as: the one that is most alike, or None."""
    best: PayloadType | None = None
    best_likeness = 0
    for entry in entries:
        likeness = _likeness(entry.codec, codec)
        if likeness > best_likeness:
            best, best_likeness = entry, likeness
    return best


def _likeness(offered: Codec, codec: Codec) -> int:
    """0: something else; more: more alike."""
    if (offered.name, offered.clock_rate) != (codec.name, codec.clock_rate):
        return 0
    if offered.fmtp == codec.fmtp:
        return 4
    theirs, ours = dict(offered.fmtp), dict(codec.fmtp)
    if codec.name == "h264":
        return _h264_likeness(theirs, ours)
    if codec.name == "vp9":
        return 2 if theirs.get("profile-id", "0") == ours.get("profile-id", "0") else 0
    if codec.name == "av1":
        return 2 if theirs.get("profile", "0") == ours.get("profile", "0") else 0
    return 2


def _h264_likeness(theirs: Mapping[str, str], ours: Mapping[str, str]) -> int:
    # A stream of mode 1 has fragments, which a receiver of mode 0 need not know (RFC 6184
    # section 6.2); one of mode 0 is one of mode 1 too. Profiles: RFC 6184 section 8.1, default 42.
    mode, wanted = theirs.get("packetization-mode", "0"), ours.get("packetization-mode", "0")
    if wanted == "1" and mode == "0":
        return 0
    profile = theirs.get("profile-level-id", "42000a")[:4].lower()
    same = profile == ours.get("profile-level-id", "42000a")[:4].lower()
    return 1 + (mode == wanted) + same
