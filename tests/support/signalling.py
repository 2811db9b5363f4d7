"""Signalling connections to a room server that writes down what it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlencode

from livekit.protocol.rtc import (
    JoinRequest,
    JoinResponse,
    Ping,
    SignalRequest,
    SignalResponse,
    WrappedJoinRequest,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from greenroom.api.livekit_rooms.app import create_rooms_app
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
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
        compression=kind, join_request=gzip.compress(data, mtime=0) if packed else data
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
