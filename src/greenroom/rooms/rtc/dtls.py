"""DTLS 1.2 (RFC 6347) without a socket: datagrams go in and out by plain calls.

The handshake gives the keys of SRTP (RFC 5764); afterwards it carries the data channels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from OpenSSL import SSL

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.certificate import Certificate, is_described

_log = logging.getLogger(__name__)

_MTU = 1200
"""Bytes of a datagram: IPv6's least MTU of 1280 less the headers of IPv6 and UDP, and some room."""
_MOST_RECORD_BYTES = 2048
_RECORD_HEADER_BYTES = 13
_READ_BYTES = 65_536


class DtlsConnection:
    """One DTLS connection.

    `send` takes datagrams. `on_connected` comes once the other side has proved to hold the
    certificate that one of `fingerprints` describes; `on_data` gets application data; `on_closed`
    comes once, with the reason, when the other side has ended the connection, and with
    `failed=True` when the handshake can't succeed. Nothing is called after `close`.
    """

    def __init__(
        self,
        certificate: Certificate,
        clock: Clock,
        fingerprints: Sequence[tuple[str, str]],
        *,
        client: bool,
        send: Callable[[bytes], object],
        on_connected: Callable[[], None],
        on_data: Callable[[bytes], None],
        on_closed: Callable[[str, bool], None],
    ) -> None:
        self._clock, self._fingerprints, self.client = clock, tuple(fingerprints), client
        self._send, self._on_connected = send, on_connected
        self._on_data, self._on_closed = on_data, on_closed
        self._connection: SSL.Connection = SSL.Connection(certificate.context, None)
        self._connection.set_ciphertext_mtu(_MTU)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._timer: Timer | None = None
        self._connected = self._closed = False

    @property
    def is_connected(self) -> bool:
        """Whether application data can be sent."""
        return self._connected and not self._closed

    def start(self) -> None:
        """Send the first handshake message, if this is the client."""
        if self.client and not self._closed:
            self._shake_hands()

    def receive(self, datagram: bytes) -> None:
        """Take a datagram; garbage has no effect."""
        if self._closed:
            return
        self._connection.bio_write(datagram)
        if not self._connected:
            self._shake_hands()
        if self._connected and not self._closed:
            self._read()
            self._flush()

    def send(self, data: bytes) -> bool:
        """Send application data; false where that isn't possible now."""
        if not self.is_connected:
            return False
        try:
            self._connection.send(data)
        except SSL.Error:
            return False
        self._flush()
        return True

    def srtp_keys(self) -> tuple[str, bytes]:
        """The SRTP profile's name and the 2 keys and 2 salts (RFC 5764, section 4.2).

        Only when connected. Raises ValueError where the other side wants no profile that is known.
        """
        profile = self._connection.get_selected_srtp_profile().decode()
        salt = {"SRTP_AEAD_AES_128_GCM": 12, "SRTP_AES128_CM_SHA1_80": 14}.get(profile)
        if salt is None:
            raise ValueError("no SRTP profile was agreed on")
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (16 + salt))
        return profile, material

    def close(self) -> None:
        """Say goodbye (close_notify) and call nobody any more. Harmless twice."""
        if self._closed:
            return
        self._end()
        if self._connected:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return
            self._flush()

    def _end(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, why: str) -> None:
        self._flush()  # the alert that says why
        self._end()
        self._on_closed(why, True)

    def _shake_hands(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._set_timer()
            return
        except SSL.Error as problem:
            self._fail(f"DTLS handshake failed: {problem}")
            return
        self._flush()
        self._set_timer()
        peer = self._connection.get_peer_certificate(as_cryptography=True)
        if peer is None or not is_described(peer, self._fingerprints):
            self._fail("the certificate is not the one that was described")
            return
        self._connected = True
        self._on_connected()

    def _read(self) -> None:
        while not self._closed:
            try:
                data = self._connection.recv(_MOST_RECORD_BYTES)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                why = "the other side has closed the connection"
            except SSL.Error as problem:
                why = f"DTLS failed: {problem}"
            else:
                self._on_data(data)
                continue
            self.close()
            self._on_closed(why, False)

    def _flush(self) -> None:
        try:
            pending = self._connection.bio_read(_READ_BYTES)
        except SSL.Error:  # nothing to send
            return
        for datagram in _datagrams(pending):
            self._send(datagram)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._connection.DTLSv1_get_timeout()
        if wait is not None and not self._closed:
            self._timer = self._clock.call_at(self._clock.time() + wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as problem:  # sent too often
            self._fail(f"DTLS handshake failed: {problem}")
            return
        self._flush()
        self._set_timer()


def _datagrams(records: bytes) -> list[bytes]:
    """Put whole records (RFC 6347, section 4.1) together into datagrams of at most the MTU."""
    if len(records) <= _MTU:
        return [records]
    datagrams, begin, at = [], 0, 0
    while at < len(records):
        length = _RECORD_HEADER_BYTES + int.from_bytes(records[at + 11 : at + 13], "big")
        if at > begin and at + length - begin > _MTU:
            datagrams.append(records[begin:at])
            begin = at
        at += length
    datagrams.append(records[begin:])
    return datagrams
