"""DTLS between two connections of this code, datagram by datagram."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Callable

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from greenroom.rooms.rtc.certificate import Certificate, digest, is_described
from greenroom.rooms.rtc.dtls import DtlsConnection, _datagrams
from greenroom.testing.clock import ManualClock

ONE = Certificate.generate()


TWO = Certificate.generate()


def described(certificate: Certificate) -> list[tuple[str, str]]:
    algorithm, value = certificate.fingerprint.split()
    return [(algorithm, value)]


class Side:
    def __init__(
        self,
        certificate: Certificate,
        clock: ManualClock | asyncio.AbstractEventLoop,
        fingerprints: list[tuple[str, str]],
        *,
        client: bool,
    ) -> None:
        self.outbox: deque[bytes] = deque()
        self.sizes: list[int] = []
        self.events: list[str] = []
        self.data: list[bytes] = []
        self.sent = asyncio.Event()
        self.on_data: Callable[[bytes], None] = self.data.append
        self.dtls = DtlsConnection(
            certificate,
            clock,
            fingerprints,
            client=client,
            send=self._send,
            on_connected=lambda: self.events.append("connected"),
            on_data=lambda data: self.on_data(data),  # noqa: PLW0108 - tests replace it
            on_closed=lambda why, failed: self.events.append("failed" if failed else "closed"),
        )

    def _send(self, datagram: bytes) -> None:
        self.outbox.append(datagram)
        self.sizes.append(len(datagram))
        self.sent.set()


class Pair:
    def __init__(
        self,
        *,
        of_server: list[tuple[str, str]] | None = None,
        of_client: list[tuple[str, str]] | None = None,
        clock: ManualClock | asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.client = Side(ONE, self.clock, of_server or described(TWO), client=True)
        self.server = Side(TWO, self.clock, of_client or described(ONE), client=False)

    def exchange(self) -> None:
        """Carry datagrams until there are no more."""
        while self.client.outbox or self.server.outbox:
            for side, other in ((self.client, self.server), (self.server, self.client)):
                while side.outbox:
                    other.dtls.receive(side.outbox.popleft())

    def connect(self) -> Pair:
        self.client.dtls.start()
        self.server.dtls.start()  # waits, as a server does
        self.exchange()
        assert self.client.events == self.server.events == ["connected"]
        return self

    def close(self) -> None:
        self.client.dtls.close()
        self.server.dtls.close()


def test_both_sides_connect_and_have_the_same_keys() -> None:
    pair = Pair().connect()
    profile, material = pair.client.dtls.srtp_keys()
    assert pair.server.dtls.srtp_keys() == (profile, material)
    assert (profile, len(material)) == ("SRTP_AEAD_AES_128_GCM", 2 * (16 + 12))
    assert pair.clock.pending == 0
    pair.close()


def test_no_datagram_is_larger_than_the_mtu() -> None:
    pair = Pair().connect()
    assert max(pair.client.sizes + pair.server.sizes) <= 1200
    pair.close()


def test_data_goes_both_ways_in_one_datagram_each() -> None:
    pair = Pair().connect()
    assert pair.client.dtls.send(b"question")
    assert pair.server.dtls.send(b"answer")
    assert (len(pair.client.outbox), len(pair.server.outbox)) == (1, 1)
    pair.exchange()
    assert (pair.server.data, pair.client.data) == ([b"question"], [b"answer"])
    pair.close()


def test_records_that_share_a_datagram_are_all_read() -> None:
    pair = Pair().connect()
    pair.client.dtls.send(b"one")
    pair.client.dtls.send(b"two")
    pair.server.dtls.receive(pair.client.outbox.popleft() + pair.client.outbox.popleft())
    assert pair.server.data == [b"one", b"two"]
    pair.close()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512", "SHA-256"])
def test_any_usual_hash_describes_a_certificate(algorithm: str) -> None:
    certificate = x509_of(TWO)
    given = [(algorithm, digest(certificate, algorithm.lower()).lower())]
    assert is_described(certificate, given)
    Pair(of_server=given).connect().close()


def x509_of(certificate: Certificate) -> x509.Certificate:
    return certificate._certificate


def test_a_client_of_another_certificate_fails() -> None:
    pair = Pair(of_client=described(TWO))
    pair.client.dtls.start()
    pair.exchange()
    assert pair.server.events == ["failed"]
    assert not pair.server.dtls.is_connected
    assert not pair.server.dtls.send(b"secret")
    pair.close()


def test_a_server_of_another_certificate_fails() -> None:
    pair = Pair(of_server=described(ONE))
    pair.client.dtls.start()
    pair.exchange()
    assert pair.client.events == ["failed"]
    pair.close()


def test_who_shows_no_certificate_fails() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    client = SSL.Connection(context, None)
    client.set_connect_state()
    pair = Pair()
    for _ in range(10):
        with contextlib.suppress(SSL.Error):
            client.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            pair.server.dtls.receive(client.bio_read(65536))
        while pair.server.outbox:
            client.bio_write(pair.server.outbox.popleft())
    assert pair.server.events == ["failed"]
    pair.close()


def test_without_a_profile_in_common_there_are_no_keys() -> None:
    pair = Pair().connect()
    pair.server.dtls._connection = SSL.Connection(ONE.context, None)  # nothing agreed on yet
    with pytest.raises(ValueError, match="no SRTP profile"):
        pair.server.dtls.srtp_keys()
    pair.client.dtls.close()


def test_goodbye_is_heard_and_said_only_once() -> None:
    pair = Pair().connect()
    pair.client.dtls.close()
    pair.client.dtls.close()
    assert len(pair.client.outbox) == 1
    pair.exchange()
    assert pair.server.events == ["connected", "closed"]
    assert pair.client.events == ["connected"]
    assert not pair.server.dtls.send(b"too late")
    pair.server.dtls.receive(b"\x16anything")
    assert pair.server.events == ["connected", "closed"]


def test_who_closes_while_data_is_handed_over_gets_no_more() -> None:
    pair = Pair().connect()
    pair.server.on_data = lambda data: (pair.server.data.append(data), pair.server.dtls.close())
    pair.client.dtls.send(b"one")
    pair.client.dtls.send(b"two")
    pair.server.dtls.receive(pair.client.outbox.popleft() + pair.client.outbox.popleft())
    assert pair.server.data == [b"one"]
    pair.close()


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(
    garbage=st.one_of(
        st.binary(min_size=1, max_size=80),
        st.binary(max_size=60).map(
            lambda body: b"\x17\xfe\xfd" + bytes(8) + len(body).to_bytes(2, "big") + body
        ),
        st.binary(max_size=60).map(
            lambda body: b"\x15\xfe\xfd\0\1" + bytes(6) + len(body).to_bytes(2, "big") + body
        ),
    )
)
def test_garbage_does_not_disturb_a_connection(garbage: bytes) -> None:
    pair = connected_pair()
    pair.server.dtls.receive(garbage)
    pair.client.dtls.receive(garbage)
    pair.client.outbox.clear()
    pair.server.outbox.clear()
    pair.client.dtls.send(b"still here")
    pair.exchange()
    assert pair.server.data.pop() == b"still here"


@functools.cache
def connected_pair() -> Pair:
    """One for all examples: a handshake takes milliseconds."""
    return Pair().connect()


async def anything_sent(pair: Pair) -> None:
    waits = [asyncio.create_task(side.sent.wait()) for side in (pair.client, pair.server)]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


@pytest.mark.parametrize("lost", [0, 1, 2], ids=["hello", "server's flight", "client's flight"])
async def test_what_is_lost_in_the_handshake_is_sent_again(lost: int) -> None:
    # OpenSSL looks at the time of day itself, so this one waits for its first second.
    loop = asyncio.get_running_loop()
    pair = Pair(clock=loop)
    pair.client.dtls.start()
    for flight in range(lost + 1):
        side, other = (pair.client, pair.server) if flight % 2 == 0 else (pair.server, pair.client)
        datagrams = list(side.outbox)
        side.outbox.clear()
        if flight < lost:
            for datagram in datagrams:
                other.dtls.receive(datagram)
    async with asyncio.timeout(5):
        while not (pair.client.events and pair.server.events):
            for side in (pair.client, pair.server):
                side.sent.clear()
            await anything_sent(pair)
            pair.exchange()
    assert pair.client.events == pair.server.events == ["connected"]
    pair.close()


def test_a_timer_that_gives_up_fails_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    pair.client.dtls.start()

    class GivesUp:
        def DTLSv1_handle_timeout(self) -> None:  # noqa: N802
            raise SSL.Error

        def bio_read(self, _size: int) -> bytes:
            raise SSL.WantReadError

    pair.client.dtls._connection = GivesUp()
    pair.clock.advance(2)
    assert pair.client.events == ["failed"]
    assert pair.clock.pending == 0


def test_close_ends_the_timer() -> None:
    pair = Pair()
    pair.client.dtls.start()
    assert pair.clock.pending == 1
    pair.client.dtls.close()
    assert pair.clock.pending == 0
    pair.client.dtls.start()
    assert len(pair.client.outbox) == 1


def record(length: int) -> bytes:
    return b"\x16\xfe\xfd" + bytes(8) + length.to_bytes(2, "big") + bytes(length)


def test_a_flight_that_is_too_long_is_cut_between_records() -> None:
    records = [record(length) for length in (500, 600, 300, 1_500, 10)]
    datagrams = _datagrams(b"".join(records))
    assert datagrams == [records[0] + records[1], records[2], records[3], records[4]]


@pytest.mark.parametrize("method", ["send", "close"])
def test_what_openssl_refuses_is_no_exception(method: str) -> None:
    class Refuses:
        def __getattr__(self, _name: str) -> Callable[..., None]:
            def refuse(*_arguments: object) -> None:
                raise SSL.Error

            return refuse

    pair = Pair().connect()
    pair.server.dtls._connection = Refuses()
    assert pair.server.dtls.is_connected
    if method == "send":
        assert not pair.server.dtls.send(b"data")
    pair.server.dtls.close()
    assert pair.server.outbox == deque()
    pair.client.dtls.close()


def test_an_alert_of_the_other_side_ends_the_connection() -> None:
    class Alerts:
        def bio_write(self, _data: bytes) -> None:
            """Take it."""

        def recv(self, _size: int) -> bytes:
            raise SSL.Error

        def shutdown(self) -> None:
            raise SSL.Error

        def bio_read(self, _size: int) -> bytes:
            raise SSL.WantReadError

    pair = Pair().connect()
    pair.server.dtls._connection = Alerts()
    pair.server.dtls.receive(b"\x15")
    assert pair.server.events == ["connected", "closed"]
    pair.client.dtls.close()
