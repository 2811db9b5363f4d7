"""Where webhooks may go."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import httpx
import pytest

from greenroom.duplex.targets import (
    IpAddress,
    PinnedTransport,
    TargetRefused,
    check_url,
    is_public,
    resolve,
)
from greenroom.errors import InvalidInput

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
PUBLIC = ["1.1.1.1", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_this_machine_or_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(InvalidInput) as refused:
        check_url(f"https://{host}/hook", allow_private=False)
    assert refused.value.field == "webhook_url"
    check_url(f"https://{host}/hook", allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    check_url(f"https://{host}/hook", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@example.com/",
        "http://[::1/",
        "http://exa mple.com:port/",
        "https://example.com/" + "x" * 2_048,
    ],
)
def test_what_is_no_web_address_is_refused_whatever_is_allowed(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url, allow_private=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "db.internal",
        "127.1",
        "2130706433",
        "0x7f000001",
    ],
)
def test_names_that_mean_this_network_are_refused(host: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(f"http://{host}:8000/hook", allow_private=False)


def test_other_names_are_not_looked_up() -> None:
    check_url("https://hooks.example.com/a?b=c", allow_private=False)


class Inner(httpx.AsyncBaseTransport):
    """Takes connections at the addresses that are `open`."""

    def __init__(self, *open_: str) -> None:
        self.open = open_
        self.tried: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tried.append(
            httpx.Request(
                "POST", request.url, headers=request.headers, extensions=request.extensions
            )
        )
        if request.url.host not in self.open:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    async def aclose(self) -> None:
        self.closed = True


class Names:
    def __init__(self, *addresses: str) -> None:
        self.addresses = [ip_address(address) for address in addresses]
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[IpAddress]:
        self.asked.append((host, port))
        if not self.addresses:
            raise OSError("unknown")
        return self.addresses


async def call(url: str, inner: Inner, names: Names, *, allow_private: bool = False) -> int:
    transport = PinnedTransport(inner, allow_private=allow_private, resolve=names)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        status = (await client.post(url)).status_code
    assert inner.closed
    return status


async def test_the_address_that_was_checked_is_called_under_the_hosts_own_name() -> None:
    inner, names = Inner("1.1.1.1"), Names("1.1.1.1")
    assert await call("https://example.com:8443/hook?a=b", inner, names) == 200
    (request,) = inner.tried
    assert str(request.url) == "https://1.1.1.1:8443/hook?a=b"
    assert request.headers["host"] == "example.com:8443"
    assert request.extensions["sni_hostname"] == "example.com"
    assert names.asked == [("example.com", 8443)]


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
async def test_the_usual_port_is_looked_up(scheme: str, port: int) -> None:
    names = Names("2606:4700::1")
    assert await call(f"{scheme}://example.com/", Inner("2606:4700::1"), names) == 200
    assert names.asked == [("example.com", port)]


async def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    inner = Inner("1.1.1.1")
    assert await call("https://example.com/", inner, Names("2606:4700::1", "1.1.1.1")) == 200
    assert len(inner.tried) == 2
    with pytest.raises(httpx.ConnectError):
        await call("https://example.com/", Inner(), Names("1.1.1.1"))


async def test_a_name_with_a_private_address_is_not_called_at_all() -> None:
    inner = Inner("1.1.1.1", "10.0.0.1")
    with pytest.raises(TargetRefused):
        await call("https://example.com/", inner, Names("1.1.1.1", "10.0.0.1"))
    assert not inner.tried
    allowed = Inner("10.0.0.1")
    assert await call("https://example.com/", allowed, Names("10.0.0.1"), allow_private=True) == 200


async def test_a_name_that_nobody_knows_is_no_connection() -> None:
    with pytest.raises(httpx.ConnectError):
        await call("https://example.com/", Inner(), Names())


async def test_the_system_knows_addresses() -> None:
    assert await resolve("127.0.0.1", 80) == [ip_address("127.0.0.1")]
