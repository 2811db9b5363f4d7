"""The payload types and header extension ids of a server's own offers."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.rooms.rtc.codecs import EXTENSIONS, FEEDBACK, SectionCodecs, common, h264_profile
from greenroom.rooms.rtc.codecs import parameter as fmtp
from greenroom.rooms.rtc.description import Format, Section
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import PayloadType

_OPUS, _RED = 111, 63
_FIRST_VIDEO, _LAST_VIDEO = 96, 109

# One id of an extension in all sections, as they share a transport (RFC 8843, 9.1).
_EXTENSION_IDS = {
    uri: number
    for number, uri in enumerate(dict.fromkeys(EXTENSIONS["audio"] + EXTENSIONS["video"]), 1)
}


class PayloadTypes:
    """The numbers that one peer connection's offers give to codecs; a codec keeps its number."""

    def __init__(self) -> None:
        self._video: dict[tuple[str, str], int] = {}

    def of(self, codec: Codec) -> SectionCodecs | None:
        """What a section for `codec` offers; None where the numbers are used up."""
        extensions = {uri: _EXTENSION_IDS[uri] for uri in EXTENSIONS[codec.kind]}
        feedback = FEEDBACK[codec.kind]
        if codec.kind == "audio":
            opus = PayloadType(_OPUS, codec, None, frozenset(feedback))
            formats = (
                _format(_OPUS, codec, feedback),
                Format(_RED, "red", codec.clock_rate, 2, ((f"{_OPUS}/{_OPUS}", ""),)),
            )
            return SectionCodecs((opus,), formats, _RED, extensions)
        number = self._video.setdefault(_key(codec), _FIRST_VIDEO + 2 * len(self._video))
        if number > _LAST_VIDEO:
            del self._video[_key(codec)]
            return None
        formats = (
            _format(number, codec, feedback),
            Format(number + 1, "rtx", codec.clock_rate, 1, (("apt", str(number)),)),
        )
        payload = PayloadType(number, codec, number + 1, frozenset(feedback))
        return SectionCodecs((payload,), formats, None, extensions)


def accepted(offered: SectionCodecs, answer: Section) -> SectionCodecs:
    """What the answer leaves of what was offered; the codecs' parameters are those offered."""
    names = {one.codec.name for one in offered.payload_types} | {"red"}
    theirs = {one.number: one for one in common(answer, names).payload_types}
    red = common(answer, names).red
    payload_types = tuple(
        PayloadType(
            one.number,
            one.codec,
            one.rtx if theirs[one.number].rtx == one.rtx else None,
            one.feedback & theirs[one.number].feedback,
        )
        for one in offered.payload_types
        if one.number in theirs
    )
    extensions = {
        uri: number
        for uri, number in offered.extensions.items()
        if answer.extensions.get(uri) == number
    }
    return SectionCodecs(
        payload_types, offered.formats, red if red == offered.red else None, extensions
    )


def _format(number: int, codec: Codec, feedback: Sequence[str]) -> Format:
    return Format(number, codec.name, codec.clock_rate, codec.channels, codec.fmtp, tuple(feedback))


def _key(codec: Codec) -> tuple[str, str]:
    if codec.name == "h264":
        mode = fmtp(codec, "packetization-mode", "0")
        return codec.name, f"{mode} {h264_profile(fmtp(codec, 'profile-level-id'))}"
    return codec.name, fmtp(codec, "profile-id" if codec.name == "vp9" else "profile", "0")
