"""Binds the sockets for media: one per address, all on the same port."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Sequence

from greenroom.errors import ConfigurationError
from greenroom.rooms.rtc.addresses import IpAddress

_log = logging.getLogger(__name__)

_BUFFER_BYTES = 4 * 1024 * 1024
_TRIES_FOR_ANY_PORT = 16


def bind_first(addresses: Sequence[IpAddress], ports: str) -> list[socket.socket]:
    """Non-blocking UDP sockets, on the first of `ports` that is free on all `addresses`.

    `ports` are as in the setting `rooms.udp_ports`; an address that can't be bound at all is left
    out, and logged. Raises ConfigurationError where no port is free or no address is left.
    """
    wanted = _ports(ports)
    usable = [address for address in addresses if _is_bindable(address)]
    if not usable:
        listed = ", ".join(map(str, addresses)) or "none"
        raise ConfigurationError(
            "rooms.interfaces", f"media can't be received on any address of: {listed}"
        )
    problem: OSError | None = None
    for port in wanted:
        try:
            return _bind_all(usable, port)
        except OSError as error:
            problem = error
    raise ConfigurationError(
        "rooms.udp_ports", f"no port of {ports} is free on {', '.join(map(str, usable))}: {problem}"
    ) from problem


def _ports(text: str) -> Sequence[int]:
    first, _, last = text.partition("-")
    ports = range(int(first), int(last or first) + 1)
    if not ports or ports[-1] > 65_535:
        raise ConfigurationError("rooms.udp_ports", f"{text} is no range of ports")
    if ports[-1] == 0:
        # What the system gives for the first address may be taken on the next: then another one.
        return [0] * _TRIES_FOR_ANY_PORT
    return ports


def _is_bindable(address: IpAddress) -> bool:
    try:
        _bind(address, 0).close()
    except OSError as problem:
        if problem.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            raise
        _log.warning("no media on %s: %s", address, problem)
        return False
    return True


def _bind_all(addresses: Sequence[IpAddress], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            bound.append(_bind(address, port))
            port = bound[0].getsockname()[1]
    except OSError:
        for media in bound:
            media.close()
        raise
    return bound


def _bind(address: IpAddress, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    media = socket.socket(family, socket.SOCK_DGRAM)
    try:
        media.setblocking(False)
        if address.version == 6:
            media.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # The system gives what it allows: less is no error, it loses packets under load only.
        media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        media.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        media.bind((str(address), port))
    except BaseException:
        media.close()
        raise
    return media
