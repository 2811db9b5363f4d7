"""Packets that are kept to be sent again."""

from __future__ import annotations

from aiortc.rtp import RtpPacket, unwrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.extensions import encode_elements
from greenroom.rooms.rtc.retransmission import SentPackets, build_retransmission
from greenroom.rooms.rtc.rtp import build_rtp
from support.rtp_peers import aiortc_extensions


@given(st.booleans(), st.booleans(), st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=50))
def test_aiortc_unwraps_what_is_sent_again(
    marker: bool, extended: bool, sequence: int, payload: bytes
) -> None:
    extension = encode_elements([(4, b"mid")]) if extended else b""
    original = build_rtp(96, marker, sequence, 123, 456, payload, extension)
    again = RtpPacket.parse(build_retransmission(original, 97, 9, 789), aiortc_extensions())
    assert (again.payload_type, again.sequence_number, again.ssrc) == (97, 9, 789)
    assert again.extensions.mid == ("mid" if extended else None)
    restored = unwrap_rtx(again, 96, 456)
    assert restored.serialize() == build_rtp(96, marker, sequence, 123, 456, payload)


def test_the_oldest_are_forgotten() -> None:
    sent = SentPackets(64)
    for number in range(65_500, 65_600):
        sent.add(number & 0xFFFF, b"%d" % number)
    assert 65_535 not in sent
    assert sent.take(65_535, 0.0, 0.1) is None
    assert 0 in sent
    assert sent.take(0, 0.0, 0.1) == b"65536"
    assert sent.take(63, 0.0, 0.1) == b"65599"


def test_what_was_just_sent_again_is_not_sent_once_more() -> None:
    sent = SentPackets(64)
    sent.add(5, b"five")
    assert sent.take(5, 1.0, 0.1) == b"five"
    assert sent.take(5, 1.05, 0.1) is None
    assert sent.take(5, 1.2, 0.1) == b"five"


def test_what_is_remembered_of_resending_is_bounded() -> None:
    sent = SentPackets(64)
    for number in range(1000):
        sent.add(number, b"x")
        sent.take(number, number, 0.1)
    assert len(sent._resent) <= 65


def test_all_together_are_bounded_in_a_second() -> None:
    sent = SentPackets(512)
    for number in range(512):
        sent.add(number, b"x")
    taken = sum(
        sent.take(number, 1.0 + step / 100, 0.01) is not None
        for step in range(100)
        for number in range(512)
    )
    assert 900 <= taken <= 1000
