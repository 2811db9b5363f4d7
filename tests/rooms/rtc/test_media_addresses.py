"""Which addresses media is received on."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest

from greenroom.errors import ConfigurationError
from greenroom.rooms.rtc import addresses
from greenroom.rooms.rtc.addresses import media_addresses

MACHINE = {
    "lo": ["127.0.0.1", ("::1", 0, 0)],
    "eth0": ["192.0.2.5", ("fe80::5", 0, 2), ("2001:db8::5", 0, 0)],
    "usb0": ["169.254.3.4"],
    "v6only": [("fe80::6", 0, 3)],
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    adapters: dict[str, list[object]] = dict(MACHINE)
    monkeypatch.setattr(
        addresses.ifaddr,
        "get_adapters",
        lambda: [
            SimpleNamespace(name=name, ips=[SimpleNamespace(ip=ip) for ip in ips])
            for name, ips in adapters.items()
        ],
    )
    return adapters


def found(host: str, *interfaces: str) -> list[str]:
    return [str(address) for address in media_addresses(host, interfaces)]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", ""])
@pytest.mark.usefixtures("machine")
def test_a_wildcard_is_every_address_with_loopback_last(host: str) -> None:
    assert found(host) == ["192.0.2.5", "2001:db8::5", "169.254.3.4", "127.0.0.1", "::1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.usefixtures("machine")
def test_a_loopback_host_keeps_to_loopback(host: str) -> None:
    assert found(host) == ["127.0.0.1", "::1"]


def test_loopback_without_ipv6_is_one_address(machine: dict[str, list[object]]) -> None:
    machine["lo"] = ["127.0.0.1"]
    assert found("127.0.0.1") == ["127.0.0.1"]


def test_a_machine_with_loopback_only_serves_that(machine: dict[str, list[object]]) -> None:
    machine.clear()
    machine["lo"] = ["127.0.0.1"]
    assert found("0.0.0.0") == ["127.0.0.1"]


@pytest.mark.usefixtures("machine")
def test_a_certain_host_is_that_address() -> None:
    assert found("192.0.2.5") == ["192.0.2.5"]


@pytest.mark.usefixtures("machine")
def test_interfaces_are_names_or_addresses() -> None:
    assert found("127.0.0.1", "lo", "2001:db8::5") == ["2001:db8::5", "127.0.0.1", "::1"]
    assert found("127.0.0.1", "eth0", "192.0.2.5") == ["192.0.2.5", "2001:db8::5"]


@pytest.mark.parametrize(
    ("interface", "problem"),
    [("eth7", "eth0, lo"), ("192.0.2.99", "192.0.2.99"), ("v6only", "v6only")],
)
@pytest.mark.usefixtures("machine")
def test_an_interface_that_is_not_there_is_named(interface: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        found("127.0.0.1", interface)
    assert caught.value.setting == "rooms.interfaces"


def test_a_host_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_names: object) -> list[object]:
        raise OSError("no such name")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", refuse)
    with pytest.raises(ConfigurationError, match="no such name") as caught:
        found("nowhere.invalid")
    assert caught.value.setting == "server.host"


@pytest.mark.parametrize(("flags", "count"), [("0x1002\n", 3), ("0x1003\n", 5)])
@pytest.mark.usefixtures("machine")
def test_an_interface_that_is_switched_off_is_left_out(
    flags: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: addresses.Path, encoding: str) -> str:
        return flags if path.parts[-2] == "eth0" else "0x49"

    monkeypatch.setattr(addresses.Path, "read_text", read)
    assert len(found("0.0.0.0")) == count


def test_a_machine_with_very_many_addresses_uses_some(machine: dict[str, list[object]]) -> None:
    machine["eth0"] = [str(ipaddress.IPv4Address("192.0.2.1") + n) for n in range(40)]
    assert len(found("0.0.0.0")) == 16
