"""The real server as a process, a network that can be cut, and a server that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.server import SCRIPTED, running_server
from support.speech import say
from websockets.asyncio.server import ServerConnection, serve


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GREENROOM_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server for all tests that don't end it; it runs in a loop of its own."""
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    loop = asyncio.new_event_loop()
    ready: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()

    async def run() -> None:
        async with running_server(folder, **SCRIPTED) as server:
            ready.put_nowait(server.url)
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    yield asyncio.run_coroutine_threadsafe(ready.get(), loop).result(30)
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Said by a synthetic voice, as pcm16 at 16 kHz, with enough silence to end the turn."""
    folder = tmp_path_factory.mktemp("voice")
    pcm = asyncio.run(say("show me running shoes under one hundred dollars", folder))
    return pcm.astype("<i2").tobytes()


class Network:
    """A TCP proxy to `host:port`. `cut` breaks every connection, `down` refuses new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.down = False
        self.url = ""

    async def __aenter__(self) -> Network:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@pytest.fixture
def network() -> Callable[[str], Network]:
    """Makes a `Network` in front of a URL."""

    def make(url: str) -> Network:
        host, port = url.removeprefix("http://").split(":")
        return Network(host, int(port))

    return make


Script = Callable[["FakePeer"], Awaitable[None]]


@dataclass
class FakePeer:
    """The server's side of one connection."""

    socket: ServerConnection
    number: int
    start: dict[str, Any]
    received: list[dict[str, Any]]

    async def send(self, kind: str, **data: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "data": data}))

    async def next(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; those before it are noted as well."""
        async for text in self.socket:
            message = json.loads(text)
            self.received.append(message)
            if message["type"] == kind:
                return message
        raise ConnectionError("the client has gone")

    def drop(self) -> None:
        """Break the connection without a close."""
        self.socket.transport.abort()


@dataclass
class FakeServer:
    """Answers `session.start`, then runs the script of that connection (the last one again)."""

    scripts: list[Script]
    url: str = ""
    starts: list[dict[str, Any]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Holds every session.ready but the first, if it is cleared."""
    _started: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_starts(self, count: int) -> None:
        """Return when so many connections have sent `session.start`."""
        async with asyncio.timeout(10), self._started:
            await self._started.wait_for(lambda: len(self.starts) >= count)

    async def handle(self, socket: ServerConnection) -> None:
        number = len(self.starts)
        assert socket.request is not None
        self.headers.append(dict(socket.request.headers.raw_items()))
        start = json.loads(await socket.recv())
        self.starts.append(start)
        async with self._started:
            self._started.notify_all()
        if number:
            await self.gate.wait()
        peer = FakePeer(socket, number, start, self.received)
        script = self.scripts[min(number, len(self.scripts) - 1)]
        if not getattr(script, "before_ready", False):
            await peer.send("session.ready", session_id="s1", room="r", token="lk-secret")
        with contextlib.suppress(ConnectionError):
            await script(peer)


@pytest.fixture
async def fake() -> AsyncIterator[Callable[..., Awaitable[FakeServer]]]:
    """Starts a `FakeServer` with scripts."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*scripts: Script) -> FakeServer:
            made = FakeServer(list(scripts))
            made.gate.set()
            server = await stack.enter_async_context(serve(made.handle, "127.0.0.1", 0))
            made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return made

        yield start
