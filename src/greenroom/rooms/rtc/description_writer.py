"""Write a session description: an ICE-lite server's offer or answer, on one bundled transport."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from greenroom.rooms.rtc.description import Description, Encryption, Format, Parameters, Section


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes: `a=o` of all descriptions of a peer connection, `version` counts them."""

    session: int
    version: int


def write(
    description: Description, origin: Origin, encryption: Encryption, candidates: Sequence[str]
) -> str:
    """The text of a description of this side's.

    `encryption` is the transport's, which all sections share. `candidates` are its too, as in SDP
    without `a=`; no others are to come. They are in every section, as some clients read those of
    the first of a bundle and some those of the last.
    """
    lines = [
        "v=0",
        f"o=- {origin.session} {origin.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        *([f"a=group:BUNDLE {' '.join(description.bundle)}"] if description.bundle else []),
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
    ]
    for section in description.sections:
        lines += _section(section, encryption)
        if not section.rejected:
            lines += [f"a={candidate}" for candidate in candidates]
            lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"


def _section(section: Section, encryption: Encryption) -> Iterator[str]:
    formats = " ".join(section.format_list)
    yield f"m={section.media} {0 if section.rejected else 9} {section.protocol} {formats}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid:
        yield f"a=mid:{section.mid}"
    if section.rejected:
        yield "a=inactive"
        return
    yield from _encryption(encryption)
    if section.kind is None:
        yield f"a=sctp-port:{section.sctp_port}"
        yield f"a=max-message-size:{section.max_message_bytes}"
        return
    yield from _tracks(section)


def _tracks(section: Section) -> Iterator[str]:
    for uri, number in section.extensions.items():
        yield f"a=extmap:{number} {uri}"
    yield f"a={section.direction}"
    yield "a=rtcp-mux"
    yield "a=rtcp-rsize"
    yield from _formats(section.formats)
    if section.rids:
        for rid in section.rids:
            yield f"a=rid:{rid} recv"
        yield f"a=simulcast:recv {';'.join(section.rids)}"
    if section.msid:
        yield f"a=msid:{section.msid[0]} {section.msid[1]}"
    for rtx, ssrc in section.ssrcs.rtx.items():
        yield f"a=ssrc-group:FID {ssrc} {rtx}"
    for ssrc in (*section.ssrcs.primary, *section.ssrcs.rtx):
        yield f"a=ssrc:{ssrc} cname:{section.ssrcs.cname}"


def _encryption(encryption: Encryption) -> Iterator[str]:
    yield f"a=ice-ufrag:{encryption.ufrag}"
    yield f"a=ice-pwd:{encryption.pwd}"
    for name, digest in encryption.fingerprints:
        yield f"a=fingerprint:{name} {digest}"
    yield f"a=setup:{encryption.setup}"


@lru_cache(maxsize=128)
def _formats(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """The lines of a section's formats; most sections of all clients have the same."""
    return tuple(line for one in formats for line in _format(one))


def _format(one: Format) -> Iterator[str]:
    channels = f"/{one.channels}" if one.channels > 1 else ""
    name = one.name if one.name in _LOWER_CASE else one.name.upper()
    yield f"a=rtpmap:{one.number} {name}/{one.clock_rate}{channels}"
    for feedback in one.feedback:
        yield f"a=rtcp-fb:{one.number} {feedback}"
    if one.parameters:
        yield f"a=fmtp:{one.number} {_parameters(one.parameters)}"


# Names are compared without case (RFC 8866, 6.6); this is how they are usually written.
_LOWER_CASE = frozenset({"opus", "red", "rtx"})


def _parameters(parameters: Parameters) -> str:
    return ";".join(f"{name}={value}" if value else name for name, value in parameters)
