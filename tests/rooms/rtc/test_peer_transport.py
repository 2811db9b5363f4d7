"""A whole transport with a client over loopback: ICE, DTLS, SRTP and data channels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aioice import stun as other
from aiortc import RTCCertificate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.errors import CapacityExceeded
from greenroom.rooms.rtc import transport as transport_module
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.ports import Transport
from greenroom.rooms.rtc.token_bucket import TokenBucket
from greenroom.rooms.rtc.transport import PeerTransport
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.settings import RoomSettings
from greenroom.testing.clock import ManualClock
from support.webrtc_client import TransportLog, WebRtcClient, soon

CERTIFICATE = Certificate.generate()
CLIENT_CERTIFICATE = RTCCertificate.generateCertificate()
OTHER_CERTIFICATE = RTCCertificate.generateCertificate()


def rtp(sequence: int, payload: bytes = b"sound", source: int = 7) -> bytes:
    return (
        b"\x80\x6f" + sequence.to_bytes(2, "big") + bytes(4) + source.to_bytes(4, "big") + payload
    )


RECEIVER_REPORT = b"\x80\xc9\0\1\0\0\0\7"


class Bench:
    """A mux with transports and clients, all of which it ends."""

    def __init__(self, mux: UdpMux, clock: ManualClock) -> None:
        self.mux, self.clock = mux, clock
        self.transports: list[PeerTransport] = []
        self.clients: list[WebRtcClient] = []

    def transport(self, **settings: Any) -> tuple[PeerTransport, TransportLog]:
        chosen: dict[str, Any] = {
            "connect_timeout": 15.0,
            "reconnect_timeout": 10.0,
            "max_unsent_bytes": 1_000_000,
            "max_message_bytes": 65_536,
            **settings,
        }
        transport = PeerTransport(self.mux, CERTIFICATE, self.clock, **chosen)
        log = TransportLog()
        transport.attach(log)
        self.transports.append(transport)
        return transport, log

    async def client(self, host: str = "127.0.0.1") -> WebRtcClient:
        client = await WebRtcClient.open(host, CLIENT_CERTIFICATE)
        self.clients.append(client)
        return client

    async def connected(
        self, *, dtls_client: bool = False, data: bool = True, **settings: Any
    ) -> tuple[PeerTransport, TransportLog, WebRtcClient]:
        transport, log = self.transport(**settings)
        client = await self.client()
        await client.connect(transport, dtls_client=dtls_client, data=data)
        await log.reached("connected")
        return transport, log, client

    @property
    def known(self) -> tuple[int, int]:
        """User name fragments and remote addresses that the mux knows."""
        return self.mux.agents, sum(media.known_addresses for media in self.mux.sockets)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = ManualClock()
    mux = await UdpMux.open(RoomSettings(udp_ports="0"), "127.0.0.1", clock)
    bench = Bench(mux, clock)
    yield bench
    for client in bench.clients:
        await client.close()
    for transport in bench.transports:
        transport.close()
    assert bench.known == (0, 0)
    assert clock.pending == 0
    mux.close()


async def test_it_is_a_transport(bench: Bench) -> None:
    transport, _ = bench.transport()
    as_port: Transport = transport
    assert as_port.state == "new"
    assert as_port.fingerprint == CERTIFICATE.fingerprint
    assert as_port.candidates == bench.mux.candidates()


@pytest.mark.parametrize("dtls_client", [False, True], ids=["passive", "active"])
async def test_media_goes_both_ways(bench: Bench, dtls_client: bool) -> None:
    transport, log, client = await bench.connected(dtls_client=dtls_client)
    assert log.states == ["connecting", "connected"]
    await client.send_rtp(rtp(1))
    assert await soon(log.rtp.get()) == (rtp(1), bench.clock.time())
    await client.send_rtp(RECEIVER_REPORT)
    assert await soon(log.rtcp.get()) == RECEIVER_REPORT
    transport.send_rtp(rtp(2))
    assert await soon(client.dtls.rtp.get()) == rtp(2)
    transport.send_rtcp(RECEIVER_REPORT)
    assert await soon(client.dtls.rtcp.get()) == RECEIVER_REPORT


async def test_it_works_over_ipv6(bench: Bench) -> None:
    if all(":" not in line.split()[4] for line in bench.mux.candidates()):
        pytest.skip("no IPv6 here")
    transport, log = bench.transport()
    client = await bench.client("::1")
    await client.connect(transport)
    await log.reached("connected")
    transport.send_rtp(rtp(2))
    assert await soon(client.dtls.rtp.get()) == rtp(2)


async def test_both_sides_open_channels_and_send(bench: Bench) -> None:
    transport, log = bench.transport()
    transport.open_channel("_lossy", ordered=False, max_retransmits=0)
    client = await bench.client()
    await client.connect(transport)
    assert await soon(log.channels.get()) == "_lossy"
    reliable = await client.opened("_reliable")
    assert await soon(log.channels.get()) == "_reliable"
    reliable.send(b"bytes")
    reliable.send("text")
    assert await soon(log.messages.get()) == ("_reliable", b"bytes")
    assert await soon(log.messages.get()) == ("_reliable", b"text")
    assert transport.send_message("_lossy", b"answer")
    assert not transport.send_message("_data_track", b"there is none")
    assert await soon(client.messages.get()) == ("_lossy", b"answer")
    transport.open_channel("_data_track", ordered=False, max_retransmits=0)
    assert await soon(log.channels.get()) == "_data_track"


async def test_there_are_at_most_sixteen_channels_before_connecting_too(bench: Bench) -> None:
    transport, _ = bench.transport()
    for number in range(16):
        transport.open_channel(str(number), ordered=True, max_retransmits=None)
    with pytest.raises(CapacityExceeded):
        transport.open_channel("16", ordered=True, max_retransmits=None)


async def test_a_message_beyond_the_bound_does_not_arrive(bench: Bench) -> None:
    transport, log, client = await bench.connected(max_message_bytes=1_000)
    channel = await client.opened("_reliable")
    await soon(log.channels.get())
    channel.send(bytes(1_001))
    channel.send(bytes(1_000))
    assert await soon(log.messages.get()) == ("_reliable", bytes(1_000))
    assert not transport.send_message("_reliable", bytes(1_001))
    assert transport.send_message("_reliable", bytes(1_000))


async def test_a_client_that_does_not_read_is_sent_no_more(bench: Bench) -> None:
    transport, log, client = await bench.connected(max_unsent_bytes=100_000)
    client.open_channel("_reliable")
    await soon(log.channels.get())
    client.deaf = True
    sent = 0
    while transport.send_message("_reliable", bytes(1_000)):
        sent += 1
        assert sent < 200
    assert sent > 50
    assert transport.unsent_bytes <= 100_000


async def test_checks_before_the_description_are_answered_and_count(bench: Bench) -> None:
    transport, log = bench.transport()
    client = await bench.client()
    client.learn(transport)
    assert await client.check() == client.address
    assert log.states == []
    client.introduce(transport, dtls_client=True)
    await client.shake_hands(transport, client=False)
    await log.reached("connected")


@pytest.mark.parametrize("wrong", ["ufrag", "pwd"])
async def test_wrong_credentials_never_connect(bench: Bench, wrong: str) -> None:
    transport, log = bench.transport()
    client = await bench.client()
    client.introduce(transport)
    if wrong == "pwd":
        client.remote_pwd = "x" * 24
        answer = await client.ask(client.request())
        assert answer.error_code == 401
    else:
        client.remote_ufrag = "nobody"
        message = client.request()
        message.add_message_integrity(client.remote_pwd.encode())
        client.send_raw(bytes(message))
        read(bench)
        assert bench.mux.dropped["unknown"] == 1
    assert log.states == ["connecting"]
    assert bench.known == (1, 0)
    bench.clock.advance(15)
    assert log.states == ["connecting", "failed"]
    assert bench.known == (0, 0)


def read(bench: Bench) -> None:
    """Take what has come; loopback delivers while the sender sends."""
    for media in bench.mux.sockets:
        for _ in range(20):
            media.read()


async def test_a_client_that_takes_itself_for_controlled_is_told(bench: Bench) -> None:
    transport, _ = bench.transport()
    client = await bench.client()
    client.introduce(transport)
    answer = await client.ask(client.request(controlled=True))
    assert answer.error_code == 487


async def test_another_certificate_than_described_fails(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    transport, log = bench.transport()
    client = await bench.client()
    client.introduce(transport)
    client.certificate = OTHER_CERTIFICATE
    client.dtls = type(client.dtls)(client.path, OTHER_CERTIFICATE)
    await client.check()
    caplog.set_level(logging.INFO)
    await client.shake_hands(transport)  # this side is content
    await log.reached("failed")
    assert "certificate is not the one" in caplog.text
    assert bench.known == (0, 0)


async def test_without_a_connection_in_time_it_fails(bench: Bench) -> None:
    transport, log = bench.transport(connect_timeout=3.0)
    bench.clock.advance(100)
    assert log.states == []
    client = await bench.client()
    client.introduce(transport)
    await client.check()
    bench.clock.advance(2.9)
    assert log.states == ["connecting"]
    bench.clock.advance(0.2)
    assert log.states == ["connecting", "failed"]
    assert transport.state == "failed"
    client.introduce(transport)
    transport.restart_ice()
    transport.open_channel("late", ordered=True, max_retransmits=None)
    assert log.states == ["connecting", "failed"]


async def test_silence_disconnects_and_later_fails(bench: Bench) -> None:
    transport, log, _ = await bench.connected(reconnect_timeout=10.0)
    bench.clock.advance(5.9)
    assert log.states[-1] == "connected"
    bench.clock.advance(0.1)
    assert log.states[-1] == "disconnected"
    sent = bench.mux.dropped.total()
    transport.send_rtp(rtp(1))
    transport.send_rtcp(RECEIVER_REPORT)
    assert bench.mux.dropped.total() == sent
    bench.clock.advance(9.9)
    assert log.states[-1] == "disconnected"
    bench.clock.advance(0.1)
    assert log.states[-1] == "failed"
    assert bench.known == (0, 0)


async def test_a_check_brings_a_lost_peer_back(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    bench.clock.advance(7)
    assert log.states[-1] == "disconnected"
    await client.check()
    assert log.states[-1] == "connected"
    bench.clock.advance(5)
    await client.check()
    bench.clock.advance(5)
    assert log.states == ["connecting", "connected", "disconnected", "connected"]
    transport.send_rtp(rtp(1))
    assert await soon(client.dtls.rtp.get()) == rtp(1)


async def test_media_is_a_sign_of_life(bench: Bench) -> None:
    _, log, client = await bench.connected()
    for sequence in range(1, 6):
        bench.clock.advance(4)
        await client.send_rtp(rtp(sequence))
        await soon(log.rtp.get())
    assert log.states == ["connecting", "connected"]


async def test_a_client_that_moves_is_followed(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    old = client.address
    await client.move()
    assert client.address != old
    assert await client.check() == client.address
    transport.send_rtp(rtp(1))
    assert await soon(client.dtls.rtp.get()) == rtp(1)
    assert client.arrived_at == client.address
    await client.send_rtp(rtp(2))
    assert (await soon(log.rtp.get()))[0] == rtp(2)
    assert log.states == ["connecting", "connected"]


async def test_an_ice_restart_by_the_client_keeps_everything_else(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    channel = await client.opened("_reliable")
    await soon(log.channels.get())
    old = transport.ufrag, transport.pwd
    client.ufrag, client.pwd = "newname", "n" * 24
    client.introduce(transport)
    assert (transport.ufrag, transport.pwd) != old
    assert bench.known == (2, 1)
    await client.move()
    await client.check()
    assert bench.known == (1, 2)
    transport.send_rtp(rtp(1))
    assert await soon(client.dtls.rtp.get()) == rtp(1)
    channel.send(b"still the same channel")
    assert await soon(log.messages.get()) == ("_reliable", b"still the same channel")
    assert log.states == ["connecting", "connected"]


async def test_old_credentials_are_good_until_the_new_ones_are_used(bench: Bench) -> None:
    transport, _, client = await bench.connected()
    transport.restart_ice()
    await client.check()  # with the old ones
    client.learn(transport)
    new = transport.ufrag
    client.ufrag = "newname"
    client.introduce(transport)  # the answer to this side's restart: no other credentials
    assert transport.ufrag == new
    await client.check()
    assert bench.known == (1, 1)


async def test_a_description_that_says_the_same_again_changes_nothing(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    before = transport.ufrag, transport.pwd
    client.introduce(transport)
    assert (transport.ufrag, transport.pwd) == before
    assert log.states == ["connecting", "connected"]


async def test_close_says_goodbye_and_frees_everything_at_once(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    client.open_channel("_reliable")
    await soon(log.channels.get())
    transport.send_message("_reliable", b"under way")
    assert bench.known == (1, 1)
    transport.close()
    transport.close()
    assert bench.known == (0, 0)
    assert bench.clock.pending == 0
    assert transport.state == "closed"
    assert log.states == ["connecting", "connected"]
    assert client.dtls._task is not None
    await soon(asyncio.wait([client.dtls._task]))
    assert client.sctp is not None
    assert (client.dtls.state, client.sctp.state) == ("closed", "closed")
    assert not transport.send_message("_reliable", b"late")
    transport.send_rtp(rtp(1))


async def test_a_client_that_says_goodbye_closes(bench: Bench) -> None:
    _, log, client = await bench.connected()
    await client.dtls.stop()
    await log.reached("closed")
    assert bench.known == (0, 0)


async def test_two_clients_on_one_socket_are_kept_apart(bench: Bench) -> None:
    one, one_log, one_client = await bench.connected()
    two, two_log, two_client = await bench.connected()
    await one_client.send_rtp(rtp(1, b"one"))
    await two_client.send_rtp(rtp(1, b"two"))
    assert (await soon(one_log.rtp.get()))[0] == rtp(1, b"one")
    assert (await soon(two_log.rtp.get()))[0] == rtp(1, b"two")
    one.close()
    two.send_rtp(rtp(1))
    assert await soon(two_client.dtls.rtp.get()) == rtp(1)


async def test_an_address_may_pass_to_another_participant(bench: Bench) -> None:
    one, _, client = await bench.connected()
    two, two_log = bench.transport()
    client.learn(two)
    await client.check()  # the same address, as another one behind the same NAT
    assert bench.known == (2, 1)
    one.close()
    assert bench.known == (1, 1)
    assert two_log.states == []


async def test_a_flood_of_one_participant_is_cut(bench: Bench) -> None:
    transport, log, client = await bench.connected(data=False)
    transport._datagrams = TokenBucket(1, 3)
    for sequence in range(1, 9):
        await client.send_rtp(rtp(sequence))
    read(bench)
    assert log.rtp.qsize() == 3
    assert transport.dropped["too many"] == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=40),
            st.binary(max_size=40).map(lambda body: b"\x80" + body),
            st.binary(max_size=40).map(lambda body: b"\x80\xc8" + body),
            st.binary(max_size=40).map(lambda body: b"\x17\xfe\xfd" + bytes(10) + body),
            st.binary(max_size=40).map(lambda body: b"\x16\xfe\xfd" + bytes(10) + body),
        ),
        min_size=1,
        max_size=5,
    )
)
async def test_garbage_from_a_known_address_changes_nothing(
    bench: Bench, datagrams: list[bytes]
) -> None:
    if not bench.transports:
        await bench.connected(data=False)
    transport, log, client = bench.transports[0], bench.transports[0]._events, bench.clients[0]
    assert isinstance(log, TransportLog)
    for datagram in datagrams:
        client.send_raw(datagram)
    read(bench)
    assert log.states == ["connecting", "connected"]
    assert log.rtp.empty()
    assert log.rtcp.empty()
    assert bench.known == (1, 1)
    assert transport.state == "connected"


async def test_media_before_the_handshake_is_dropped(bench: Bench) -> None:
    transport, _ = bench.transport()
    client = await bench.client()
    client.learn(transport)
    await client.check()
    client.send_raw(rtp(1))
    client.send_raw(b"\x16\xfe\xfd" + bytes(20))
    transport.send_rtp(rtp(1))
    read(bench)
    assert transport.dropped == {"early or short": 1, "garbage": 1}


async def test_a_handshake_without_srtp_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_connection: object) -> tuple[str, bytes]:
        raise ValueError("no SRTP profile was agreed on")

    monkeypatch.setattr(transport_module.DtlsConnection, "srtp_keys", nothing)
    transport, log = bench.transport()
    client = await bench.client()
    client.introduce(transport)
    await client.check()
    await client.shake_hands(transport)
    await log.reached("failed")


async def test_who_closes_when_told_of_the_connection_is_told_no_more(bench: Bench) -> None:
    transport, log = bench.transport()
    transport.open_channel("_lossy", ordered=False, max_retransmits=0)
    original = log.on_state

    def close(state: str) -> None:
        original(state)
        if state == "connected":
            transport.close()

    log.on_state = close
    client = await bench.client()
    await client.connect(transport)
    await log.reached("connected")
    assert bench.known == (0, 0)


async def test_without_an_owner_nothing_is_told(bench: Bench) -> None:
    transport, log, client = await bench.connected()
    channel = await client.opened("_reliable")
    await soon(log.channels.get())
    transport._events = None
    await client.send_rtp(rtp(1))
    channel.send(b"to nobody")
    client.open_channel("_lossy")
    await client.check()
    assert log.rtp.empty()
    assert log.messages.empty()


async def test_a_check_signed_for_somebody_else_is_not_taken(bench: Bench) -> None:
    one, _ = bench.transport()
    two, _ = bench.transport()
    client = await bench.client()
    client.learn(one)
    message: other.Message = client.request()
    answer = await client.ask(message, key=two.pwd)
    assert answer.error_code == 401
