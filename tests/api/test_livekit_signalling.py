"""Signalling connections on real sockets, before a room server that writes down what it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import pytest
from livekit.protocol.models import ClientInfo, DisconnectReason
from livekit.protocol.rtc import (
    ConnectionSettings,
    JoinRequest,
    JoinResponse,
    LeaveRequest,
    MuteTrackRequest,
    Ping,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SyncState,
    UpdateParticipantMetadata,
    WrappedJoinRequest,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from greenroom.api.livekit_rooms import signal_socket
from greenroom.api.livekit_rooms.app import create_rooms_app
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.errors import CapacityExceeded, Forbidden, InvalidInput
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters, SignalChannel
from greenroom.rooms.embedded.server import RoomServer
from greenroom.settings import RoomSettings
from support.rooms import KEY, SECRET, room_token
from support.serving import serving

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of the system's certificates."""

PING = SignalRequest(ping_req=Ping(timestamp=1))
HELLO = SignalResponse(join=JoinResponse(server_version="1"))


class Place:
    """A client's place: what it said, and its end."""

    participant_sid = "PA_1"

    def __init__(self, grants: Grants, parameters: JoinParameters, channel: SignalChannel) -> None:
        self.grants, self.parameters, self.channel = grants, parameters, channel
        self.requests: list[SignalRequest] = []
        self.changed = asyncio.Event()
        self.gone = asyncio.Event()

    def receive(self, request: SignalRequest) -> None:
        self.requests.append(request)
        self.changed.set()

    def lost(self) -> None:
        self.gone.set()

    async def wait(self, requests: int) -> None:
        async with asyncio.timeout(5):
            while len(self.requests) < requests:
                self.changed.clear()
                await self.changed.wait()

    async def wait_gone(self) -> None:
        async with asyncio.timeout(5):
            await self.gone.wait()


class WritingRooms:
    """Stands in for the room server: lets everybody in, unless it has an `error` to raise."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.places: list[Place] = []

    def check_join(self, grants: Grants, parameters: JoinParameters) -> None:
        if self.error is not None:
            raise self.error

    def join(self, grants: Grants, parameters: JoinParameters, channel: SignalChannel) -> Place:
        self.check_join(grants, parameters)
        channel.send(HELLO)
        self.places.append(Place(grants, parameters, channel))
        return self.places[-1]


@asynccontextmanager
async def rooms_app(
    *, single_pc: bool = True, ping_timeout: float = 30.0, **settings: Any
) -> AsyncIterator[tuple[str, WritingRooms]]:
    rooms = WritingRooms()
    app = create_rooms_app(
        cast("RoomServer", rooms),
        RoomSettings(**settings),
        {KEY: SECRET},
        single_pc=single_pc,
        ping_timeout=ping_timeout,
    )
    async with serving(app, http=BoundedHttpProtocol, ws=BoundedWebSocketProtocol) as url:
        yield url, rooms


def joining(url: str, path: str = "/rtc", token: str | None = None, **query: str) -> connect:
    token = room_token("ann") if token is None else token
    asked = urlencode({"access_token": token} | query)
    ws = url.replace("http", "ws", 1)
    return connect(f"{ws}{path}?{asked}", compression=None, proxy=None, max_size=None)


def wrapped(request: JoinRequest, *, packed: bool = True, padded: bool = False) -> str:
    data = request.SerializeToString()
    kind = WrappedJoinRequest.GZIP if packed else WrappedJoinRequest.NONE
    outer = WrappedJoinRequest(
        compression=kind, join_request=gzip.compress(data) if packed else data
    )
    text = base64.urlsafe_b64encode(outer.SerializeToString()).decode()
    return text if padded else text.rstrip("=")


async def received(socket: ClientConnection) -> SignalResponse:
    async with asyncio.timeout(5):
        frame = await socket.recv()
    assert isinstance(frame, bytes)
    return SignalResponse.FromString(frame)


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


# -- joining ---------------------------------------------------------------------------------------


async def test_a_client_of_two_peer_connections_joins_by_its_query() -> None:
    attributes = base64.urlsafe_b64encode(b'{"seat": "3"}').decode()
    async with rooms_app() as (url, rooms):
        async with joining(
            url,
            auto_subscribe="0",
            adaptive_stream="1",
            sdk="js",
            version="2.23.0",
            protocol="16",
            os="macOS",
            browser="Chrome",
            attributes=attributes,
            unheard_of="x",
        ) as socket:
            assert await received(socket) == HELLO
        place = rooms.places[0]
        await place.wait_gone()
    assert (place.grants.identity, place.grants.room, place.grants.name) == ("ann", "room", "Ann")
    assert place.parameters == JoinParameters(
        single_pc=False,
        auto_subscribe=False,
        adaptive_stream=True,
        protocol=16,
        client_info=ClientInfo(
            sdk="JS", version="2.23.0", protocol=16, os="macOS", browser="Chrome"
        ),
        attributes={"seat": "3"},
    )


@pytest.mark.parametrize(("packed", "padded"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("path", ["/rtc/v1", "/rtc/v1/"])
async def test_a_client_of_one_peer_connection_joins_by_one_message(
    packed: bool, padded: bool, path: str
) -> None:
    # As long as the offer of a browser with many codecs, and not to be packed well.
    offer = SessionDescription(type="offer", sdp="".join(map(chr, range(33, 120))) * 200, id=1)
    request = JoinRequest(
        client_info=ClientInfo(sdk=ClientInfo.PYTHON, protocol=17),
        connection_settings=ConnectionSettings(auto_subscribe=True, adaptive_stream=True),
        publisher_offer=offer,
        participant_attributes={"a": "b"},
        metadata="m",
        participant_sid="PA_9",
        reconnect=True,
        sync_state=SyncState(publish_tracks=[]),
    )
    query = {"join_request": wrapped(request, packed=packed, padded=padded)}
    async with rooms_app() as (url, rooms), joining(url, path, **query) as socket:
        assert await received(socket) == HELLO
        assert rooms.places[0].parameters == JoinParameters(
            single_pc=True,
            auto_subscribe=True,
            adaptive_stream=True,
            protocol=17,
            client_info=request.client_info,
            publisher_offer=offer,
            attributes={"a": "b"},
            metadata="m",
            reconnect=True,
            participant_sid="PA_9",
            sync_state=request.sync_state,
        )


async def test_the_token_may_come_in_a_header_and_the_room_in_the_query() -> None:
    token = room_token("ann", room="")
    async with rooms_app() as (url, rooms):
        ws = url.replace("http", "ws", 1) + "/rtc?room=lobby&reconnect=1&sid=PA_1&protocol=x"
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(ws, additional_headers=headers, proxy=None) as socket:
            await received(socket)
    place = rooms.places[0]
    assert place.grants.room == "lobby"
    assert (place.parameters.reconnect, place.parameters.participant_sid) == (True, "PA_1")
    assert place.parameters.auto_subscribe
    assert place.parameters.protocol == 0


def bomb() -> str:
    """Ten million bytes in ten thousand."""
    outer = WrappedJoinRequest(
        compression=WrappedJoinRequest.GZIP, join_request=gzip.compress(bytes(10_000_000))
    )
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


def cut_off() -> str:
    data = gzip.compress(JoinRequest(metadata="m" * 100).SerializeToString())
    outer = WrappedJoinRequest(compression=WrappedJoinRequest.GZIP, join_request=data[:-9])
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


def of_compression(number: int) -> str:
    outer = WrappedJoinRequest(join_request=b"")
    outer.compression = cast("Any", number)
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


@pytest.mark.parametrize(
    "join_request",
    [
        bomb(),
        cut_off(),
        of_compression(7),
        wrapped(JoinRequest(metadata="m" * 70_000), packed=False)[:40_000],
        wrapped(JoinRequest(metadata="m" * 30_000), packed=False),
        "§",
        "!!!!",
        "AAAAA",
        base64.urlsafe_b64encode(b"\xff\xff\xff").decode(),
    ],
)
async def test_a_join_request_that_is_spoiled_or_too_long_is_refused(join_request: str) -> None:
    async with rooms_app(max_description_bytes=20_000) as (url, rooms):
        with pytest.raises(InvalidStatus) as refused:
            await joining(url, "/rtc/v1", join_request=join_request).__aenter__()
        assert refused.value.response.status_code == 400
        assert b"join_request" in refused.value.response.body
        assert not rooms.places


# -- who is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Forbidden("no permission to join"), 401),
        (InvalidInput("room", "is missing"), 400),
        (CapacityExceeded("participants", 2), 503),
        (NotInRoom("room", "r"), 404),
    ],
)
async def test_who_may_not_join_is_told_by_validation_and_by_the_handshake_alike(
    error: Exception, status: int
) -> None:
    async with rooms_app() as (url, rooms):
        rooms.error = error
        for path in ("/rtc", "/rtc/v1"):
            with pytest.raises(InvalidStatus) as refused:
                await joining(url, path).__aenter__()
            assert refused.value.response.status_code == status
            answer = await validated(url, f"{path}/validate")
            assert (answer.status_code, answer.content) == (status, refused.value.response.body)
            assert str(error) in answer.text


async def validated(url: str, path: str, token: str | None = None, **query: str) -> httpx.Response:
    query = {"access_token": room_token("ann") if token is None else token} | query
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        return await client.get(url + path, params=query)


@pytest.mark.parametrize("token", ["", "nonsense"])
async def test_without_a_valid_token_nobody_is_let_in(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with rooms_app() as (url, rooms):
        with pytest.raises(InvalidStatus) as refused:
            await joining(url, token=token).__aenter__()
        assert refused.value.response.status_code == 401
        assert (await validated(url, "/rtc/validate", token)).status_code == 401
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
            headers = {"Authorization": f"Basic {room_token('ann')}"}
            answer = await client.get(url + "/rtc/validate", headers=headers)
            assert (answer.status_code, "Bearer" in answer.text) == (401, True)
        assert not rooms.places
    # uvicorn takes a refusal for a defect of the application.
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("path", ["/rtc/validate", "/rtc/validate/", "/rtc/v1/validate"])
async def test_pages_of_any_origin_read_that_they_may_join(path: str) -> None:
    async with rooms_app() as (url, _):
        answer = await validated(url, path)
        assert (answer.status_code, answer.text) == (200, "success")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert (await validated(url, "/")).text == "OK"


async def test_what_cannot_be_read_is_told_by_validation() -> None:
    async with rooms_app() as (url, _):
        many = {f"p{number}": "" for number in range(100)}
        assert (await validated(url, "/rtc/validate", **many)).status_code == 400
        for spoiled in ("!!", "W10=", "eyJhIjogMX0="):
            answer = await validated(url, "/rtc/validate", attributes=spoiled)
            assert (answer.status_code, "attributes" in answer.text) == (400, True)


async def test_without_the_newer_signalling_clients_are_sent_to_the_older() -> None:
    async with rooms_app(single_pc=False) as (url, _):
        with pytest.raises(InvalidStatus) as refused:
            await joining(url, "/rtc/v1").__aenter__()
        assert refused.value.response.status_code == 404
        for path in ("/rtc/v1/validate", "/rtc/v1"):
            answer = await validated(url, path)
            assert answer.status_code == 404
            assert answer.headers["access-control-allow-origin"] == "*"
        async with joining(url) as socket:
            assert await received(socket) == HELLO


# -- talking ---------------------------------------------------------------------------------------


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
