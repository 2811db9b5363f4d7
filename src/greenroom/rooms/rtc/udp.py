"""UDP sockets that all participants of the process share (RFC 7983, RFC 8445)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from greenroom.providers.clock import Clock
from greenroom.rooms.rtc import stun
from greenroom.rooms.rtc.addresses import media_addresses
from greenroom.rooms.rtc.binding import bind_first
from greenroom.rooms.rtc.candidates import Local, candidate_lines
from greenroom.rooms.rtc.stun import Address, BindingRequest
from greenroom.rooms.rtc.stun_client import StunClient
from greenroom.rooms.rtc.token_bucket import TokenBucket
from greenroom.settings import RoomSettings

_log = logging.getLogger(__name__)

_MOST_DATAGRAM_BYTES = 2048
# Then the loop may look at something else; the socket stays readable.
_DATAGRAMS_AT_ONCE = 64
_TRY_AGAIN_EVERY = 8
# Reading and refusing a check costs some 25 microseconds: at most 10 % of a core.
_UNKNOWN_CHECKS_PER_SECOND, _UNKNOWN_CHECKS_AT_ONCE = 4_000, 1_000
_STUN_SERVER_SECONDS = 3.0


class Agent(Protocol):
    """Who datagrams are for: one participant's ICE."""

    on_datagram: Callable[[bytes], None]
    """Takes what isn't STUN."""

    def on_request(self, request: BindingRequest, socket: UdpSocket, address: Address) -> None:
        """Take a check that names a user name fragment of this agent's; it may be forged."""
        ...


class UdpSocket:
    """A bound socket, and who is known to be at which remote address."""

    __slots__ = (
        "_agents",
        "_bound",
        "_bursts",
        "_mux",
        "_receivers",
        "_socket",
        "_wakes",
        "family",
        "local",
    )

    def __init__(self, mux: UdpMux, bound: socket.socket) -> None:
        self._mux, self._socket = mux, bound
        self.family = bound.family
        self.local: tuple[str, int] = bound.getsockname()[:2]
        self._agents: dict[Address, Agent] = {}
        # The same again, one look-up nearer: this is the way of every media packet.
        self._receivers: dict[Address, Callable[[bytes], None]] = {}
        self._bound = True
        self._bursts = False
        """Whether the last try for a second datagram has found one."""
        self._wakes = 0

    def expect(self, address: Address, agent: Agent) -> None:
        """Datagrams from `address` are for `agent` from now on."""
        if self._agents.get(address) is not agent:
            self._agents[address] = agent
            self._receivers[address] = agent.on_datagram

    def forget(self, address: Address, agent: Agent) -> None:
        """No more, if they were for `agent`."""
        if self._agents.get(address) is agent:
            del self._agents[address], self._receivers[address]

    @property
    def known_addresses(self) -> int:
        """How many remote addresses belong to somebody."""
        return len(self._agents)

    def send(self, data: bytes, address: Address) -> None:
        """Send now, or never: late media is of no use, and what must arrive is sent again."""
        try:
            self._socket.sendto(data, address)
        except OSError:
            self._mux.dropped["unsendable"] += 1

    def read(self) -> None:
        """Hand on what has arrived: of a burst up to 64 datagrams, else one.

        To find that there is no more is a system call too. So more than one is tried only while
        that has paid, and now and then; the loop calls again as long as there is something.
        """
        if not self._read_one():
            return
        self._wakes += 1
        if not self._bursts and self._wakes % _TRY_AGAIN_EVERY:
            return
        self._bursts = self._bound and self._read_one()
        left = _DATAGRAMS_AT_ONCE - 2 if self._bursts else 0
        while left and self._bound and self._read_one():
            left -= 1

    def close(self) -> None:
        """No datagram any more. Harmless twice."""
        self._bound = False

    def _read_one(self) -> bool:
        try:
            data, address = self._socket.recvfrom(_MOST_DATAGRAM_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # of the network, such as an ICMP error: it concerns one datagram
            self._mux.dropped["unreadable"] += 1
            return False
        if data and data[0] > 3:  # RFC 7983: 0 to 3 is STUN
            receiver = self._receivers.get(address)
            if receiver is None:
                self._mux.dropped["unknown"] += 1
            else:
                receiver(data)
        else:
            self._mux.receive_stun(self, data, address, known=address in self._receivers)
        return True


class UdpMux:
    """One UDP socket per local address, all on one port; tells participants apart.

    A datagram goes to a participant by STUN's user name, then by the address that it came from.
    `dropped` counts, by reason, what did not lead to anything.
    """

    def __init__(self, sockets: Iterable[socket.socket], clock: Clock) -> None:
        self.dropped: Counter[str] = Counter()
        self.stun_client = StunClient()
        self._clock = clock
        self._agents: dict[bytes, Agent] = {}
        self._candidates: list[str] = []
        self._unknown_checks = TokenBucket(_UNKNOWN_CHECKS_PER_SECOND, _UNKNOWN_CHECKS_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        self._bound = list(sockets)
        self.sockets = [UdpSocket(self, bound) for bound in self._bound]
        for bound, media in zip(self._bound, self.sockets, strict=True):
            self._loop.add_reader(bound.fileno(), media.read)

    @classmethod
    async def open(cls, rooms: RoomSettings, host: str, clock: Clock) -> UdpMux:
        """Bind the first port of `rooms.udp_ports` that is free on all addresses.

        `host` is what the HTTP server binds: a wildcard means every address of this machine.
        Raises ConfigurationError where no port is free or an interface is unknown.
        """
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(None, media_addresses, host, rooms.interfaces)
        mux = cls(bind_first(addresses, rooms.udp_ports), clock)
        try:
            mux.announce(await mux._local(rooms), rooms.public_address)
        except BaseException:
            mux.close()
            raise
        _log.info("media on UDP port %d of %s", mux.port, ", ".join(map(str, addresses)))
        return mux

    @property
    def port(self) -> int:
        """The UDP port of all sockets."""
        return self.sockets[0].local[1]

    @property
    def agents(self) -> int:
        """How many user name fragments are known."""
        return len(self._agents)

    def candidates(self) -> list[str]:
        """As in SDP without `a=`, the best first: `candidate:1 1 udp 2130706431 ... typ host`."""
        return list(self._candidates)

    def announce(self, local: list[Local], public_address: str) -> None:
        """What `candidates` says from now on."""
        self._candidates = candidate_lines(local, public_address)

    def add(self, ufrag: bytes, agent: Agent) -> None:
        """Checks that name `ufrag` are for `agent`."""
        self._agents[ufrag] = agent

    def remove(self, ufrag: bytes) -> None:
        """Nobody has this user name fragment any more. Harmless twice."""
        self._agents.pop(ufrag, None)

    def receive_stun(self, media: UdpSocket, data: bytes, address: Address, *, known: bool) -> None:
        """Hand on what claims to be STUN; garbage is dropped and counted."""
        if not stun.is_stun(data):
            self.dropped["garbage"] += 1
        elif stun.is_response(data):
            if not self.stun_client.receive(data):
                self.dropped["unasked"] += 1
        elif not known and not self._unknown_checks.take(self._clock.time()):
            self.dropped["too many"] += 1
        else:
            try:
                request = BindingRequest(data)
            except ValueError:
                self.dropped["garbage"] += 1
                return
            agent = self._agents.get(request.ufrag)
            if agent is None:
                self.dropped["unknown"] += 1
            else:
                agent.on_request(request, media, address)

    def close(self) -> None:
        """Close the sockets. Harmless twice."""
        for media in self.sockets:
            media.close()
        for bound in self._bound:
            self._loop.remove_reader(bound.fileno())
            bound.close()
        self._bound.clear()

    async def _local(self, rooms: RoomSettings) -> list[Local]:
        async def ask(media: UdpSocket) -> Local:
            seen = None
            if rooms.stun_servers and not _is_loopback(media):
                seen = await self.stun_client.ask(
                    media, rooms.stun_servers, timeout=_STUN_SERVER_SECONDS
                )
            return Local(*media.local, seen)

        return list(await asyncio.gather(*map(ask, self.sockets)))


def _is_loopback(media: UdpSocket) -> bool:
    return media.local[0].startswith("127.") or media.local[0] == "::1"
