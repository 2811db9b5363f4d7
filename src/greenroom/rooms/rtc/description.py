"""A session description (SDP), as far as a WebRTC peer uses it.

RFC 8866 is the format, RFC 8829 (JSEP) says what WebRTC does with it. `description_reader` makes
one of text, `description_writer` makes text of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from greenroom.rooms.rtc.media import Kind

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
"""Seen by the side whose description it is (RFC 8866, 6.7)."""

Setup = Literal["actpass", "active", "passive"]
"""Which side begins the DTLS handshake: the active one (RFC 5763, 5)."""

Parameters = tuple[tuple[str, str], ...]


def direction(*, sends: bool, receives: bool) -> Direction:
    """The attribute for what a side does."""
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type of a section: `a=rtpmap` with its `a=fmtp` and `a=rtcp-fb` lines.

    `name` is lower case. A parameter without a value, such as `111/111` of redundant audio, has an
    empty one.
    """

    number: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: Parameters = ()
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a side is reached and known: ICE credentials, DTLS role and certificate fingerprints.

    A fingerprint is the hash function's name in lower case and the upper-case hex bytes.
    """

    ufrag: str
    pwd: str
    setup: Setup
    fingerprints: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ssrcs:
    """The SSRCs that a section says it sends.

    `primary` in order of quality where a simulcast group gives one, `rtx` tells whose
    retransmissions an SSRC carries (group FID, RFC 5576 and RFC 4588, 8.2).
    """

    primary: tuple[int, ...] = ()
    rtx: Mapping[int, int] = field(default_factory=dict)
    cname: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A media section.

    `media`, `protocol` and `format_list` are the words of its m-line. `rejected`: its port is 0 and
    it isn't merely bundled. `msid` is the stream's and the track's id. `rids` are the layers that
    the side sends (or, in an answer, is to send), in the order of `a=simulcast`.
    """

    media: str
    mid: str
    protocol: str = "UDP/TLS/RTP/SAVPF"
    format_list: tuple[str, ...] = ()
    rejected: bool = False
    direction: Direction = "sendrecv"
    encryption: Encryption | None = None
    formats: tuple[Format, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)
    msid: tuple[str, str] | None = None
    ssrcs: Ssrcs = field(default_factory=Ssrcs)
    rids: tuple[str, ...] = ()
    rtcp_mux: bool = False
    sctp_port: int | None = None
    max_message_bytes: int | None = None

    @property
    def kind(self) -> Kind | None:
        """What kind of track it carries, if any."""
        if self.media == "audio":
            return "audio"
        return "video" if self.media == "video" else None

    @property
    def sends(self) -> bool:
        """Whether the side whose description it is sends here."""
        return not self.rejected and self.direction in {"sendrecv", "sendonly"}

    @property
    def receives(self) -> bool:
        """Whether the side whose description it is takes what is sent to it here."""
        return not self.rejected and self.direction in {"sendrecv", "recvonly"}


@dataclass(frozen=True, slots=True)
class Description:
    """An offer or an answer. `bundle` are the mids that share one transport, the first leading."""

    sections: tuple[Section, ...]
    bundle: tuple[str, ...] = ()

    def is_bundled(self, section: Section) -> bool:
        """Whether the section is on the one transport: in the group, or first where none is."""
        return section.mid in self.bundle if self.bundle else section is self.sections[0]

    def encryption(self) -> Encryption | None:
        """Of the shared transport: the leading bundled section's, or the next that has any."""
        used = [s for s in self.sections if not s.rejected and self.is_bundled(s)]
        used.sort(key=lambda s: self.bundle.index(s.mid) if self.bundle else 0)
        return next((s.encryption for s in used if s.encryption is not None), None)
