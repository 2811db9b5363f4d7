"""The public address is asked for from the media socket itself."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from aioice import stun as other

from greenroom.rooms.rtc import stun, stun_client
from greenroom.rooms.rtc.stun_client import StunClient, split_server
from support.webrtc_client import soon

SEEN = ("203.0.113.9", 40_000)


class Server(asyncio.DatagramProtocol):
    """Answers what `answer` says; None: nothing."""

    def __init__(self, answer: Callable[[other.Message], bytes | None]) -> None:
        self.answer, self.requests = answer, 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.requests += 1
        answer = self.answer(other.parse_message(data))
        if answer is not None:
            self.transport.sendto(answer, addr)


class Media:
    """A socket that hands what it gets to the client."""

    family = socket.AF_INET

    def __init__(self, client: StunClient) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.refused = 0
        self.third_refused = asyncio.Event()
        self._client = client
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        self.refused += not self._client.receive(self._socket.recv(2048))
        if self.refused == 3:
            self.third_refused.set()

    def send(self, data: bytes, address: stun.Address) -> None:
        self._socket.sendto(data, address)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


async def serve(answer: Callable[[other.Message], bytes | None]) -> tuple[Server, str]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Server(answer), local_addr=("127.0.0.1", 0)
    )
    return server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"


@pytest.fixture
async def media() -> Media:
    media = Media(StunClient())
    yield media
    media.close()


def mapped(request: other.Message) -> bytes:
    return stun.success(request.transaction_id, SEEN, b"any key")


async def test_the_first_server_to_answer_says_the_address(media: Media) -> None:
    silent, silent_name = await serve(lambda _: None)
    server, name = await serve(mapped)
    found = await soon(media._client.ask(media, [silent_name, f"stun:{name}"], timeout=4))
    assert found == SEEN
    assert media._client._waiting == {}
    silent.transport.close()
    server.transport.close()


async def test_a_lost_question_is_asked_again(media: Media) -> None:
    answers = iter([False, True])
    server, name = await serve(lambda request: mapped(request) if next(answers) else None)
    assert await soon(media._client.ask(media, [name], timeout=4)) == SEEN
    assert server.requests == 2
    server.transport.close()


async def test_an_answer_twice_or_to_nobody_or_without_address_is_refused(media: Media) -> None:
    def answer(request: other.Message) -> bytes:
        bad = other.Message(other.Method.BINDING, other.Class.RESPONSE, request.transaction_id)
        server.transport.sendto(bytes(bad), address)
        server.transport.sendto(mapped(other.Message(*kind)), address)
        server.transport.sendto(mapped(request), address)
        return mapped(request)

    kind = other.Method.BINDING, other.Class.REQUEST
    address = media._socket.getsockname()
    server, name = await serve(answer)
    assert await soon(media._client.ask(media, [name], timeout=4)) == SEEN
    await soon(media.third_refused.wait())
    server.transport.close()


async def test_servers_that_do_not_answer_are_logged_and_no_failure(
    media: Media, caplog: pytest.LogCaptureFixture
) -> None:
    server, name = await serve(lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert await soon(media._client.ask(media, [name], timeout=0.05)) is None
    assert "no STUN server answered" in caplog.text
    assert media._client._waiting == {}
    server.transport.close()


async def test_a_server_is_given_up_after_three_tries(
    media: Media, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stun_client, "_RETRY_SECONDS", 0.01)
    server, name = await serve(lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert await soon(media._client.ask(media, [name], timeout=4)) is None
    assert f"STUN server {name} does not answer" in caplog.text
    assert server.requests == 3
    server.transport.close()


async def test_a_server_without_an_address_is_logged(
    media: Media, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await soon(media._client.ask(media, ["127.0.0.1:many"], timeout=4)) is None
    assert "127.0.0.1:many" in caplog.text


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("stun.example.com", ("stun.example.com", 3478)),
        ("stun.example.com:19302", ("stun.example.com", 19302)),
        ("stun:stun.example.com:5?transport=udp", ("stun.example.com", 5)),
        ("[2001:db8::1]:7", ("2001:db8::1", 7)),
        ("[2001:db8::1]", ("2001:db8::1", 3478)),
        ("2001:db8::1", ("2001:db8::1", 3478)),
    ],
)
def test_a_server_is_a_host_and_mostly_a_port(server: str, expected: tuple[str, int]) -> None:
    assert split_server(server) == expected
