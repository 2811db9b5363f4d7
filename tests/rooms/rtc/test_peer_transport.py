"""A whole transport with a client over loopback: ICE, DTLS, SRTP and data channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.errors import CapacityExceeded
from greenroom.rooms.rtc import transport as transport_module
from greenroom.rooms.rtc.ports import Transport
from greenroom.rooms.rtc.token_bucket import TokenBucket
from support.transport_bench import (
    CERTIFICATE,
    RECEIVER_REPORT,
    Bench,
    read,
    rtp,
    transport_bench,
)
from support.webrtc_client import TransportLog, soon


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with transport_bench() as bench:
        yield bench


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


async def test_a_flood_of_one_participant_is_cut(bench: Bench) -> None:
    transport, log, client = await bench.connected(data=False)
    transport._datagrams = TokenBucket(1, 3)
    for sequence in range(1, 9):
        await client.send_rtp(rtp(sequence))
    read(bench)
    assert log.rtp.qsize() == 3
    assert transport.dropped["too many"] == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
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
