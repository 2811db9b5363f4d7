"""Read one media section of a session description, line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, get_args

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.attributes import (
    FINGERPRINT,
    ICE,
    ID,
    LABEL,
    TOKEN,
    to_encoding,
    to_extension,
    to_feedback,
    to_matching,
    to_number,
    to_parameters,
)
from greenroom.rooms.rtc.description import (
    Direction,
    Encryption,
    Format,
    Parameters,
    Section,
    Setup,
    Ssrcs,
)

MAX_FORMATS = 64
MAX_EXTENSIONS = 32
MAX_SSRCS = 32
MAX_RIDS = 8
MAX_FINGERPRINTS = 8
MAX_FEEDBACK = 16

_DIRECTIONS = frozenset(get_args(Direction))
_SETUPS = frozenset(get_args(Setup))


@dataclass(slots=True)
class SectionReader:
    """What has been read of one section; of the session, for what sections inherit."""

    media: str = ""
    port: int = 9
    protocol: str = ""
    format_list: tuple[str, ...] = ()
    mid: str = ""
    ufrag: str = ""
    pwd: str = ""
    setup: str = ""
    direction: str = ""
    bundle_only: bool = False
    rtcp_mux: bool = False
    sctp_port: int | None = None
    max_message_bytes: int | None = None
    msid: tuple[str, str] | None = None
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    maps: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    parameters: dict[int, Parameters] = field(default_factory=dict)
    feedback: dict[int, list[str]] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    ssrcs: dict[int, str] = field(default_factory=dict)
    rtx: dict[int, int] = field(default_factory=dict)
    simulcast: tuple[int, ...] = ()
    rids: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, line: str) -> SectionReader:
        """Begin with the words of an m-line."""
        words = line.split(" ")
        if len(words) < 4 or len(words) > MAX_FORMATS + 3:
            raise InvalidDescription(f"not a media section: m={line[:40]!r}")
        media, port, protocol, *formats = words
        return cls(
            media=to_matching(TOKEN, media, "a medium"),
            port=to_number(port.partition("/")[0], 65_535, "a port"),
            protocol=to_matching(ID, protocol, "a protocol"),
            format_list=tuple(to_matching(TOKEN, word, "a format") for word in formats),
        )

    def read(self, name: str, value: str) -> None:
        """Take an attribute line."""
        if name in _DIRECTIONS:
            self.direction = name
        elif name == "rtcp-mux":
            self.rtcp_mux = True
        elif name == "bundle-only":
            self.bundle_only = True
        elif (reader := self._READERS.get(name)) is not None:
            reader(self, value)

    def _read_mid(self, value: str) -> None:
        self.mid = to_matching(LABEL, value, "a mid")

    def _read_ufrag(self, value: str) -> None:
        self.ufrag = to_matching(ICE, value, "an ICE user name")

    def _read_pwd(self, value: str) -> None:
        self.pwd = to_matching(ICE, value, "an ICE password")

    def _read_setup(self, value: str) -> None:
        if value not in _SETUPS:
            raise InvalidDescription(f"a=setup can't be {value[:40]!r}")
        self.setup = value

    def _read_fingerprint(self, value: str) -> None:
        name, _, digest = value.partition(" ")
        if len(self.fingerprints) == MAX_FINGERPRINTS:
            raise InvalidDescription("too many fingerprints")
        digest = to_matching(FINGERPRINT, digest.strip().upper(), "a fingerprint")
        self.fingerprints.append((to_matching(TOKEN, name, "a hash function").lower(), digest))

    def _read_msid(self, value: str) -> None:
        stream, _, track = value.partition(" ")
        if track:
            self.msid = (to_matching(ID, stream, "an msid"), to_matching(ID, track, "an msid"))

    def _read_rtpmap(self, value: str) -> None:
        number, encoding = to_encoding(value)
        if len(self.maps) == MAX_FORMATS:
            raise InvalidDescription("too many formats")
        self.maps[number] = encoding

    def _read_fmtp(self, value: str) -> None:
        number, parameters = to_parameters(value)
        self.parameters[number] = parameters

    def _read_feedback(self, value: str) -> None:
        number, kind = to_feedback(value)
        numbers = self._numbers() if number is None else (number,)
        for one in numbers:
            kinds = self.feedback.setdefault(one, [])
            if len(kinds) == MAX_FEEDBACK:
                raise InvalidDescription("too many kinds of feedback")
            kinds.append(kind)

    def _read_extension(self, value: str) -> None:
        number, uri = to_extension(value)
        if len(self.extensions) == MAX_EXTENSIONS:
            raise InvalidDescription("too many header extensions")
        if number in self.extensions.values() and self.extensions.get(uri) != number:
            raise InvalidDescription(f"two header extensions have the id {number}")
        self.extensions[uri] = number

    def _read_ssrc(self, value: str) -> None:
        number, _, attribute = value.partition(" ")
        ssrc = to_number(number, 0xFFFF_FFFF, "an SSRC")
        if ssrc not in self.ssrcs and len(self.ssrcs) == MAX_SSRCS:
            raise InvalidDescription("too many SSRCs")
        name, _, text = attribute.partition(":")
        self.ssrcs[ssrc] = text if name == "cname" else self.ssrcs.get(ssrc, "")
        if name == "msid" and self.msid is None:
            self._read_msid(text)

    def _read_ssrc_group(self, value: str) -> None:
        semantics, *numbers = value.split()[: MAX_SSRCS + 1] or [""]
        ssrcs = tuple(to_number(one, 0xFFFF_FFFF, "an SSRC") for one in numbers)
        if semantics == "FID" and len(ssrcs) == 2 and len(self.rtx) < MAX_SSRCS:
            self.rtx[ssrcs[1]] = ssrcs[0]
        elif semantics == "SIM":
            self.simulcast = ssrcs

    def _read_rid(self, value: str) -> None:
        rid, _, rest = value.partition(" ")
        if rest.partition(" ")[0] == "send":
            if len(self.rids) == MAX_RIDS:
                raise InvalidDescription("too many simulcast layers")
            self.rids.append(to_matching(LABEL, rid, "a rid"))

    def _read_simulcast(self, value: str) -> None:
        words = value.split()
        for which, layers in zip(words[::2], words[1::2], strict=False):
            if which == "send":
                # Alternatives are after commas, layers that begin paused after ~ (RFC 8853, 5.1).
                self.layers = [one.partition(",")[0].lstrip("~") for one in layers.split(";")]

    def _read_sctp_port(self, value: str) -> None:
        self.sctp_port = to_number(value, 65_535, "an SCTP port")

    def _read_max_message_size(self, value: str) -> None:
        self.max_message_bytes = to_number(value, 0xFFFF_FFFF, "a message size")

    def section(self, session: SectionReader) -> Section:
        """All of it, with what the session gives to every section."""
        rejected = self.port == 0 and not self.bundle_only
        if not self.mid and not rejected:
            raise InvalidDescription("a media section has no a=mid")
        direction = self.direction or session.direction or "sendrecv"
        layers = tuple(dict.fromkeys(rid for rid in self.layers if rid in self.rids))
        primary = [ssrc for ssrc in self.ssrcs if ssrc not in self.rtx]
        if self.simulcast:
            primary.sort(key=lambda s: self.simulcast.index(s) if s in self.simulcast else 99)
        return Section(
            media=self.media,
            mid=self.mid,
            protocol=self.protocol,
            format_list=self.format_list,
            rejected=rejected,
            direction=next(one for one in get_args(Direction) if one == direction),
            encryption=self._encryption(session),
            formats=self._formats() if self.media in {"audio", "video"} else (),
            extensions=self.extensions or session.extensions,
            msid=self.msid,
            ssrcs=Ssrcs(
                tuple(primary),
                {rtx: ssrc for rtx, ssrc in self.rtx.items() if ssrc in self.ssrcs},
                next(iter(self.ssrcs.values()), ""),
            ),
            rids=layers,
            rtcp_mux=self.rtcp_mux or session.rtcp_mux,
            sctp_port=self.sctp_port,
            max_message_bytes=self.max_message_bytes,
        )

    def _formats(self) -> tuple[Format, ...]:
        numbers = self._numbers()
        if len(set(numbers)) != len(numbers):
            raise InvalidDescription("a payload type is twice in a media section")
        return tuple(
            Format(
                number,
                *self.maps[number],
                self.parameters.get(number, ()),
                tuple(dict.fromkeys(self.feedback.get(number, ()))),
            )
            for number in numbers
            if number in self.maps
        )

    def _numbers(self) -> list[int]:
        return [to_number(word, 127, "a payload type") for word in self.format_list]

    def _encryption(self, session: SectionReader) -> Encryption | None:
        ufrag, pwd = self.ufrag or session.ufrag, self.pwd or session.pwd
        fingerprints = self.fingerprints or session.fingerprints
        setup = self.setup or session.setup
        if not (ufrag and pwd and fingerprints and setup):
            return None
        role = next(one for one in get_args(Setup) if one == setup)
        return Encryption(ufrag, pwd, role, tuple(fingerprints))

    _READERS: ClassVar[dict[str, Callable[[SectionReader, str], None]]] = {
        "mid": _read_mid,
        "ice-ufrag": _read_ufrag,
        "ice-pwd": _read_pwd,
        "setup": _read_setup,
        "fingerprint": _read_fingerprint,
        "msid": _read_msid,
        "rtpmap": _read_rtpmap,
        "fmtp": _read_fmtp,
        "rtcp-fb": _read_feedback,
        "extmap": _read_extension,
        "ssrc": _read_ssrc,
        "ssrc-group": _read_ssrc_group,
        "rid": _read_rid,
        "simulcast": _read_simulcast,
        "sctp-port": _read_sctp_port,
        "max-message-size": _read_max_message_size,
    }
