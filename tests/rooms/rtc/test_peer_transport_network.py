"""Who may connect to a transport, and what becomes of it when the network changes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from aioice import stun as other
from aiortc import RTCCertificate

from support.transport_bench import (
    RECEIVER_REPORT,
    Bench,
    read,
    rtp,
    transport_bench,
)
from support.webrtc_client import soon

OTHER_CERTIFICATE = RTCCertificate.generateCertificate()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with transport_bench() as bench:
        yield bench


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


async def test_an_address_may_pass_to_another_participant(bench: Bench) -> None:
    one, _, client = await bench.connected()
    two, two_log = bench.transport()
    client.learn(two)
    await client.check()  # the same address, as another one behind the same NAT
    assert bench.known == (2, 1)
    one.close()
    assert bench.known == (1, 1)
    assert two_log.states == []


async def test_a_check_signed_for_somebody_else_is_not_taken(bench: Bench) -> None:
    one, _ = bench.transport()
    two, _ = bench.transport()
    client = await bench.client()
    client.learn(one)
    message: other.Message = client.request()
    answer = await client.ask(message, key=two.pwd)
    assert answer.error_code == 401
