"""Where a webhook may go: not to this machine, nor into the network that it stands in.

A name is looked up when it is called, and the address that was checked is the one that is called:
a name that means something else a moment later is of no use to anybody.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from greenroom.errors import InvalidInput

MAX_URL = 2_048
"""Characters."""

FIELD = "webhook_url"

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as a NAT64 has them (RFC 6052)."""

_LOCAL_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")

IpAddress = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[IpAddress]]]
"""The addresses of a host's port. Raises OSError where there are none."""


class TargetRefused(Exception):
    """The host is, or has come to be, none that a webhook may go to."""


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise InvalidInput (`webhook_url`) for what is no web address that a webhook may go to.

    Names are not looked up: what they mean is checked when they are called.
    """
    if len(url) > MAX_URL:
        raise InvalidInput(FIELD, f"has {len(url)} characters", f"at most {MAX_URL}")
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError, ValueError):
        host = ""
    if not host or parsed.scheme not in ("http", "https") or parsed.userinfo:
        raise InvalidInput(FIELD, "is no web address", "http:// or https:// URLs, without a user")
    if not allow_private and _is_obviously_private(host):
        raise InvalidInput(FIELD, "is a private address", "addresses on the internet")


def is_public(address: IpAddress) -> bool:
    """Whether an address is somewhere on the internet, and so is one that is wrapped in it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int) -> Sequence[IpAddress]:
    """The addresses that the system knows a host by."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    # Without the scope of a link-local address, which is none to call anyway.
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


class PinnedTransport(httpx.AsyncBaseTransport):
    """Calls hosts by an address that has been checked, with their own name for TLS and `Host`.

    Raises TargetRefused where one of a host's addresses is private, and that is not allowed.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, allow_private: bool, resolve: Resolve = resolve
    ) -> None:
        self._inner = inner
        self._allow_private = allow_private
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Try one address after the other until one takes the connection."""
        url = request.url
        host = url.host
        try:
            addresses = await self._resolve(
                host, url.port or (443 if url.scheme == "https" else 80)
            )
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the name is not known") from error
        if not self._allow_private and not all(map(is_public, addresses)):
            raise TargetRefused(f"{host} is a private address")
        request.extensions = {**request.extensions, "sni_hostname": host}
        failure: httpx.TransportError = httpx.ConnectError("the name has no address")
        for address in addresses:
            request.url = url.copy_with(host=str(address))
            try:
                return await self._inner.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _is_obviously_private(host: str) -> bool:
    host = host.rstrip(".").lower()
    try:
        return not is_public(ip_address(host))
    except ValueError:
        pass
    try:
        # 127.1, 0x7f000001, 2130706433: addresses to the system, though they look like names.
        return not is_public(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return any(host == name or host.endswith("." + name) for name in _LOCAL_NAMES)
