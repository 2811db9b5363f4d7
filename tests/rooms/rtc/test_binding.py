"""Media sockets take the first port that is free on all addresses."""

from __future__ import annotations

import errno
import ipaddress
import socket

import pytest

from greenroom.errors import ConfigurationError
from greenroom.rooms.rtc import binding
from greenroom.rooms.rtc.binding import bind_first

LOOPBACK = ipaddress.ip_address("127.0.0.1")
ANOTHER = ipaddress.ip_address("127.0.0.2")


@pytest.fixture
def busy() -> socket.socket:
    """A socket that holds a port on the second address, the next port being free (most likely)."""
    media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    media.bind((str(ANOTHER), 0))
    yield media
    media.close()


def ports(bound: list[socket.socket]) -> list[tuple[str, int]]:
    names = [media.getsockname()[:2] for media in bound]
    for media in bound:
        media.close()
    return names


def test_a_port_that_is_taken_on_one_address_is_passed_over_on_all(busy: socket.socket) -> None:
    taken = busy.getsockname()[1]
    names = ports(bind_first([LOOPBACK, ANOTHER], f"{taken}-{min(taken + 40, 65535)}"))
    assert [host for host, _ in names] == ["127.0.0.1", "127.0.0.2"]
    assert names[0][1] == names[1][1] > taken


def test_any_port_is_the_same_on_all_addresses() -> None:
    bound = bind_first([LOOPBACK, ANOTHER], "0")
    assert all(not media.getblocking() for media in bound)
    names = ports(bound)
    assert names[0][1] == names[1][1] > 0


def test_a_range_without_a_free_port_names_the_setting(busy: socket.socket) -> None:
    taken = busy.getsockname()[1]
    with pytest.raises(ConfigurationError, match=str(taken)) as caught:
        bind_first([LOOPBACK, ANOTHER], str(taken))
    assert caught.value.setting == "rooms.udp_ports"


@pytest.mark.parametrize("text", ["9-8", "70000", "65530-65536"])
def test_what_is_no_range_of_ports_names_the_setting(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no range") as caught:
        bind_first([LOOPBACK], text)
    assert caught.value.setting == "rooms.udp_ports"


def test_an_address_that_is_gone_is_left_out() -> None:
    gone = ipaddress.ip_address("192.0.2.77")
    assert [host for host, _ in ports(bind_first([gone, LOOPBACK], "0"))] == ["127.0.0.1"]


@pytest.mark.parametrize("addresses", [[], [ipaddress.ip_address("192.0.2.77")]])
def test_without_any_address_the_setting_is_named(addresses: list[object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bind_first(addresses, "0")
    assert caught.value.setting == "rooms.interfaces"


def test_what_the_system_refuses_otherwise_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(binding, "_bind", refuse)
    with pytest.raises(OSError, match="too many"):
        bind_first([LOOPBACK], "0")


def test_ipv6_is_bound_apart_from_ipv4() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        bound = bind_first([ipaddress.ip_address("::1")], "0")
    except ConfigurationError:
        pytest.skip("no ::1 here")
    assert bound[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    bound[0].close()
