"""RTP packets as bytes."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket as AiortcPacket
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.extensions import encode_elements, find_element
from greenroom.rooms.rtc.rtp import build_rtp, parse_rtp
from support.rtp_peers import aiortc_extensions

FIELDS = {
    "payload_type": st.integers(0, 127),
    "marker": st.booleans(),
    "sequence": st.integers(0, 0xFFFF),
    "timestamp": st.integers(0, 0xFFFFFFFF),
    "ssrc": st.integers(0, 0xFFFFFFFF),
}


@given(payload=st.binary(max_size=100), level=st.integers(0, 127), **FIELDS)
def test_what_is_built_is_read_the_same_by_aiortc(
    payload: bytes, level: int, payload_type: int, marker: bool, **numbers: int
) -> None:
    extension = encode_elements([(4, b"mid"), (1, bytes((level,)))])
    data = build_rtp(payload_type, marker, payload=payload, extension=extension, **numbers)
    packet = AiortcPacket.parse(data, aiortc_extensions())
    assert packet.payload_type == payload_type
    assert packet.marker == marker
    assert packet.sequence_number == numbers["sequence"]
    assert packet.timestamp == numbers["timestamp"]
    assert packet.ssrc == numbers["ssrc"]
    assert packet.payload == payload
    assert packet.extensions.mid == "mid"
    assert packet.extensions.audio_level[1] == level


@given(payload=st.binary(max_size=100), csrcs=st.integers(0, 15), padding=st.integers(0, 40))
def test_what_aiortc_builds_is_read(payload: bytes, csrcs: int, padding: int) -> None:
    made = AiortcPacket(96, 1, 65_535, 4_000_000_000, 3_000_000_000, payload)
    made.csrc = list(range(csrcs))
    made.extensions.mid = "7"
    made.extensions.audio_level = (True, 42)
    made.padding_size = padding
    packet = parse_rtp(made.serialize(aiortc_extensions()))
    assert packet is not None
    assert packet[:5] == (96, True, 65_535, 4_000_000_000, 3_000_000_000)
    assert packet.payload == payload
    assert find_element(packet.profile, packet.extension, 4) == b"7"
    assert find_element(packet.profile, packet.extension, 1) == bytes((0x80 | 42,))


def test_a_packet_without_payload_is_one_of_padding() -> None:
    data = build_rtp(96, False, 1, 2, 3, b"")
    assert data[0] & 0x20
    packet = parse_rtp(data)
    assert packet is not None
    assert packet.payload == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        b"\x00" + bytes(20),
        b"\x40" + bytes(20),
        b"\x81" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x02" + bytes(4),
        b"\xa0" + bytes(20),
        b"\xa0" + bytes(11) + b"\x02",
        b"\xa0" + bytes(10) + b"\x03",
    ],
    ids=[
        "empty",
        "short",
        "version 0",
        "version 1",
        "contributors missing",
        "extension header missing",
        "extension missing",
        "padding of none",
        "padding in the header",
        "padding byte is the header's",
    ],
)
def test_what_is_no_rtp_is_refused(data: bytes) -> None:
    assert parse_rtp(data) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    packet = parse_rtp(b"\xb3" + data)
    assert packet is None or len(packet.payload) < len(data)


@given(st.binary(min_size=12, max_size=60), st.integers(0, 15), st.integers(0, 0xFFFF))
def test_any_extension_is_searched_without_an_error(data: bytes, number: int, profile: int) -> None:
    for kind in (0xBEDE, 0x1000, 0x100F, profile):
        found = find_element(kind, data, number)
        assert found is None or found in data
