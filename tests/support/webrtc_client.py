"""The client's side of a WebRTC transport: the controlling ICE agent, DTLS, SRTP and SCTP.

The server is ICE-lite, so two of its transports can't talk to each other. Here ICE is a few checks
by hand over a real UDP socket, in aioice's encoding; DTLS and SCTP are aiortc's.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities
from OpenSSL import SSL

TIMEOUT = 10.0

Address = tuple[str, int]


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, client: WebRtcClient) -> None:
        self.client = client

    def connection_made(self, transport: Any) -> None:
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.client.arrived_at = self.address
        self.client.receive(data, addr[:2])

    def error_received(self, exc: Exception) -> None:
        """Nobody is there any more; the one who waits for an answer has a time limit."""


class _Path:
    """What aiortc's DTLS wants of an ICE transport."""

    role = "controlling"
    state = "completed"

    def __init__(self, client: WebRtcClient) -> None:
        self._client = client
        self.received: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def _recv(self) -> bytes:
        data = await self.received.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self._client.send_raw(data)


class _Dtls(RTCDtlsTransport):
    def __init__(self, path: _Path, certificate: RTCCertificate) -> None:
        super().__init__(path, [certificate])
        self.rtp: asyncio.Queue[bytes] = asyncio.Queue()
        self.rtcp: asyncio.Queue[bytes] = asyncio.Queue()

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.rtp.put_nowait(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.rtcp.put_nowait(data)


class WebRtcClient:
    """A client of one transport. Make it by `open`, end it by `close`.

    `responses` are the STUN answers that came, `datagrams` counts everything that came.
    """

    def __init__(self, certificate: RTCCertificate | None = None) -> None:
        self.ufrag, self.pwd = secrets.token_hex(4), secrets.token_hex(12)
        self.certificate = certificate or RTCCertificate.generateCertificate()
        self.path = _Path(self)
        self.dtls = _Dtls(self.path, self.certificate)
        self.sctp: RTCSctpTransport | None = None
        self.channels: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self.messages: asyncio.Queue[tuple[str, bytes | str]] = asyncio.Queue()
        self.responses: list[stun.Message] = []
        self.datagrams = 0
        self.keep: list[bytes] | None = None
        """Everything that comes, where a test makes it a list."""
        self.deaf = False
        self.arrived_at: Address | None = None
        """Which of this client's own addresses the last datagram came to."""
        self.remote: Address = ("", 0)
        self.remote_ufrag = self.remote_pwd = ""
        self._waiting: dict[bytes, asyncio.Future[stun.Message]] = {}
        self._endpoint: asyncio.DatagramTransport | None = None
        self._old: list[asyncio.DatagramTransport] = []

    @classmethod
    async def open(
        cls, host: str = "127.0.0.1", certificate: RTCCertificate | None = None
    ) -> WebRtcClient:
        client = cls(certificate)
        await client.move(host)
        return client

    async def move(self, host: str = "127.0.0.1") -> None:
        """Send from another port from now on, as after a change of network."""
        if self._endpoint is not None:
            self._old.append(self._endpoint)
        loop = asyncio.get_running_loop()
        self._endpoint, _ = await loop.create_datagram_endpoint(
            lambda: _Socket(self), local_addr=(host, 0)
        )

    @property
    def address(self) -> Address:
        assert self._endpoint is not None
        return self._endpoint.get_extra_info("sockname")[:2]

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        return [(f.algorithm, f.value) for f in self.certificate.getFingerprints()]

    def introduce(self, transport: Any, *, dtls_client: bool = False) -> None:
        """Do what the descriptions do: tell both sides of each other."""
        transport.set_remote(
            ufrag=self.ufrag,
            pwd=self.pwd,
            fingerprints=self.fingerprints,
            dtls_client=dtls_client,
        )
        self.learn(transport)

    def learn(self, transport: Any) -> None:
        """Take the transport's credentials and the first candidate of this socket's family."""
        six = ":" in self.address[0]
        fields = next(
            fields
            for fields in (line.split() for line in transport.candidates)
            if (":" in fields[4]) == six
        )
        self.remote = fields[4], int(fields[5])
        self.remote_ufrag, self.remote_pwd = transport.ufrag, transport.pwd

    def request(self, *, nominate: bool = True, controlled: bool = False) -> stun.Message:
        """A connectivity check that is not signed yet."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.remote_ufrag}:{self.ufrag}"
        message.attributes["PRIORITY"] = 1845494271
        message.attributes["ICE-CONTROLLED" if controlled else "ICE-CONTROLLING"] = 1 << 40
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        return message

    async def ask(self, message: stun.Message, *, key: str | None = None) -> stun.Message:
        """Sign and send a check; return the answer, of whatever class. Raises TimeoutError."""
        message.add_message_integrity((key or self.remote_pwd).encode())
        waiting = self._waiting[message.transaction_id] = asyncio.get_running_loop().create_future()
        self.send_raw(bytes(message))
        async with asyncio.timeout(TIMEOUT):
            return await waiting

    async def check(self, *, nominate: bool = True) -> tuple[str, int]:
        """Make a check that must succeed; return the address that the server saw."""
        answer = await self.ask(self.request(nominate=nominate))
        assert answer.message_class == stun.Class.RESPONSE, answer
        assert answer.check_message_integrity(self.remote_pwd.encode())
        return answer.attributes["XOR-MAPPED-ADDRESS"]

    async def shake_hands(self, transport: Any, *, client: bool = True, data: bool = True) -> None:
        """Do the DTLS handshake, and begin SCTP (`data`). Raises AssertionError where it fails."""
        algorithm, value = transport.fingerprint.split()
        self.dtls._set_role("client" if client else "server")
        async with asyncio.timeout(TIMEOUT):
            await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value)]))
        assert self.dtls.state == "connected", self.dtls.state
        if not data:
            return
        self.sctp = RTCSctpTransport(self.dtls)
        self.sctp.on("datachannel", self._adopt)
        await self.sctp.start(RTCSctpCapabilities(maxMessageSize=0), 5000)

    async def connect(
        self, transport: Any, *, dtls_client: bool = False, data: bool = True
    ) -> None:
        """All of it. `dtls_client`: the server begins the handshake."""
        self.introduce(transport, dtls_client=dtls_client)
        await self.check()
        await self.shake_hands(transport, client=not dtls_client, data=data)

    async def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send RTP or RTCP."""
        await self.dtls._send_rtp(packet)

    def open_channel(self, label: str, **parameters: Any) -> RTCDataChannel:
        assert self.sctp is not None
        channel = RTCDataChannel(self.sctp, RTCDataChannelParameters(label=label, **parameters))
        self._adopt(channel)
        return channel

    async def opened(self, label: str, **parameters: Any) -> RTCDataChannel:
        """A channel that this side opens, when it is open."""
        channel = self.open_channel(label, **parameters)
        is_open = asyncio.Event()
        channel.on("open", is_open.set)
        async with asyncio.timeout(TIMEOUT):
            await is_open.wait()
        return channel

    def send_raw(self, data: bytes) -> None:
        assert self._endpoint is not None
        self._endpoint.sendto(data, self.remote)

    def receive(self, data: bytes, address: Address) -> None:
        self.datagrams += 1
        if self.keep is not None:
            self.keep.append(data)
        if self.deaf:
            return
        if data[0] > 3:
            self.path.received.put_nowait(data)
            return
        message = stun.parse_message(data)
        self.responses.append(message)
        waiting = self._waiting.pop(message.transaction_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _adopt(self, channel: RTCDataChannel) -> None:
        channel.on("message", lambda message: self.messages.put_nowait((channel.label, message)))
        if channel.readyState == "open":
            self.channels.put_nowait(channel)
        else:
            channel.on("open", lambda: self.channels.put_nowait(channel))

    async def close(self) -> None:
        self.path.received.put_nowait(None)
        if self.sctp is not None:
            with contextlib.suppress(ConnectionError, SSL.Error):  # it may be over already
                await self.sctp.stop()
        task = self.dtls._task
        await self.dtls.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        for endpoint in [*self._old, self._endpoint]:
            if endpoint is not None:
                endpoint.close()
        await asyncio.sleep(0)


class TransportLog:
    """`TransportEvents` that keeps everything, for tests to wait for."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.rtp: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
        self.rtcp: asyncio.Queue[bytes] = asyncio.Queue()
        self.channels: asyncio.Queue[str] = asyncio.Queue()
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._changed = asyncio.Event()

    def on_state(self, state: str) -> None:
        self.states.append(state)
        self._changed.set()

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        self.rtp.put_nowait((packet, arrival))

    def on_rtcp(self, packet: bytes) -> None:
        self.rtcp.put_nowait(packet)

    def on_channel(self, label: str) -> None:
        self.channels.put_nowait(label)

    def on_message(self, label: str, payload: bytes) -> None:
        self.messages.put_nowait((label, payload))

    async def reached(self, state: str) -> None:
        """Return when the last state is this one."""
        async with asyncio.timeout(TIMEOUT):
            while self.states[-1:] != [state]:
                self._changed.clear()
                await self._changed.wait()


async def soon(awaitable: Any) -> Any:
    """What is awaited, within the time limit of these tests."""
    async with asyncio.timeout(TIMEOUT):
        return await awaitable
