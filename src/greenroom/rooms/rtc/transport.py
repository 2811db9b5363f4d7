"""The transport of a peer connection: ICE, DTLS, SRTP and data channels over shared sockets."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from greenroom.errors import CapacityExceeded
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.data_channels import MOST_CHANNELS, DataChannels
from greenroom.rooms.rtc.dtls import DtlsConnection
from greenroom.rooms.rtc.ice import IceAgent, IceState
from greenroom.rooms.rtc.ports import ChannelLabel, TransportEvents, TransportState
from greenroom.rooms.rtc.srtp import SrtpSessions
from greenroom.rooms.rtc.token_bucket import TokenBucket
from greenroom.rooms.rtc.udp import UdpMux

_log = logging.getLogger(__name__)

# 50 Mbit/s in full packets; a client with camera and screen in three layers sends a third.
_DATAGRAMS_PER_SECOND, _DATAGRAMS_AT_ONCE = 5_000, 5_000


class PeerTransport:
    """A `ports.Transport`: ICE-lite, so it waits for the other side to connect.

    `connect_timeout` (seconds) runs from the first `set_remote`; then the state is `failed`. After
    six seconds in which nothing was heard the state is `disconnected`, and after
    `reconnect_timeout` more `failed`. `failed` and `closed` are final: everything is freed then.
    `dropped` counts, by reason, what came in and was of no use.
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
        self._mux, self._certificate, self._clock = mux, certificate, clock
        self._connect_timeout, self._reconnect_timeout = connect_timeout, reconnect_timeout
        self._max_unsent_bytes, self._max_message_bytes = max_unsent_bytes, max_message_bytes
        self._events: TransportEvents | None = None
        self._state: TransportState = "new"
        self._datagrams = TokenBucket(_DATAGRAMS_PER_SECOND, _DATAGRAMS_AT_ONCE)
        self._ice = IceAgent(mux, clock, on_datagram=self._on_datagram, on_state=self._on_ice_state)
        self._remote: tuple[str, str] | None = None
        self._restarted = False
        self._dtls: DtlsConnection | None = None
        self._srtp: SrtpSessions | None = None
        self._data: DataChannels | None = None
        self._waiting_channels: list[tuple[ChannelLabel, bool, int | None]] = []
        self._timer: Timer | None = None
        self.dropped: Counter[str] = Counter()

    def attach(self, events: TransportEvents) -> None:
        """Tell `events` of everything; call it before `set_remote`."""
        self._events = events

    @property
    def state(self) -> TransportState:
        """Where it is."""
        return self._state

    @property
    def ufrag(self) -> str:
        """The local ICE user name fragment; another after an ICE restart."""
        return self._ice.ufrag

    @property
    def pwd(self) -> str:
        """The local ICE password; another after an ICE restart."""
        return self._ice.pwd

    @property
    def candidates(self) -> Sequence[str]:
        """Local candidates as in SDP without `a=`."""
        return self._mux.candidates()

    @property
    def fingerprint(self) -> str:
        """Of the local certificate: `sha-256 AB:CD:...`."""
        return self._certificate.fingerprint

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
        if self._is_over:
            return
        before, self._remote = self._remote, (ufrag, pwd)
        if before is not None:
            if before != self._remote and not self._restarted:
                self._ice.restart()
            self._restarted = False
            return
        self._dtls = DtlsConnection(
            self._certificate,
            self._clock,
            fingerprints,
            client=dtls_client,
            send=self._ice.send,
            on_connected=self._on_dtls_connected,
            on_data=self._on_data,
            on_closed=self._on_dtls_closed,
        )
        self._set_timer(self._connect_timeout, "no connection in time")
        self._set_state("connecting")
        if self._ice.state == "connected":
            self._dtls.start()

    def restart_ice(self) -> None:
        """New local `ufrag` and `pwd`; those before stay good until the new ones are used."""
        if not self._is_over:
            self._ice.restart()
            self._restarted = self._remote is not None

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected.

        A sequence number may be sent twice only as the very same packet (RFC 3711, section 9.1).
        """
        if self._state == "connected" and self._srtp is not None:
            protected = self._srtp.protect(packet)
            if protected is not None:
                self._ice.send(protected)

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected."""
        if self._state == "connected" and self._srtp is not None:
            protected = self._srtp.protect_rtcp(packet)
            if protected is not None:
                self._ice.send(protected)

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        """Open a data channel when connected; `on_channel` follows.

        Raises CapacityExceeded where the connection has 16.
        """
        if self._data is not None:
            self._data.open(label, ordered=ordered, max_retransmits=max_retransmits)
        elif not self._is_over:
            if len(self._waiting_channels) >= MOST_CHANNELS:
                raise CapacityExceeded("data channels", MOST_CHANNELS)
            self._waiting_channels.append((label, ordered, max_retransmits))

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        """Send on the open channel of that label; False: not sent (none, too big, too much)."""
        return self._data is not None and self._data.send(label, payload)

    @property
    def unsent_bytes(self) -> int:
        """What is queued on the data channels, with what keeping it costs."""
        return 0 if self._data is None else self._data.unsent_bytes

    def close(self) -> None:
        """End all of it, at once; tells the other side where that is possible. Harmless twice.

        `on_state` is not called any more.
        """
        self._events = None
        if self._state != "closed":
            self._state = "closed"
            self._free()

    @property
    def _is_over(self) -> bool:
        return self._state in {"failed", "closed"}

    def _set_state(self, state: TransportState) -> None:
        if state != self._state:
            self._state = state
            if self._events is not None:
                self._events.on_state(state)

    def _end(self, state: TransportState, why: str) -> None:
        if not self._is_over:
            _log.info("the connection of a peer has %s: %s", state, why)
            self._free()
            self._set_state(state)

    def _free(self) -> None:
        """Stop everything, inside out, so that each can say goodbye by the one below."""
        self._cancel_timer()
        if self._data is not None:
            self._data.close()
            self._data = None
        if self._dtls is not None:
            self._dtls.close()
            self._dtls = None  # OpenSSL's memory goes now, not when Python looks for circles
        self._ice.close()
        self._srtp = None
        self._waiting_channels.clear()

    def _set_timer(self, seconds: float, why: str) -> None:
        self._cancel_timer()
        self._timer = self._clock.call_at(
            self._clock.time() + seconds, lambda: self._end("failed", why)
        )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_ice_state(self, state: IceState) -> None:
        if self._srtp is not None:
            if state == "connected":
                self._cancel_timer()
                self._set_state("connected")
            else:
                self._set_timer(self._reconnect_timeout, "nothing is heard any more")
                self._set_state("disconnected")
        elif state == "connected" and self._dtls is not None:
            self._dtls.start()

    def _on_datagram(self, data: bytes) -> None:
        now = self._clock.time()
        if not self._datagrams.take(now):
            self.dropped["too many"] += 1
            return
        self._ice.heard = now
        first = data[0]
        # RFC 7983, section 7: 128 to 191 is RTP or RTCP, 20 to 63 DTLS.
        if 128 <= first <= 191:
            srtp, events = self._srtp, self._events
            if srtp is None or events is None or len(data) < 12:
                self.dropped["early or short"] += 1
            elif 192 <= data[1] <= 223:  # RFC 5761, section 4
                plain = srtp.unprotect_rtcp(data, now)
                if plain is not None:
                    events.on_rtcp(plain)
            else:
                plain = srtp.unprotect(data, now)
                if plain is not None:
                    events.on_rtp(plain, now)
        elif 20 <= first <= 63 and self._dtls is not None:
            self._dtls.receive(data)
        else:
            self.dropped["garbage"] += 1

    def _on_dtls_connected(self) -> None:
        dtls = self._dtls
        assert dtls is not None  # noqa: S101 - it is the caller
        try:
            profile, material = dtls.srtp_keys()
        except ValueError as problem:
            self._end("failed", str(problem))
            return
        self._srtp = SrtpSessions(profile, material, client=dtls.client)
        self._data = DataChannels(
            self._clock,
            client=dtls.client,
            send=dtls.send,
            max_unsent_bytes=self._max_unsent_bytes,
            max_message_bytes=self._max_message_bytes,
            on_channel=self._on_channel,
            on_message=self._on_message,
        )
        self._cancel_timer()
        self._set_state("connected")
        waiting, self._waiting_channels = self._waiting_channels, []
        for label, ordered, max_retransmits in waiting:
            self.open_channel(label, ordered=ordered, max_retransmits=max_retransmits)

    def _on_data(self, data: bytes) -> None:
        if self._data is not None:
            self._data.receive(data)

    def _on_dtls_closed(self, why: str, failed: bool) -> None:
        self._end("failed" if failed else "closed", why)

    def _on_channel(self, label: ChannelLabel) -> None:
        if self._events is not None:
            self._events.on_channel(label)

    def _on_message(self, label: ChannelLabel, payload: bytes) -> None:
        if self._events is not None:
            self._events.on_message(label, payload)
