"""What is announced for the media sockets."""

from __future__ import annotations

import pytest
from aioice import Candidate

from greenroom.errors import ConfigurationError
from greenroom.rooms.rtc.candidates import Local, candidate_lines

FOUR = Local("192.0.2.5", 7882)
SIX = Local("2001:db8::5", 7882)
LOOPBACK = Local("127.0.0.1", 7882)


def parsed(lines: list[str]) -> list[Candidate]:
    return [Candidate.from_sdp(line.removeprefix("candidate:")) for line in lines]


def test_each_socket_is_a_host_candidate_the_best_first() -> None:
    found = parsed(candidate_lines([FOUR, SIX, LOOPBACK], ""))
    assert [(one.host, one.port, one.type) for one in found] == [
        ("192.0.2.5", 7882, "host"),
        ("2001:db8::5", 7882, "host"),
        ("127.0.0.1", 7882, "host"),
    ]
    priorities = [one.priority for one in found]
    assert priorities == sorted(priorities, reverse=True)
    assert len({one.foundation for one in found}) == 3
    assert {(one.component, one.transport) for one in found} == {(1, "udp")}


def test_the_priority_is_that_of_the_standard() -> None:
    # RFC 8445, section 5.1.2.1: type, local preference, component.
    (line,) = candidate_lines([FOUR], "")
    assert line == f"candidate:1 1 udp {126 * 2**24 + 65534 * 2**8 + 255} 192.0.2.5 7882 typ host"


def test_a_public_address_comes_first_and_once_with_the_port_of_the_sockets() -> None:
    other = Local("198.51.100.9", 7882)
    found = parsed(candidate_lines([FOUR, other, SIX], "203.0.113.1"))
    assert (found[0].host, found[0].port, found[0].type) == ("203.0.113.1", 7882, "host")
    assert [one.host for one in found[1:]] == ["192.0.2.5", "198.51.100.9", "2001:db8::5"]


def test_a_public_address_of_a_family_without_a_socket_is_not_announced() -> None:
    assert len(candidate_lines([FOUR], "2001:db8::1")) == 1


def test_what_a_stun_server_saw_is_announced_after_the_hosts() -> None:
    seen = Local("192.0.2.5", 7882, ("203.0.113.1", 61_000))
    found = parsed(candidate_lines([seen, SIX], ""))
    assert found[-1].type == "srflx"
    assert (found[-1].host, found[-1].port) == ("203.0.113.1", 61_000)
    assert (found[-1].related_address, found[-1].related_port) == ("192.0.2.5", 7882)
    assert found[-1].priority < found[1].priority


def test_a_socket_that_is_seen_as_it_is_has_no_other_candidate() -> None:
    assert len(candidate_lines([Local("192.0.2.5", 7882, ("192.0.2.5", 7882))], "")) == 1


def test_a_public_address_that_is_a_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"media\.example\.com") as caught:
        candidate_lines([FOUR], "media.example.com")
    assert caught.value.setting == "rooms.public_address"
