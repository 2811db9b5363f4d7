"""Transports of this code and clients of them, on one loopback socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiortc import RTCCertificate

from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.transport import PeerTransport
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.settings import RoomSettings
from greenroom.testing.clock import ManualClock
from support.webrtc_client import TransportLog, WebRtcClient

CERTIFICATE = Certificate.generate()


CLIENT_CERTIFICATE = RTCCertificate.generateCertificate()


def rtp(sequence: int, payload: bytes = b"sound", source: int = 7) -> bytes:
    return (
        b"\x80\x6f" + sequence.to_bytes(2, "big") + bytes(4) + source.to_bytes(4, "big") + payload
    )


RECEIVER_REPORT = b"\x80\xc9\0\1\0\0\0\7"


class Bench:
    """A mux with transports and clients, all of which it ends."""

    def __init__(self, mux: UdpMux, clock: ManualClock) -> None:
        self.mux, self.clock = mux, clock
        self.transports: list[PeerTransport] = []
        self.clients: list[WebRtcClient] = []

    def transport(self, **settings: Any) -> tuple[PeerTransport, TransportLog]:
        chosen: dict[str, Any] = {
            "connect_timeout": 15.0,
            "reconnect_timeout": 10.0,
            "max_unsent_bytes": 1_000_000,
            "max_message_bytes": 65_536,
            **settings,
        }
        transport = PeerTransport(self.mux, CERTIFICATE, self.clock, **chosen)
        log = TransportLog()
        transport.attach(log)
        self.transports.append(transport)
        return transport, log

    async def client(self, host: str = "127.0.0.1") -> WebRtcClient:
        client = await WebRtcClient.open(host, CLIENT_CERTIFICATE)
        self.clients.append(client)
        return client

    async def connected(
        self, *, dtls_client: bool = False, data: bool = True, **settings: Any
    ) -> tuple[PeerTransport, TransportLog, WebRtcClient]:
        transport, log = self.transport(**settings)
        client = await self.client()
        await client.connect(transport, dtls_client=dtls_client, data=data)
        await log.reached("connected")
        return transport, log, client

    @property
    def known(self) -> tuple[int, int]:
        """User name fragments and remote addresses that the mux knows."""
        return self.mux.agents, sum(media.known_addresses for media in self.mux.sockets)


def read(bench: Bench) -> None:
    """Take what has come; loopback delivers while the sender sends."""
    for media in bench.mux.sockets:
        for _ in range(20):
            media.read()


@contextlib.asynccontextmanager
async def transport_bench() -> AsyncIterator[Bench]:
    """A bench on loopback; at the end nothing may be left of its transports."""
    clock = ManualClock()
    mux = await UdpMux.open(RoomSettings(udp_ports="0"), "127.0.0.1", clock)
    bench = Bench(mux, clock)
    try:
        yield bench
    finally:
        for client in bench.clients:
            await client.close()
        for transport in bench.transports:
            transport.close()
        mux.close()
    assert bench.known == (0, 0)
    assert clock.pending == 0
