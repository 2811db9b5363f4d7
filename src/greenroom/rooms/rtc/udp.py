"""UDP sockets that all participants of the process share (RFC 7983, RFC 8445)."""

from __future__ import annotations

from greenroom.providers.clock import Clock
from greenroom.settings import RoomSettings


class UdpMux:
    """One UDP socket per local address, all on one port; tells participants apart.

    A datagram goes to a participant by STUN's user name, then by the address that it came from.
    """

    @classmethod
    async def open(cls, rooms: RoomSettings, host: str, clock: Clock) -> UdpMux:
        """Bind the first port of `rooms.udp_ports` that is free on all addresses.

        `host` is what the HTTP server binds: a wildcard means every address of this machine.
        Raises ConfigurationError where no port is free or an interface is unknown.
        """
        raise NotImplementedError

    @property
    def port(self) -> int:
        """The UDP port of all sockets."""
        raise NotImplementedError

    def candidates(self) -> list[str]:
        """As in SDP without `a=`, the best first: `candidate:1 1 udp 2130706431 ... typ host`."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the sockets. Harmless twice."""
        raise NotImplementedError
