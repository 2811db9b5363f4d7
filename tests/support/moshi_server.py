"""An upstream server of the chat protocol on a real socket: one conversation, faults by plan."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ogg_opus import PAGE, OpusStreamReader, OpusStreamWriter


@dataclass(eq=False)
class Caller:
    """A connection, as the server saw it."""

    query: dict[str, str]
    fault: str
    sound: list[Pcm] = field(default_factory=list)
    controls: list[int] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    socket: ServerConnection | None = None
    writer: OpusStreamWriter = field(default_factory=OpusStreamWriter)

    @property
    def pcm(self) -> Pcm:
        return np.concatenate((EMPTY, *self.sound))

    async def send(self, kind: int, payload: bytes = b"") -> None:
        assert self.socket is not None
        await self.socket.send(bytes((kind,)) + payload)

    async def say(self, text: str = "", level: int = 6_000) -> None:
        """A frame of a tone, or of silence, and a piece of words."""
        tone = (level * np.sin(np.arange(PAGE) / 19)).astype(np.int16)
        await self.send(1, self.writer.write(tone))
        if text:
            await self.send(2, text.encode())

    def cut(self) -> None:
        assert self.socket is not None
        self.socket.transport.abort()


class MoshiServer:
    """A context manager. It answers each message of sound with a frame of its own, silent as long
    as `words` has nothing more to say. A second caller waits for the first one's end without a
    word.

    `plan` holds what befalls the next connections; "" goes well. `401`, `429`; `hang` (no answer
    to the upgrade); `mute` (no handshake); `die` (before the handshake); `error` (instead of the
    handshake). Upon the first sound: `cut` (before a word), `mid-word` (a word, then cut),
    `mid-word-error`, `bye` (a word, then a clean end), `leave` (a clean end without a word),
    `garbage`, `silent`.
    """

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        self.words = words
        self.plan: deque[str] = deque()
        self.callers: list[Caller] = []
        self.changed = asyncio.Condition()
        self.most = 0
        self._talking = 0
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._request,
            compression=None,
            close_timeout=0.2,
            ping_interval=None,
        )
        return self

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def die(self) -> None:
        """Like a process that is killed."""
        assert self._server is not None
        self._stop.set()
        for caller in self.callers:
            if caller.socket is not None:
                caller.cut()
        self._server.close(close_connections=False)

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._stop.set()
        self._server.close()
        await self._server.wait_closed()

    async def caller(self, number: int = 1) -> Caller:
        """The one with this number, from 1, once it has come."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.callers) >= number)
        return self.callers[number - 1]

    async def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        query = {k: v[0] for k, v in parse_qs(urlsplit(request.path).query).items()}
        caller = Caller(query, self.plan.popleft() if self.plan else "")
        self.callers.append(caller)
        await self._tell()
        if caller.fault.isdecimal():
            response = socket.respond(HTTPStatus(int(caller.fault)), "no")
            response.headers["Retry-After"] = "77"
            return response
        if caller.fault == "hang":
            await self._stop.wait()
        socket.caller = caller  # type: ignore[attr-defined]
        return None

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _talk(self, socket: ServerConnection) -> None:
        caller: Caller = socket.caller  # type: ignore[attr-defined]
        caller.socket = socket
        try:
            async with self._turn:
                self._talking += 1
                self.most = max(self.most, self._talking)
                try:
                    await self._converse(caller, socket)
                finally:
                    self._talking -= 1
        except ConnectionClosed:
            pass
        finally:
            caller.ended.set()
            await self._tell()

    async def _converse(self, caller: Caller, socket: ServerConnection) -> None:
        match caller.fault:
            case "mute":
                await socket.wait_closed()
            case "die":
                caller.cut()
            case "error":
                await caller.send(5, b"no such voice")
        await caller.send(4, b"{}")
        await caller.send(0)
        words = deque(self.words)
        reader = OpusStreamReader()
        async for message in socket:
            assert isinstance(message, bytes)
            if message[0] == 3:
                caller.controls.append(message[1])
            else:
                caller.sound.append(reader.read(message[1:]))
                if await self._misbehave(caller, socket):
                    return
                if caller.fault != "silent":
                    word = words.popleft() if words else ""
                    await caller.say(word, 6_000 if word else 0)
            await self._tell()

    async def _misbehave(self, caller: Caller, socket: ServerConnection) -> bool:
        match caller.fault:
            case "cut":
                await caller.say(level=0)
                await socket.send(b"")
                caller.cut()
            case "mid-word" | "mid-word-error" | "bye":
                await caller.say("Hel")
                if caller.fault == "mid-word-error":
                    await caller.send(5, b"out of memory")
                if caller.fault == "mid-word":
                    await socket.ping()
                    caller.cut()
            case "leave":
                pass
            case "garbage":
                await caller.send(1, b"this is no Ogg at all " * 5_000)
            case _:
                return False
        return True
