"""Session descriptions as clients write them: the structure of libwebrtc's, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

FINGERPRINT = "sha-256 " + ":".join(f"{byte:02X}" for byte in range(32))
UFRAG, PWD = "rY9F", "Lqaxjo+z9DnndeVNayDfpdV7"

_EXTENSIONS = {
    "audio": (
        (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (
            3,
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        ),
        (4, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    ),
    "video": (
        (14, "urn:ietf:params:rtp-hdrext:toffset"),
        (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (13, "urn:3gpp:video-orientation"),
        (
            3,
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        ),
        (4, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        (10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
        (11, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
    ),
}

OPUS_FMTP = "minptime=10;useinbandfec=1"
H264_CONSTRAINED = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
H264_BASELINE = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"
H264_SINGLE_NAL = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"

VIDEO_FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")


@dataclass
class OfferedFormat:
    """A payload type; `rtx` adds the one that retransmits it."""

    number: int
    encoding: str
    fmtp: str = ""
    rtx: int | None = None
    feedback: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        lines = [f"a=rtpmap:{self.number} {self.encoding}"]
        lines += [f"a=rtcp-fb:{self.number} {one}" for one in self.feedback]
        if self.fmtp:
            lines.append(f"a=fmtp:{self.number} {self.fmtp}")
        if self.rtx is not None:
            lines += [f"a=rtpmap:{self.rtx} rtx/90000", f"a=fmtp:{self.rtx} apt={self.number}"]
        return lines


def opus(fmtp: str = OPUS_FMTP, *, feedback: tuple[str, ...] = ("transport-cc",)) -> OfferedFormat:
    return OfferedFormat(111, "opus/48000/2", fmtp, feedback=feedback)


RED = OfferedFormat(63, "red/48000/2", "111/111")


def video_format(number: int, name: str, fmtp: str = "") -> OfferedFormat:
    return OfferedFormat(number, f"{name}/90000", fmtp, number + 1, VIDEO_FEEDBACK)


AUDIO_FORMATS = (
    opus(),
    RED,
    OfferedFormat(9, "G722/8000"),
    OfferedFormat(0, "PCMU/8000"),
    OfferedFormat(110, "telephone-event/48000"),
)
VP8_FORMAT = video_format(96, "VP8")
VIDEO_FORMATS = (
    VP8_FORMAT,
    video_format(103, "H264", H264_BASELINE),
    video_format(107, "H264", H264_SINGLE_NAL),
    video_format(109, "H264", H264_CONSTRAINED),
    video_format(45, "AV1", "level-idx=5;profile=0;tier=0"),
    video_format(98, "VP9", "profile-id=0"),
    video_format(100, "VP9", "profile-id=2"),
    OfferedFormat(119, "red/90000", rtx=120),
    OfferedFormat(121, "ulpfec/90000"),
)


@dataclass
class OfferedSection:
    """A media section of a client's; `track` is the msid where it sends."""

    kind: str
    mid: str
    direction: str = "recvonly"
    track: tuple[str, str] | None = None
    formats: Sequence[OfferedFormat] = ()
    rids: tuple[str, ...] = ()
    ssrcs: tuple[int, ...] = ()
    port: int = 9
    extra: list[str] = field(default_factory=list)

    def lines(self, transport: Sequence[str]) -> list[str]:
        if self.kind == "application":
            return [
                f"m=application {self.port} UDP/DTLS/SCTP webrtc-datachannel",
                "c=IN IP4 0.0.0.0",
                *transport,
                f"a=mid:{self.mid}",
                "a=sctp-port:5000",
                "a=max-message-size:262144",
                *self.extra,
            ]
        formats = self.formats or (AUDIO_FORMATS if self.kind == "audio" else VIDEO_FORMATS)
        numbers = [n for one in formats for n in (one.number, one.rtx) if n is not None]
        lines = [
            f"m={self.kind} {self.port} UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            *transport,
            f"a=mid:{self.mid}",
            *(f"a=extmap:{number} {uri}" for number, uri in _EXTENSIONS[self.kind]),
            f"a={self.direction}",
        ]
        if self.track:
            lines.append(f"a=msid:{self.track[0]} {self.track[1]}")
        lines += ["a=rtcp-mux", "a=rtcp-rsize"]
        lines += [line for one in formats for line in one.lines()]
        if len(self.ssrcs) == 2:
            lines.append(f"a=ssrc-group:FID {self.ssrcs[0]} {self.ssrcs[1]}")
        lines += [f"a=ssrc:{ssrc} cname:Qx0PpNu2BpbPxfQs" for ssrc in self.ssrcs]
        if self.rids:
            lines += [f"a=rid:{rid} send" for rid in self.rids]
            lines.append(f"a=simulcast:send {';'.join(self.rids)}")
        return lines + self.extra


def listening(
    kind: str, mid: str, *, formats: Sequence[OfferedFormat] = (), direction: str = "recvonly"
) -> OfferedSection:
    """A spare section, in which a track can be sent to the client."""
    return OfferedSection(kind, mid, direction, formats=formats)


def microphone(
    mid: str,
    track: str = "mic",
    *,
    formats: Sequence[OfferedFormat] = (),
    direction: str = "sendonly",
) -> OfferedSection:
    return OfferedSection(
        "audio", mid, direction, ("stream", track), formats, ssrcs=(2_411_723_628,)
    )


def camera(
    mid: str,
    track: str = "cam",
    *,
    formats: Sequence[OfferedFormat] = (),
    rids: tuple[str, ...] = (),
) -> OfferedSection:
    ssrcs = () if rids else (1_000_001, 1_000_002)
    return OfferedSection("video", mid, "sendonly", ("stream", track), formats, rids, ssrcs)


def data(mid: str) -> OfferedSection:
    return OfferedSection("application", mid)


def rejected(section: OfferedSection) -> OfferedSection:
    """The section as its client gives it up."""
    return OfferedSection(section.kind, section.mid, "inactive", formats=section.formats, port=0)


def describe(
    *sections: OfferedSection,
    ufrag: str = UFRAG,
    pwd: str = PWD,
    fingerprint: str = FINGERPRINT,
    setup: str = "actpass",
    bundle: Sequence[str] | None = None,
) -> str:
    """A client's description with those sections; `bundle` by default all that aren't rejected."""
    mids = [s.mid for s in sections if s.port or "a=bundle-only" in s.extra]
    transport = (
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{pwd}",
        "a=ice-options:trickle",
        f"a=fingerprint:{fingerprint}",
        f"a=setup:{setup}",
    )
    lines = [
        "v=0",
        "o=- 7278518896700889383 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {' '.join(mids if bundle is None else bundle)}"]),
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
    ]
    for section in sections:
        lines += section.lines(transport)
    return "\r\n".join(lines) + "\r\n"


def python_client() -> tuple[OfferedSection, ...]:
    """The first offer of LiveKit's Python client: three spare sections of each kind, and data."""
    audio = tuple(listening("audio", str(mid)) for mid in range(3))
    video = tuple(listening("video", str(mid)) for mid in range(3, 6))
    return (*audio, *video, data("6"))


def browser() -> tuple[OfferedSection, ...]:
    """Chromium with a microphone and three layers of a camera."""
    return (
        listening("audio", "0"),
        listening("video", "1"),
        microphone("2"),
        camera("3", rids=("q", "h", "f")),
        data("4"),
    )
