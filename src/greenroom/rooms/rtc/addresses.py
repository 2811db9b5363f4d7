"""Which addresses of this machine media is received on."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

import ifaddr

from greenroom.errors import ConfigurationError

_IFF_UP = 1
_MOST_ADDRESSES = 16

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def media_addresses(host: str, interfaces: Sequence[str]) -> list[IpAddress]:
    """The addresses to bind for media, the best for clients first.

    `interfaces` are names or addresses. Without them it is what `host`, which the HTTP server
    binds, reaches: a wildcard is every address of this machine, a loopback address the loopback
    ones. Raises ConfigurationError where an interface or the host is unknown.
    """
    local = _local_addresses()
    if interfaces:
        found = [address for name in interfaces for address in _of_interface(name, local)]
    else:
        found = _of_host(host, local)
    return sorted(dict.fromkeys(found), key=_rank)[:_MOST_ADDRESSES]


def _of_interface(name: str, local: dict[str, list[IpAddress]]) -> list[IpAddress]:
    if name in local:
        usable = [address for address in local[name] if _is_usable(address)]
        if usable:
            return usable
        raise ConfigurationError("rooms.interfaces", f"{name} has no address that media can use")
    address = _parse(name)
    if address is None:
        raise ConfigurationError(
            "rooms.interfaces", f"no interface {name!r} here; there are: {', '.join(sorted(local))}"
        )
    if not any(address in addresses for addresses in local.values()):
        raise ConfigurationError("rooms.interfaces", f"no interface here has the address {name}")
    return [address]


def _of_host(host: str, local: dict[str, list[IpAddress]]) -> list[IpAddress]:
    everything = [
        address
        for name, addresses in local.items()
        if _is_up(name)
        for address in addresses
        if _is_usable(address)
    ]
    wanted = _resolve(host)
    if any(address.is_unspecified for address in wanted):
        return everything
    if any(address.is_loopback for address in wanted):
        six = ipaddress.IPv6Address("::1")
        four = ipaddress.IPv4Address("127.0.0.1")
        return [four, six] if six in everything else [four]
    return wanted


def _resolve(host: str) -> list[IpAddress]:
    if not host:
        return [ipaddress.IPv4Address("0.0.0.0")]  # noqa: S104 - what an empty host means
    address = _parse(host)
    if address is not None:
        return [address]
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as problem:
        raise ConfigurationError("server.host", f"{host} has no address: {problem}") from problem
    return [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos]


def _local_addresses() -> dict[str, list[IpAddress]]:
    """By interface name."""
    found: dict[str, list[IpAddress]] = {}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            found.setdefault(adapter.name, []).append(ipaddress.ip_address(text.partition("%")[0]))
    return found


def _is_usable(address: IpAddress) -> bool:
    # A link-local address needs a zone, and a candidate in SDP can't name one.
    return not (address.is_link_local and address.version == 6)


def _is_up(interface: str) -> bool:
    """Whether an interface is switched on; true where the system can't be asked so."""
    try:
        flags = Path("/sys/class/net", interface, "flags").read_text(encoding="ascii")
    except OSError:
        return True
    return bool(int(flags, 16) & _IFF_UP)


def _parse(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _rank(address: IpAddress) -> tuple[bool, bool, int]:
    # Loopback serves clients on this machine only, link-local those without DHCP.
    return address.is_loopback, address.is_link_local, address.version
