"""Signalling connections on real sockets, before a room server that writes down what it is told."""

from __future__ import annotations

import asyncio
import json

import pytest
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import (
    LeaveRequest,
    MuteTrackRequest,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    UpdateParticipantMetadata,
)

from greenroom.api.livekit_rooms import signal_socket
from support.signalling import HELLO, PING, closed, joining, received, rooms_app


async def test_messages_go_both_ways_in_order() -> None:
    async with rooms_app() as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        asked = [SignalRequest(mute=MuteTrackRequest(sid=f"TR_{n}")) for n in range(40)]
        for request in asked:
            await socket.send(request.SerializeToString())
        await place.wait(40)
        assert place.requests == asked
        for number in range(100):
            place.channel.send(SignalResponse(pong=number))
        assert [(await received(socket)).pong for _ in range(100)] == list(range(100))
        place.channel.send(SignalResponse(leave=LeaveRequest()))
        place.channel.close("the room is closed")
        place.channel.close("again")
        place.channel.send(SignalResponse(pong=1))
        assert (await received(socket)).WhichOneof("message") == "leave"
        assert await closed(socket) == (1000, "the room is closed")
        await place.wait_gone()


async def test_a_client_that_writes_json_is_answered_in_json() -> None:
    async with rooms_app() as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        await socket.send('{"pingReq": {"timestamp": "1"}, "later": true}')
        await place.wait(1)
        assert place.requests == [PING]
        place.channel.send(SignalResponse(pong=5))
        async with asyncio.timeout(5):
            assert json.loads(await socket.recv()) == {"pong": "5"}


async def test_a_client_that_goes_leaves_its_place_to_come_back_to() -> None:
    async with rooms_app() as (url, rooms):
        async with joining(url) as socket:
            await received(socket)
        place = rooms.places[0]
        await place.wait_gone()
        assert not place.requests


LONG = SignalRequest(update_metadata=UpdateParticipantMetadata(metadata="m" * 3_000))


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\xff\xff\xff", "read"),
        ("{", "read"),
        ('{"offer": 1}', "read"),
        (LONG.SerializeToString(), "long"),
        (bytes(10_000), "long"),
        ("x" * 10_000, "long"),
    ],
)
async def test_garbage_ends_the_place_with_a_reason(frame: bytes | str, why: str) -> None:
    bounds = {"max_message_bytes": 2_048, "max_description_bytes": 8_192}
    async with rooms_app(**bounds) as (url, rooms), joining(url) as socket:
        await received(socket)
        await socket.send(frame)
        async with asyncio.timeout(5):
            last = await socket.recv()
        if isinstance(last, bytes):
            leave = SignalResponse.FromString(last).leave
            assert leave.reason == DisconnectReason.STATE_MISMATCH
        else:
            assert json.loads(last)["leave"]["reason"] == "STATE_MISMATCH"
        code, reason = await closed(socket)
        assert (code, why in (reason or "")) == (1000, True)
        place = rooms.places[0]
        await place.wait_gone()
        assert [request.WhichOneof("message") for request in place.requests] == ["leave"]


async def test_a_description_may_be_longer_than_other_messages() -> None:
    offer = SignalRequest(offer=SessionDescription(type="offer", sdp="s" * 5_000))
    bounds = {"max_message_bytes": 2_048, "max_description_bytes": 8_192}
    async with rooms_app(**bounds) as (url, rooms), joining(url) as socket:
        await received(socket)
        await socket.send(offer.SerializeToString())
        await rooms.places[0].wait(1)
        assert rooms.places[0].requests == [offer]


async def test_a_client_that_reads_nothing_is_given_up() -> None:
    async with rooms_app(max_unsent_bytes=100_000) as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        for number in range(10_000):
            place.channel.send(SignalResponse(leave=LeaveRequest(), pong=number))
        place.channel.send(SignalResponse(refresh_token="x" * 200_000))
        await place.wait_gone()
        place.channel.send(SignalResponse(pong=1))


async def test_a_client_that_takes_no_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_socket, "SEND_TIMEOUT", 0.05)
    async with rooms_app(max_unsent_bytes=20_000_000) as (url, rooms), joining(url) as socket:
        socket.transport.pause_reading()
        place = rooms.places[0]
        # More than the system takes for both ends of a connection.
        for _ in range(150):
            place.channel.send(SignalResponse(refresh_token="x" * 100_000))
        await place.wait_gone()
        socket.transport.abort()


async def test_a_client_whose_pings_stop_is_lost() -> None:
    async with rooms_app(ping_timeout=0.05) as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        await socket.send(SignalRequest(mute=MuteTrackRequest()).SerializeToString())
        for _ in range(2):
            await socket.send(PING.SerializeToString())
        await place.wait_gone()
        assert len(place.requests) == 3


async def test_a_flood_of_messages_is_taken_at_a_measured_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal_socket, "MAX_RATE", 30)
    async with rooms_app() as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        began = asyncio.get_running_loop().time()
        for _ in range(40):
            await socket.send(PING.SerializeToString())
        await place.wait(40)
        assert asyncio.get_running_loop().time() - began > 0.8


async def test_what_the_room_server_gets_wrong_ends_one_connection_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with rooms_app() as (url, rooms), joining(url) as socket:
        await received(socket)
        place = rooms.places[0]
        place.receive = lambda _: 1 // 0  # type: ignore[method-assign, assignment, return-value]
        await socket.send(PING.SerializeToString())
        await place.wait_gone()
        await closed(socket)
        assert "ZeroDivisionError" in caplog.text
        async with joining(url) as another:
            assert await received(another) == HELLO
