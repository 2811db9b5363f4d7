"""An HTTP/1.1 server on a real socket whose every byte a test can hold back, break off or spoil."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import h11


@dataclass(frozen=True)
class Part:
    """One field of a multipart form."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


@dataclass
class Request:
    """What came. `connection` numbers the sockets from 1; `gone` is set if the client goes away."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def json(self) -> Any:
        return json.loads(self.body)

    def parts(self) -> list[Part]:
        """The fields of a multipart form. Raises ValueError for what is none."""
        kind = self.headers.get("content-type", "")
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        if not message.is_multipart() or message.defects:
            raise ValueError("no multipart form")
        return [
            Part(
                str(part.get_param("name", header="content-disposition")),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True) or b"",
            )
            for part in message.iter_parts()
        ]

    def form(self) -> dict[str, list[str]]:
        """The fields of a multipart form that are no files."""
        found: dict[str, list[str]] = {}
        for part in self.parts():
            if part.filename is None:
                found.setdefault(part.name, []).append(part.content.decode())
        return found


class Reply:
    """The answer to one request."""

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self._connection, self._writer = connection, writer

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send the head. Without a content-length the body goes out in chunks."""
        await self._write(h11.Response(status_code=status, headers=list(headers.items())))

    async def send(self, data: bytes) -> None:
        await self._write(h11.Data(data=data))

    async def end(self) -> None:
        await self._write(h11.EndOfMessage())

    async def whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await self.start(status, headers | {"content-length": str(len(body))})
        await self.send(body)
        await self.end()

    async def cut(self) -> None:
        """Break the connection off, as a crash would."""
        await self._writer.drain()
        self._writer.transport.abort()

    async def _write(self, event: h11.Event) -> None:
        self._writer.write(self._connection.send(event) or b"")
        await self._writer.drain()


Handler = Callable[[Request, Reply], Awaitable[None]]


@dataclass
class HttpServer:
    """A server that runs. `open_connections` are those of this moment."""

    port: int = 0
    open_connections: int = 0
    connections: int = 0


@asynccontextmanager
async def http_server(handler: Handler) -> AsyncIterator[HttpServer]:
    """A server on a free port of this machine; ended with all its connections."""
    running = HttpServer()
    numbers = itertools.count(1)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        running.open_connections += 1
        running.connections = number = next(numbers)
        try:
            await _serve(handler, number, reader, writer)
        except (OSError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass  # the client went, or the server ends
        finally:
            running.open_connections -= 1
            tasks.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    handler: Handler, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connection = h11.Connection(h11.SERVER)
    while True:
        request = await _read(connection, reader, number)
        if request is None:
            return
        work = asyncio.ensure_future(handler(request, Reply(connection, writer)))
        watch = asyncio.create_task(reader.read(65_536))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not watch.result():
                request.gone.set()
                return
            await work
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, number: int
) -> Request | None:
    """The next request; None where the client closes."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65_536)
            connection.receive_data(data)
            if not data:
                return None
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode(): value.decode() for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode(), headers, bytes(body), number)
        else:
            return None
