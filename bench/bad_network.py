"""A bad network in user space: a UDP relay that loses and delays, for kernels without netem.

It passes datagrams to `target` and back, those of each client by a socket of its own. Each is lost
with the probability `loss`, else delayed by `delay` give or take `jitter` seconds, evenly spread:
datagrams overtake each other, as with netem.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import cast

Address = tuple[str, int]


class BadNetwork(asyncio.DatagramProtocol):
    def __init__(
        self, target: Address, *, loss: float, delay: float, jitter: float, seed: int = 1
    ) -> None:
        self._target = target
        self._loss, self._delay, self._jitter = loss, delay, jitter
        self._random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._ways: dict[Address, asyncio.Task[_Back]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, client: Address) -> None:
        if client not in self._ways:
            self._ways[client] = self._loop.create_task(self._open(client))
        way = self._ways[client]
        self._later(lambda: way.done() and way.result().send(data))

    def _later(self, send: Callable[[], object]) -> None:
        if self._random.random() >= self._loss:
            delay = self._delay + self._random.uniform(-1, 1) * self._jitter
            self._loop.call_later(delay, send)

    async def _open(self, client: Address) -> _Back:
        def back(data: bytes) -> None:
            self._later(lambda: self._send(data, client))

        _, protocol = await self._loop.create_datagram_endpoint(
            lambda: _Back(back), remote_addr=self._target
        )
        return protocol

    def _send(self, data: bytes, client: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, client)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        for way in self._ways.values():
            way.cancel()
            if way.done() and not way.cancelled():
                way.result().close()


class _Back(asyncio.DatagramProtocol):
    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, _: Address) -> None:
        self._on_data(data)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
