"""SRTP of both sides of a handshake."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc import srtp
from greenroom.rooms.rtc.srtp import SrtpSessions

PROFILES = {"SRTP_AEAD_AES_128_GCM": 56, "SRTP_AES128_CM_SHA1_80": 60}


def both(profile: str = "SRTP_AEAD_AES_128_GCM") -> tuple[SrtpSessions, SrtpSessions]:
    material = secrets.token_bytes(PROFILES[profile])
    return (
        SrtpSessions(profile, material, client=True),
        SrtpSessions(profile, material, client=False),
    )


def rtp(sequence: int = 1, source: int = 7, payload: bytes = b"sound") -> bytes:
    return (
        b"\x80\x6f"
        + (sequence % 65536).to_bytes(2, "big")
        + bytes(4)
        + source.to_bytes(4, "big")
        + payload
    )


def rtcp(source: int = 7) -> bytes:
    return b"\x80\xc9\0\1" + source.to_bytes(4, "big")  # an empty receiver report


@pytest.mark.parametrize("profile", PROFILES)
def test_each_side_reads_what_the_other_wrote(profile: str) -> None:
    client, server = both(profile)
    for one, other in ((client, server), (server, client)):
        protected = one.protect(rtp())
        assert protected is not None
        assert protected[12:17] != b"sound"
        assert other.unprotect(protected, 0.0) == rtp()
        protected = one.protect_rtcp(rtcp())
        assert protected is not None
        assert other.unprotect_rtcp(protected, 0.0) == rtcp()
    assert client.failed == server.failed == 0


def test_one_does_not_read_ones_own() -> None:
    client, _ = both()
    assert client.unprotect(client.protect(rtp()) or b"", 0.0) is None
    assert client.failed == 1


def test_a_replayed_or_forged_packet_is_dropped_and_counted() -> None:
    client, server = both()
    protected = client.protect(rtp()) or b""
    assert server.unprotect(protected, 0.0) is not None
    assert server.unprotect(protected, 0.0) is None
    forged = bytearray(client.protect(rtp(2)) or b"")
    forged[14] ^= 1
    assert server.unprotect(bytes(forged), 0.0) is None
    report = bytearray(client.protect_rtcp(rtcp()) or b"")
    report[-1] ^= 1
    assert server.unprotect_rtcp(bytes(report), 0.0) is None
    assert server.failed == 3


def test_late_packets_are_taken_within_the_window() -> None:
    client, server = both()
    packets = [client.protect(rtp(number)) or b"" for number in range(1, 1_100)]
    assert server.unprotect(packets[-1], 0.0) is not None
    assert server.unprotect(packets[500], 0.0) == rtp(501)
    assert server.unprotect(packets[0], 0.0) is None


def test_the_same_packet_may_be_sent_again() -> None:
    client, server = both()
    first = client.protect(rtp())
    client.protect(rtp(2))
    assert client.protect(rtp()) == first
    assert server.unprotect(first or b"", 0.0) == rtp()


def test_a_packet_that_is_too_long_is_not_sent() -> None:
    client, _ = both()
    assert client.protect(rtp(payload=bytes(1344))) is not None
    assert client.protect(rtp(2, payload=bytes(1345))) is None
    assert client.protect_rtcp(rtcp() + bytes(1400)) is None
    assert client.failed == 2


def test_very_many_sources_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srtp, "_MOST_SOURCES", 3)
    client, server = both()
    replayed = b""
    for source in range(10):
        protected = client.protect(rtp(1, source)) or b""
        replayed = replayed or protected
        assert server.unprotect(protected, float(source)) is not None
    assert len(server._sources) == 3
    assert server.unprotect(client.protect(rtp(2, 9)) or b"", 10.0) == rtp(2, 9)
    # libsrtp has really forgotten the first: it takes the same packet for a new stream.
    assert server.unprotect(replayed, 11.0) == rtp(1, 0)
    for source in range(20, 30):
        report = client.protect_rtcp(rtcp(source)) or b""
        assert server.unprotect_rtcp(report, float(source)) == rtcp(source)
    assert len(server._sources) == 3


@given(st.binary(max_size=120))
def test_garbage_is_dropped(data: bytes) -> None:
    _, server = both()
    assert server.unprotect(data, 0.0) is None
    assert server.unprotect_rtcp(data, 0.0) is None
    assert server.failed == 2
    assert server._sources == {}
