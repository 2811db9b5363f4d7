"""How clients ask to join, on real sockets, and who is refused."""

from __future__ import annotations

import base64
import gzip
from typing import Any, cast

import httpx
import pytest
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    SyncState,
    WrappedJoinRequest,
)
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from greenroom.errors import CapacityExceeded, Forbidden, InvalidInput
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.joining import JoinParameters
from support.rooms import room_token
from support.signalling import HELLO, NO_TLS, joining, received, rooms_app, wrapped

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
        compression=WrappedJoinRequest.GZIP, join_request=gzip.compress(bytes(10_000_000), mtime=0)
    )
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


def cut_off() -> str:
    data = gzip.compress(JoinRequest(metadata="m" * 100).SerializeToString(), mtime=0)
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
