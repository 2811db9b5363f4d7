"""The transport of a peer connection: ICE, DTLS, SRTP and data channels over shared sockets."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.providers.clock import Clock
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.ports import ChannelLabel, TransportEvents, TransportState
from greenroom.rooms.rtc.udp import UdpMux


class PeerTransport:
    """A `ports.Transport`: ICE-lite, so it waits for the other side to connect.

    `connect_timeout` (seconds) runs from the first `set_remote`; then the state is `failed`. After
    about five seconds in which nothing was heard the state is `disconnected`, and after
    `reconnect_timeout` more `failed`.
    """

    def __init__(
        self,
        mux: UdpMux,
        certificate: Certificate,
        clock: Clock,
        *,
        connect_timeout: float,
        reconnect_timeout: float,
        max_unsent_bytes: int,
        max_message_bytes: int,
    ) -> None:
        raise NotImplementedError

    def attach(self, events: TransportEvents) -> None:
        """Tell `events` of everything from now on; before anything can happen."""
        raise NotImplementedError

    @property
    def state(self) -> TransportState:
        """Where it is."""
        raise NotImplementedError

    @property
    def ufrag(self) -> str:
        """The local ICE user name fragment; another after an ICE restart."""
        raise NotImplementedError

    @property
    def pwd(self) -> str:
        """The local ICE password; another after an ICE restart."""
        raise NotImplementedError

    @property
    def candidates(self) -> Sequence[str]:
        """Local candidates as in SDP without `a=`."""
        raise NotImplementedError

    @property
    def fingerprint(self) -> str:
        """Of the local certificate: `sha-256 AB:CD:...`."""
        raise NotImplementedError

    def set_remote(
        self,
        *,
        ufrag: str,
        pwd: str,
        fingerprints: Sequence[tuple[str, str]],
        dtls_client: bool,
    ) -> None:
        """The other side's ICE credentials and certificate; from now on it may connect.

        Other ICE credentials than before are a restart by the other side: unless this side has
        called `restart_ice` since the last `set_remote`, the local ones are made anew too (RFC
        8839, section 4.4.1.1.1), so read `ufrag` and `pwd` for the answer after this.
        """
        raise NotImplementedError

    def restart_ice(self) -> None:
        """New local `ufrag` and `pwd`; those before stay good until the new ones are used."""
        raise NotImplementedError

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected.

        A sequence number may be sent twice only as the very same packet (RFC 3711, section 9.1).
        """
        raise NotImplementedError

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected."""
        raise NotImplementedError

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        """Open a data channel when connected; `on_channel` follows."""
        raise NotImplementedError

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        """Send on the open channel of that label; False: not sent (none, too big, too much)."""
        raise NotImplementedError

    def close(self) -> None:
        """End all of it, at once; tells the other side where that is possible. Harmless twice."""
        raise NotImplementedError
