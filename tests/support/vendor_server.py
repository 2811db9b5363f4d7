"""What the stand-ins for vendors of speech share: real sockets, faults by plan, a memory."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self
from zlib import crc32

import numpy as np
from aiohttp import web

from greenroom.audio.pcm import Pcm

KEY = "a-key-that-must-not-be-logged"
MS_PER_CHARACTER = 20


@dataclass(eq=False)
class Connection:
    """One request or WebSocket, as the server saw it."""

    path: str
    query: dict[str, list[str]]
    fault: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None

    @property
    def pcm(self) -> Pcm:
        return np.frombuffer(bytes(self.audio), "<i2")

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("type") == kind]


class VendorServer:
    """A context manager. `plan` holds what befalls the next connections; "" goes well.

    At the handshake: `401`, `403`, `429`, `500`, and `hang`, which never answers it. In the middle:
    `cut` (the TCP connection is reset), `garbage` (not JSON), `close:<code>`, `mute` (no more
    answers), `hold` (the rest of an utterance is not sent). A vendor says where its middle is.
    """

    def __init__(self) -> None:
        self.plan: deque[str] = deque()
        self.connections: list[Connection] = []
        self.connected = asyncio.Condition()
        self._app = web.Application()
        self._stop = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()
        self.url = ""
        self.routes(self._app.router)

    def routes(self, router: web.UrlDispatcher) -> None:
        raise NotImplementedError

    def authorised(self, request: web.Request) -> bool:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._runner.cleanup()

    async def begin(self, request: web.Request) -> Connection:
        """Note a connection; raise what the plan or a wrong key asks for."""
        query = {name: request.query.getall(name) for name in request.query}
        connection = Connection(request.path, query, self.plan.popleft() if self.plan else "")
        self.connections.append(connection)
        async with self.connected:
            self.connected.notify_all()
        match connection.fault:
            case "401" | "403" | "429" | "500":
                headers = {"Retry-After": "7"} if connection.fault == "429" else {}
                connection.ended.set()
                raise _refusal(int(connection.fault), headers)
            case "hang":
                await self._stop.wait()
        if not self.authorised(request):
            connection.ended.set()
            raise _refusal(401, {})
        return connection

    async def accept(self, request: web.Request) -> tuple[Connection, web.WebSocketResponse]:
        connection = await self.begin(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        return connection, socket

    async def befall(
        self, connection: Connection, request: web.Request, socket: web.WebSocketResponse
    ) -> bool:
        """Carry a fault of the middle out; whether the connection is of no more use."""
        match connection.fault.partition(":"):
            case ("cut", _, _):
                assert request.transport is not None
                request.transport.abort()
                return True
            case ("garbage", _, _):
                connection.fault = ""
                await socket.send_str("{this is not JSON")
                return False
            case ("close", _, code):
                await socket.close(code=int(code), message=b"as planned")
                return True
            case ("mute" | "hold", _, _):
                return True
        return False

    def end(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        self._sockets.discard(socket)
        connection.close_code = socket.close_code
        connection.ended.set()

    async def hang_up(self) -> None:
        """Close every WebSocket, as servers do with connections that lie idle."""
        for socket in list(self._sockets):
            await socket.close()

    async def wait_for_connections(self, count: int) -> None:
        async with asyncio.timeout(5), self.connected:
            await self.connected.wait_for(lambda: len(self.connections) >= count)


def _refusal(status: int, headers: dict[str, str]) -> web.HTTPException:
    class Refusal(web.HTTPException):
        status_code = status

    return Refusal(headers=headers, text='{"error": "as planned"}')


def sound_of(text: str, voice: str, rate: int) -> Pcm:
    """A tone whose length is that of the text and whose pitch is the voice's."""
    count = len(text) * rate * MS_PER_CHARACTER // 1000
    pitch = 100 + crc32(voice.encode()) % 300
    return (8_000 * np.sin(2 * np.pi * pitch * np.arange(count) / rate)).astype(np.int16)


def pitch_of(pcm: Pcm, rate: int) -> float:
    """Hz, of a tone."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64)))
    return float(np.argmax(spectrum) * rate / len(pcm))
