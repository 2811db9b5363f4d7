"""The candidates that are announced for the media sockets (RFC 8445, RFC 8839)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.errors import ConfigurationError

_HOST, _SERVER_REFLEXIVE = 126, 100  # type preferences of RFC 8445, section 5.1.2.2
_COMPONENT = 1  # RTP and RTCP share one


@dataclass(frozen=True, slots=True)
class Local:
    """A media socket: its address and port, and how a STUN server saw them."""

    host: str
    port: int
    seen: tuple[str, int] | None = None


def candidate_lines(local: Sequence[Local], public_address: str) -> list[str]:
    """Values of `a=candidate`, with `candidate:` before them; the best first.

    `local` is in order of preference. `public_address` stands for every socket of its family,
    behind a NAT that keeps ports, and is preferred: it is a host candidate to the client, which
    does not care how packets get here. Raises ConfigurationError where it is no address.
    """
    wanted: dict[tuple[str, int], str] = {}
    if public_address:
        try:
            version = ipaddress.ip_address(public_address).version
        except ValueError as problem:
            raise ConfigurationError("rooms.public_address", str(problem)) from problem
        for place in local:
            if ipaddress.ip_address(place.host).version == version:
                wanted.setdefault((public_address, place.port), "host")
    for place in local:
        wanted.setdefault((place.host, place.port), "host")
    for place in local:
        if place.seen is not None and place.seen not in wanted:
            wanted[place.seen] = f"srflx raddr {place.host} rport {place.port}"
    return [
        _line(foundation, 65_535 - foundation, host, port, kind)
        for foundation, ((host, port), kind) in enumerate(wanted.items(), 1)
    ]


def _line(foundation: int, preference: int, host: str, port: int, kind: str) -> str:
    # RFC 8445, section 5.1.2.1.
    of_type = _HOST if kind == "host" else _SERVER_REFLEXIVE
    priority = (of_type << 24) | (preference << 8) | (256 - _COMPONENT)
    return f"candidate:{foundation} {_COMPONENT} udp {priority} {host} {port} typ {kind}"
