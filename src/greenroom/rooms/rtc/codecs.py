"""Which formats of a section are used, and which of them fits a source."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from greenroom.rooms.rtc.description import Format, Section
from greenroom.rooms.rtc.media import Codec, Kind
from greenroom.rooms.rtc.ports import PayloadType

PUBLISH_CODECS = frozenset({"opus", "red", "vp8", "h264", "vp9", "av1"})
"""Names of what clients may send; `red` is redundant audio (RFC 2198)."""

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RTP_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

# Video orientation is not among them: a client that may not signal it turns the picture itself.
EXTENSIONS: Mapping[Kind, tuple[str, ...]] = {
    "audio": (MID, AUDIO_LEVEL, ABS_SEND_TIME),
    "video": (MID, RTP_STREAM_ID, REPAIRED_STREAM_ID, ABS_SEND_TIME),
}
MAX_EXTENSION_ID = 14  # of one-byte headers (RFC 8285, 4.2)

FEEDBACK: Mapping[Kind, tuple[str, ...]] = {
    "audio": ("nack",),
    "video": ("goog-remb", "ccm fir", "nack", "nack pli"),
}

_CLOCK_RATES = {"opus": 48_000, "vp8": 90_000, "vp9": 90_000, "h264": 90_000, "av1": 90_000}
_AUDIO = {"opus", "red"}


@dataclass(frozen=True, slots=True)
class SectionCodecs:
    """What both sides can use in a section, under the numbers its description gives.

    `payload_types` are in the order of the description, `formats` all of their lines in the order
    in which an answer lists them, with redundancy and retransmission.
    """

    payload_types: tuple[PayloadType, ...]
    formats: tuple[Format, ...]
    red: int | None
    extensions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a client's track is to come.

    `red`: with redundant audio; `dtx`: without packets for silence (RFC 7587, 3.1.3); both where
    the client can. `codec` is a name as in SDP, in lower case; empty: as the client prefers.
    """

    red: bool = True
    dtx: bool = True
    codec: str = ""


USUAL = Wish()


def common(section: Section, names: Collection[str], wish: Wish = USUAL) -> SectionCodecs:
    """What of an audio or video section can be used, of the codecs called `names`.

    Redundant audio comes first: libwebrtc sends the first format of an answer, so that the loss of
    single packets is inaudible.
    """
    kind = section.kind or "audio"
    by_number = {one.number: one for one in section.formats}
    rtx = {_protected(one): one for one in section.formats if one.name == "rtx"}
    payload_types: list[PayloadType] = []
    formats: list[Format] = []
    for one in sorted(section.formats, key=lambda one: one.name != wish.codec):
        if one.name not in names or not _is_usable(one, kind):
            continue
        again = rtx.get(str(one.number)) if kind == "video" else None
        feedback = frozenset(one.feedback) & frozenset(FEEDBACK[kind])
        codec = Codec(kind, one.name, one.clock_rate, one.channels, one.parameters)
        number = again.number if again else None
        payload_types.append(PayloadType(one.number, codec, number, feedback))
        formats.append(_kept(one, kind, dtx=wish.dtx))
        if again:
            formats.append(Format(again.number, "rtx", again.clock_rate, 1, again.parameters))
    redundant = None
    if kind == "audio" and wish.red and "red" in names and payload_types:
        usable = (one for one in section.formats if _is_redundant(one, by_number))
        redundant = next(usable, None)
    if redundant:
        carried = redundant.parameters or (
            (f"{payload_types[0].number}/{payload_types[0].number}", ""),
        )
        formats.insert(0, Format(redundant.number, "red", 48_000, redundant.channels, carried))
    return SectionCodecs(
        tuple(payload_types),
        tuple(formats),
        redundant.number if redundant else None,
        {
            uri: section.extensions[uri]
            for uri in EXTENSIONS[kind]
            if 1 <= section.extensions.get(uri, 0) <= MAX_EXTENSION_ID
        },
    )


def find(codec: Codec, payload_types: Sequence[PayloadType]) -> PayloadType | None:
    """The payload type under which `codec`'s packets can be sent, the nearest first."""
    best = min(payload_types, key=lambda one: _distance(codec, one.codec), default=None)
    if best is None or _distance(codec, best.codec) >= _UNFIT:
        return None
    return best


def parameter(codec: Codec | Format, name: str, default: str = "") -> str:
    """A parameter of `a=fmtp`, or its default."""
    pairs = codec.fmtp if isinstance(codec, Codec) else codec.parameters
    return next((value for key, value in pairs if key == name), default)


def is_stereo(codec: Codec) -> bool:
    """Whether an Opus source says that it sends two channels (RFC 7587, 6.1)."""
    return "1" in {parameter(codec, "sprop-stereo"), parameter(codec, "stereo")}


def _is_usable(one: Format, kind: Kind) -> bool:
    if one.clock_rate != _CLOCK_RATES.get(one.name) or (one.name in _AUDIO) != (kind == "audio"):
        return False
    if one.name == "opus":
        return one.channels == 2
    return one.name != "h264" or parameter(one, "packetization-mode", "0") == "1"


def _protected(rtx: Format) -> str:
    return parameter(rtx, "apt")


def _is_redundant(one: Format, by_number: Mapping[int, Format]) -> bool:
    """Whether it carries Opus within redundancy (`111/111`) and nothing else."""
    if one.name != "red" or one.clock_rate != 48_000:
        return False
    carried = one.parameters[0][0].split("/") if one.parameters else []
    names = {
        by_number[int(n)].name if n.isdecimal() and int(n) in by_number else "" for n in carried
    }
    return names <= {"opus"}


def _kept(one: Format, kind: Kind, *, dtx: bool) -> Format:
    feedback = tuple(word for word in FEEDBACK[kind] if word in one.feedback)
    parameters = one.parameters
    if one.name == "opus":
        parameters = (("minptime", "10"), ("useinbandfec", "1"))
        if dtx and parameter(one, "usedtx") != "0":
            parameters += (("usedtx", "1"),)
        if "1" in {parameter(one, "stereo"), parameter(one, "sprop-stereo")}:
            parameters += (("stereo", "1"),)
    return Format(one.number, one.name, one.clock_rate, one.channels, parameters, feedback)


_UNFIT = 1_000
_H264_DEFAULT = "42000a"  # baseline, level 1 (RFC 6184, 8.1)

# What a decoder of each profile can decode besides it (ITU-T H.264, A.2).
_H264_INCLUDES: Mapping[str, frozenset[str]] = {
    "constrained baseline": frozenset(),
    "baseline": frozenset({"constrained baseline"}),
    "main": frozenset({"constrained baseline"}),
    "constrained high": frozenset({"constrained baseline"}),
    "high": frozenset({"constrained baseline", "main", "constrained high"}),
}


def _distance(source: Codec, target: Codec) -> int:
    if (source.name, source.clock_rate, source.kind) != (
        target.name,
        target.clock_rate,
        target.kind,
    ):
        return _UNFIT
    if source.name == "h264":
        return _h264_distance(source, target)
    if source.name == "vp9":
        same = parameter(source, "profile-id", "0") == parameter(target, "profile-id", "0")
        return 0 if same else _UNFIT
    if source.name == "av1":
        return (
            0 if parameter(source, "profile", "0") == parameter(target, "profile", "0") else _UNFIT
        )
    return 0


def _h264_distance(source: Codec, target: Codec) -> int:
    if parameter(target, "packetization-mode", "0") < parameter(source, "packetization-mode", "0"):
        return _UNFIT
    mine = h264_profile(parameter(source, "profile-level-id", _H264_DEFAULT))
    theirs = h264_profile(parameter(target, "profile-level-id", _H264_DEFAULT))
    if mine == theirs:
        return 0
    return 1 if mine in _H264_INCLUDES.get(theirs, ()) else _UNFIT


def h264_profile(profile_level_id: str) -> str:
    """The profile's name, or the three bytes' first two where it is another (RFC 6184, table 5)."""
    try:
        idc, iop = int(profile_level_id[:2], 16), int(profile_level_id[2:4], 16)
    except ValueError:
        return profile_level_id
    if (idc == 0x42 and iop & 0x40) or (idc == 0x4D and iop & 0x80):
        return "constrained baseline"
    if idc == 0x42:
        return "baseline"
    if idc == 0x4D:
        return "main"
    if idc == 0x64:
        return "constrained high" if iop & 0x0C == 0x0C else "high"
    return profile_level_id[:4]
