"""Asks STUN servers by what public address the media sockets are seen (RFC 8489)."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Sequence
from typing import Protocol

from greenroom.rooms.rtc import stun
from greenroom.rooms.rtc.stun import Address

_log = logging.getLogger(__name__)

_DEFAULT_PORT = 3478
# RFC 8489, section 6.2.1: sent again after 500 ms, then after twice as long.
_RETRY_SECONDS = 0.5
_TRIES = 3


class MediaSocket(Protocol):
    """The socket that is asked about, and that the question has to leave from."""

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        ...

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram."""
        ...


class StunClient:
    """Matches answers to questions. One per process; whoever reads the sockets feeds `receive`."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, asyncio.Future[tuple[str, int]]] = {}

    def receive(self, data: bytes) -> bool:
        """Take a STUN answer; false where nobody waits for it or it says nothing."""
        answer = self._waiting.get(stun.transaction_of(data))
        if answer is None or answer.done():
            return False
        try:
            answer.set_result(stun.mapped_address(data))
        except ValueError:
            return False
        return True

    async def ask(
        self, media: MediaSocket, servers: Sequence[str], *, timeout: float
    ) -> tuple[str, int] | None:
        """The host and port that the first server to answer sees; None: no answer in `timeout` s.

        Servers are `host:port`, also with `stun:` before it; failures are logged.
        """
        questions = [asyncio.create_task(self._ask_one(media, server)) for server in servers]
        try:
            async with asyncio.timeout(timeout):
                for next_done in asyncio.as_completed(questions):
                    found = await next_done
                    if found is not None:
                        return found
        except TimeoutError:
            _log.warning("no STUN server answered in %.1f s", timeout)
        finally:
            for question in questions:
                question.cancel()
            await asyncio.gather(*questions, return_exceptions=True)
        return None

    async def _ask_one(self, media: MediaSocket, server: str) -> tuple[str, int] | None:
        try:
            address = await _resolve(server, media.family)
        except (OSError, ValueError) as problem:
            _log.warning("STUN server %s has no address: %s", server, problem)
            return None
        transaction = secrets.token_bytes(12)
        answer: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = answer
        wait = _RETRY_SECONDS
        try:
            for _ in range(_TRIES):
                media.send(stun.plain_request(transaction), address)
                done, _ = await asyncio.wait([answer], timeout=wait)
                if done:
                    return answer.result()
                wait *= 2
        finally:
            del self._waiting[transaction]
        _log.warning("STUN server %s does not answer", server)
        return None


async def _resolve(server: str, family: int) -> Address:
    host, port = split_server(server)
    infos = await asyncio.get_running_loop().getaddrinfo(
        host, port, family=family, type=socket.SOCK_DGRAM
    )
    found = infos[0][4]
    return str(found[0]), int(found[1])


def split_server(server: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port` or `[v6]:port`, also with `stun:` before it.

    Raises ValueError where the port is no number.
    """
    server = server.removeprefix("stun:").partition("?")[0]
    host, colon, port = server.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return server.strip("[]"), _DEFAULT_PORT
    return host.strip("[]"), int(port)
