"""uvicorn's connections with the bounds that it lacks, by raw sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from greenroom.api import message_socket, server_protocol
from greenroom.api.server_protocol import BoundedHttpProtocol
from greenroom.api.socket_writer import Writer
from support.commerce import API_KEY, RunningApi

StartApi = Callable[..., Awaitable[RunningApi]]
UPGRADE = (
    b"GET /ws/voice/session HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
    b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"authorization: Bearer " + API_KEY.encode() + b"\r\n\r\n"
)
_PHRASE = b"Request Header Fields Too Large"
HEAD = b"GET /health HTTP/1.1\r\nhost: x\r\n"


async def connect(api: RunningApi) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = api.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that still comes; the connection then is over, by whatever means."""
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD, HEAD + b"x: y"])
async def test_a_head_that_is_not_completed_in_time_ends_the_connection(
    start_api: StartApi, sent: bytes
) -> None:
    api = await start_api(head_timeout=0.1)
    reader, writer = await connect(api)
    writer.write(sent)
    assert await rest(reader) == b""
    writer.close()


async def test_the_next_head_on_a_connection_is_bounded_too(start_api: StartApi) -> None:
    api = await start_api(head_timeout=0.2)
    reader, writer = await connect(api)
    writer.write(HEAD + b"\r\n")
    answer = await reader.readuntil(b'"celery_available":false}')
    assert b"200 OK" in answer
    writer.write(HEAD)
    assert await rest(reader) == b""
    writer.close()


async def test_a_head_in_pieces_is_served(start_api: StartApi) -> None:
    api = await start_api()
    reader, writer = await connect(api)
    for piece in (HEAD[:10], HEAD[10:], b"connection: close\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
    assert b"200 OK" in await rest(reader)
    writer.close()


async def test_a_head_without_end_ends_the_connection(start_api: StartApi) -> None:
    api = await start_api()
    reader, writer = await connect(api)
    writer.write(HEAD)
    for number in range(70):
        writer.write(b"x-%d: " % number + b"y" * 1_000 + b"\r\n")
        await asyncio.sleep(0)
    # The answer is lost where the client is still sending when the connection closes.
    assert (await rest(reader)).partition(b"\r\n")[0] in (b"", b"HTTP/1.1 431 " + _PHRASE)
    writer.close()


async def test_connections_that_say_nothing_leave_nothing(start_api: StartApi) -> None:
    api = await start_api(head_timeout=0.3)
    connections = [await connect(api) for _ in range(200)]
    assert await asyncio.gather(*(rest(reader) for reader, _ in connections)) == [b""] * 200
    for _, writer in connections:
        writer.close()
    assert (await api.client.get("/health")).status_code == 200


@pytest.mark.parametrize("bound", [{"send_timeout": 0.2}, {"max_messages": 100}])
async def test_a_websocket_that_does_not_read_is_hung_up_on(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, bound: dict[str, Any]
) -> None:
    """The client's window fills, then the server's buffers, then its patience is at an end."""
    monkeypatch.setattr(server_protocol, "LINGER", 1.1)
    monkeypatch.setattr(message_socket, "FLUSH_TIMEOUT", 0.1)
    monkeypatch.setattr(message_socket, "MAX_ERRORS", 10_000_000)
    patient = {"send_timeout": 60, "max_messages": 1_000_000} | bound
    monkeypatch.setattr(message_socket, "Writer", partial(Writer, **patient))
    monkeypatch.setattr(BoundedHttpProtocol, "connection_made", _with_a_small_buffer)
    api = await start_api(settings={"rates": {"enabled": False}})
    host, port = api.url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, (host, int(port)))
        await loop.sock_sendall(client, UPGRADE)
        assert (await loop.sock_recv(client, 4_096)).startswith(b"HTTP/1.1 101 ")
        (served,) = api.api.sockets.all()
        frame = b"\x81\x81\x00\x00\x00\x00{"  # a masked text frame that is not JSON
        # It never reads, and still the connection ends, whatever else it sends.
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(_send_for_ever(client, frame * 500), 20)
    assert served not in api.api.sockets.all()
    assert len(api.api.sockets) == 0


_connection_made = BoundedHttpProtocol.connection_made


def _with_a_small_buffer(protocol: BoundedHttpProtocol, transport: asyncio.Transport) -> None:
    """The kernel would take some megabytes, which take seconds to make."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    _connection_made(protocol, transport)


async def _send_for_ever(client: socket.socket, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(client, data)


def upgrade_of(target: bytes) -> bytes:
    return UPGRADE.replace(b"/ws/voice/session", target)


async def test_a_handshake_may_carry_an_offer_in_its_url(start_api: StartApi) -> None:
    api = await start_api()
    reader, writer = await connect(api)
    writer.write(upgrade_of(b"/ws/voice/session?offer=" + b"x" * 60_000))
    async with asyncio.timeout(5):
        assert b" 101 " in await reader.readline()
    writer.close()


async def test_a_handshake_with_a_longer_url_is_answered(start_api: StartApi) -> None:
    api = await start_api()
    reader, writer = await connect(api)
    writer.write(upgrade_of(b"/ws/voice/session?offer=" + b"x" * 70_000))
    # Read in one piece or in several, it is refused, and the connection is over.
    status = (await rest(reader)).partition(b"\r\n")[0]
    assert status[:12] in (b"HTTP/1.1 414", b"HTTP/1.1 431")
    writer.close()
