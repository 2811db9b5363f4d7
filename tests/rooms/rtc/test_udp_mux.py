"""The shared sockets: who a datagram is for."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from aioice import stun as other
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.errors import ConfigurationError
from greenroom.rooms.rtc import stun, udp
from greenroom.rooms.rtc.stun import Address, BindingRequest
from greenroom.rooms.rtc.udp import UdpMux, UdpSocket
from greenroom.settings import RoomSettings
from greenroom.testing.clock import ManualClock
from support.webrtc_client import soon

ANY_PORT = RoomSettings(udp_ports="0")


class Somebody:
    """An agent that keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[tuple[BindingRequest, UdpSocket, Address]] = []
        self.datagrams: list[bytes] = []
        self.arrived = asyncio.Event()

    def on_request(self, request: BindingRequest, socket: UdpSocket, address: Address) -> None:
        self.requests.append((request, socket, address))
        self.arrived.set()

    def on_datagram(self, data: bytes) -> None:
        self.datagrams.append(data)
        self.arrived.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def mux(clock: ManualClock) -> UdpMux:
    mux = await UdpMux.open(ANY_PORT, "127.0.0.1", clock)
    yield mux
    mux.close()


@pytest.fixture
def peer(mux: UdpMux) -> socket.socket:
    """A socket of the other side, connected to the mux."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setblocking(False)
    peer.connect(("127.0.0.1", mux.port))
    yield peer
    peer.close()


def check(ufrag: str = "ours") -> bytes:
    message = other.Message(other.Method.BINDING, other.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:theirs"
    message.add_message_integrity(b"some key")
    return bytes(message)


async def test_a_check_goes_to_who_has_the_user_name(mux: UdpMux, peer: socket.socket) -> None:
    one, two = Somebody(), Somebody()
    mux.add(b"ours", one)
    mux.add(b"other", two)
    assert mux.agents == 2
    peer.send(check())
    await soon(one.arrived.wait())
    ((request, media, address),) = one.requests
    assert request.username == b"ours:theirs"
    assert address == peer.getsockname()
    assert two.requests == []
    media.send(b"answer", address)
    assert await soon(asyncio.get_running_loop().sock_recv(peer, 100)) == b"answer"


async def test_other_datagrams_go_by_the_address_they_came_from(
    mux: UdpMux, peer: socket.socket
) -> None:
    one, two = Somebody(), Somebody()
    (media,) = [media for media in mux.sockets if media.family == socket.AF_INET]
    media.expect(peer.getsockname(), one)
    media.expect(peer.getsockname(), one)
    peer.send(b"\x80media")
    await soon(one.arrived.wait())
    media.expect(peer.getsockname(), two)
    media.forget(peer.getsockname(), one)  # no more one's: without effect
    peer.send(b"\x16handshake")
    await soon(two.arrived.wait())
    assert (one.datagrams, two.datagrams) == ([b"\x80media"], [b"\x16handshake"])
    media.forget(peer.getsockname(), two)
    assert media.known_addresses == 0


def read(mux: UdpMux) -> None:
    """Take what has come; loopback delivers while the sender sends."""
    for media in mux.sockets:
        for _ in range(10):
            media.read()


async def test_what_is_for_nobody_is_counted(mux: UdpMux, peer: socket.socket) -> None:
    peer.send(b"\x80media")
    peer.send(check("nobody"))
    read(mux)
    assert mux.dropped["unknown"] == 2
    peer.send(b"")
    peer.send(b"\0\1 no STUN at all, for sure")
    peer.send(check()[:-4] + b"\0\0\0\0")
    read(mux)
    assert mux.dropped["garbage"] == 3
    peer.send(stun.success(bytes(12), ("127.0.0.1", 1), b""))
    read(mux)
    assert mux.dropped["unasked"] == 1
    assert sum(mux.dropped.values()) == 6


async def test_checks_from_unknown_addresses_are_limited(
    mux: UdpMux, peer: socket.socket, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(mux, "_unknown_checks", udp.TokenBucket(10, 3))
    one = Somebody()
    mux.add(b"ours", one)
    for _ in range(5):
        peer.send(check())
    read(mux)
    assert mux.dropped["too many"] == 2
    assert len(one.requests) == 3
    (media,) = [media for media in mux.sockets if media.family == socket.AF_INET]
    media.expect(peer.getsockname(), one)  # known: not limited
    one.arrived.clear()
    peer.send(check())
    await soon(one.arrived.wait())
    media.forget(peer.getsockname(), one)
    clock.advance(0.1)
    one.arrived.clear()
    peer.send(check())
    await soon(one.arrived.wait())
    assert len(one.requests) == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda b: check()[:20] + b)))
async def test_garbage_does_nothing_but_be_counted(mux: UdpMux, data: bytes) -> None:
    one = Somebody()
    mux.add(b"ours", one)
    mux.dropped.clear()
    mux.receive_stun(mux.sockets[0], data, ("192.0.2.1", 5), known=True)
    assert (mux.agents, mux.sockets[0].known_addresses) == (1, 0)
    assert one.requests == []
    assert sum(mux.dropped.values()) == 1


async def test_a_burst_is_read_in_parts(mux: UdpMux, peer: socket.socket) -> None:
    one = Somebody()
    (media,) = [media for media in mux.sockets if media.family == socket.AF_INET]
    media.expect(peer.getsockname(), one)
    for number in range(100):
        peer.send(b"\x80" + bytes([number]))
    counts = []
    for _ in range(9):
        before = len(one.datagrams)
        media.read()
        counts.append(len(one.datagrams) - before)
    assert counts == [1] * 7 + [64, 29]  # the eighth time it tries for more
    assert [data[1] for data in one.datagrams] == list(range(100))
    media.read()


class Counting:
    """A bound socket that has a datagram at every second call, and counts the calls."""

    family = socket.AF_INET

    def __init__(self, datagrams: int) -> None:
        self.calls, self._datagrams = 0, datagrams

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 7

    def recvfrom(self, *_arguments: Any) -> tuple[bytes, Address]:
        self.calls += 1
        self._datagrams -= 1
        if self._datagrams < 0:
            raise BlockingIOError
        return b"\x80media", ("127.0.0.1", 9)


async def test_single_datagrams_cost_little_more_than_a_call_each(mux: UdpMux) -> None:
    calls = 0
    media = UdpSocket(mux, Counting(0))
    for _ in range(80):
        media._socket = Counting(1)
        media.read()
        calls += media._socket.calls
    assert mux.dropped["unknown"] == 80
    assert calls == 80 + 10


async def test_who_closes_the_sockets_from_within_gets_nothing_more(
    mux: UdpMux, peer: socket.socket
) -> None:
    (media,) = [media for media in mux.sockets if media.family == socket.AF_INET]
    closer = Somebody()
    closer.on_datagram = lambda data: (closer.datagrams.append(data), mux.close())
    media.expect(peer.getsockname(), closer)
    peer.send(b"\x80one")
    peer.send(b"\x80two")
    media._bursts = True
    media.read()
    assert closer.datagrams == [b"\x80one"]


class Failing:
    """A bound socket on which everything fails."""

    family = socket.AF_INET

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 7

    def sendto(self, *_arguments: Any) -> None:
        raise BlockingIOError

    def recvfrom(self, *_arguments: Any) -> None:
        raise ConnectionRefusedError


async def test_a_socket_that_fails_loses_the_datagram_only(mux: UdpMux) -> None:
    media = UdpSocket(mux, Failing())
    media.send(b"data", ("127.0.0.1", 9))
    media.read()
    assert mux.dropped == {"unsendable": 1, "unreadable": 1}


async def test_loopback_is_announced_with_one_port(mux: UdpMux) -> None:
    lines = mux.candidates()
    assert lines[0].split()[4:] == ["127.0.0.1", str(mux.port), "typ", "host"]
    assert all(line.split()[5] == str(mux.port) for line in lines)


async def test_a_port_in_use_is_passed_over(mux: UdpMux, clock: ManualClock) -> None:
    if mux.port > 65_000:
        pytest.skip("the system gave a port at the very end")
    second = await UdpMux.open(
        RoomSettings(udp_ports=f"{mux.port}-{mux.port + 40}"), "127.0.0.1", clock
    )
    assert second.port > mux.port
    second.close()
    second.close()
    with pytest.raises(ConfigurationError, match="no port"):
        await UdpMux.open(RoomSettings(udp_ports=str(mux.port)), "127.0.0.1", clock)


async def test_the_buffers_are_larger_than_usual(mux: UdpMux) -> None:
    usual = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with usual:
        before = usual.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert mux._bound[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > before


async def test_a_public_address_is_announced(clock: ManualClock) -> None:
    rooms = RoomSettings(udp_ports="0", public_address="203.0.113.7")
    mux = await UdpMux.open(rooms, "127.0.0.1", clock)
    assert mux.candidates()[0].split()[4] == "203.0.113.7"
    mux.close()


async def test_a_public_address_that_is_none_frees_the_sockets(clock: ManualClock) -> None:
    rooms = RoomSettings(udp_ports="0", public_address="somewhere")
    with pytest.raises(ConfigurationError, match="somewhere"):
        await UdpMux.open(rooms, "127.0.0.1", clock)


class StunServer(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        seen = ("203.0.113.7", addr[1])
        self.transport.sendto(stun.success(stun.transaction_of(data), seen, b""), addr)


async def test_the_address_that_a_stun_server_sees_is_announced(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loopback isn't asked about, so here it is taken for something else.
    monkeypatch.setattr(udp, "_is_loopback", lambda media: media.family == socket.AF_INET6)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        StunServer, local_addr=("127.0.0.1", 0)
    )
    server = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    rooms = RoomSettings(udp_ports="0", stun_servers=(server,))
    mux = await soon(UdpMux.open(rooms, "127.0.0.1", clock))
    assert f"203.0.113.7 {mux.port} typ srflx" in mux.candidates()[-1]
    mux.close()
    transport.close()


async def test_a_stun_server_that_is_away_does_not_stop_the_start(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(udp, "_is_loopback", lambda media: media.family == socket.AF_INET6)
    monkeypatch.setattr(udp, "_STUN_SERVER_SECONDS", 0.05)
    rooms = RoomSettings(udp_ports="0", stun_servers=("127.0.0.1:9",))
    with caplog.at_level(logging.WARNING):
        mux = await soon(UdpMux.open(rooms, "127.0.0.1", clock))
    assert "no STUN server answered" in caplog.text
    assert all(line.endswith("typ host") for line in mux.candidates())
    mux.close()


async def test_loopback_is_not_asked_about(clock: ManualClock) -> None:
    rooms = RoomSettings(udp_ports="0", stun_servers=("stun.invalid",))
    mux = await soon(UdpMux.open(rooms, "127.0.0.1", clock))
    assert all(line.endswith("typ host") for line in mux.candidates())
    mux.close()
