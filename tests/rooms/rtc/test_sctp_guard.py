"""What is let through to aiortc's SCTP."""

from __future__ import annotations

import contextlib
import struct
from struct import pack

import pytest
from aiortc import rtcsctptransport as sctp
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.sctp_guard import count_chunks

HEADER = bytes(12)


def count(*chunks: bytes, last_received: int | None = 100, last_sent: int = 200) -> int:
    return count_chunks(HEADER + b"".join(chunks), last_received=last_received, last_sent=last_sent)


def chunk(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    length = len(body) + 4 if length is None else length
    return pack("!BBH", kind, 0, length) + body + bytes(-len(body) % 4)


def data(tsn: int, payload: bytes = b"x") -> bytes:
    return chunk(0, pack("!LHHL", tsn, 1, 0, 53) + payload)


def sack(acknowledged: int, *gaps: tuple[int, int], duplicates: int = 0) -> bytes:
    body = pack("!LLHH", acknowledged, 100_000, len(gaps), duplicates)
    return chunk(3, body + b"".join(pack("!HH", *gap) for gap in gaps) + bytes(4 * duplicates))


def test_what_aiortc_writes_is_sound() -> None:
    init = sctp.InitChunk()
    init.params = [(0xC000, b""), (0x8008, b"\xc0\x82")]
    answer = sctp.InitAckChunk()
    answer.params = [(7, b"the cookie"), (0x8008, b"\xc0")]
    echo = sctp.CookieEchoChunk(body=b"the cookie")
    reset = sctp.ReconfigChunk()
    reset.params = [(13, bytes(14))]
    forward = sctp.ForwardTsnChunk()
    forward.cumulative_tsn, forward.streams = 120, [(1, 2)]
    beat = sctp.HeartbeatChunk()
    beat.params = [(1, b"time")]
    for one in (init, answer, echo, reset, forward, beat, sctp.AbortChunk(), sctp.CookieAckChunk()):
        packet = sctp.serialize_packet(5000, 5000, 1, one)
        assert count_chunks(packet, last_received=100, last_sent=200) == 1, one


def test_chunks_are_counted() -> None:
    assert count(sack(200), data(101), data(102, b"four"), data(103, b"five5")) == 4


def test_an_empty_packet_is_not_sound() -> None:
    assert count() == 0
    assert count_chunks(b"", last_received=1, last_sent=1) == 0


@pytest.mark.parametrize(
    "body",
    [
        data(100 + 4_097),
        data(101, b""),
        chunk(0, b""),
        chunk(3, bytes(8)),
        chunk(192, bytes(6)),
        chunk(192),
        chunk(1, bytes(8)),
        chunk(4, b"\0\1\0\0" + bytes(4)),
        chunk(130, b"\0\x0d\0\3"),
        chunk(6, b"\0\1\0\xff"),
        chunk(1, bytes(16) + b"\x80\x08\0\0"),
        chunk(9, b"abcd", length=2),
        chunk(9, b"abcd", length=100),
        b"".join(chunk(4) for _ in range(9)),
        data(101) + chunk(1, bytes(16)),
        chunk(1, bytes(16)) + data(101),
        sack(201),
        sack(190, (1, 11)),
        sack(190, (0, 1)),
        sack(190, (3, 2)),
        sack(190, (1, 4), (4, 6)),
        chunk(3, pack("!LLHH", 190, 1, 2, 0)),
    ],
)
def test_what_could_do_harm_is_refused(body: bytes) -> None:
    assert count(body) == 0


def test_gaps_among_what_was_sent_are_sound() -> None:
    assert count(sack(190, (2, 3), (5, 10), duplicates=2)) == 1
    assert count(sack(2**32 - 5, (2, 9)), last_sent=4) == 1


def test_old_data_is_a_duplicate_and_data_before_the_beginning_is_refused() -> None:
    assert count(data(99)) == 1
    assert count(data(5), last_received=2**32 - 5) == 1
    assert count(data(101), last_received=None) == 0


@given(st.binary(max_size=100), st.integers(0, 255))
def test_what_passes_is_decoded_by_aiortc_in_no_time(body: bytes, kind: int) -> None:
    # With the checksum that is right: aiortc's decoder hangs on some of what is refused here.
    packet = HEADER + chunk(kind, body)
    checksum = sctp.crc32c(packet)
    packet = packet[:8] + pack("<L", checksum) + packet[12:]
    if count_chunks(packet, last_received=0, last_sent=0):
        with contextlib.suppress(ValueError, struct.error):
            sctp.parse_packet(packet)
