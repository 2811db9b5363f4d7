"""Elements of RTP header extensions."""

from __future__ import annotations

import pytest
from aiortc.rtp import unpack_header_extensions
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.extensions import encode_elements, find_element


def taken_apart(whole: bytes) -> tuple[int, bytes]:
    profile = int.from_bytes(whole[:2], "big")
    words = int.from_bytes(whole[2:4], "big")
    assert len(whole) == 4 + 4 * words
    return profile, whole[4:]


@given(
    st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), min_size=1, max_size=8)
)
def test_short_elements_are_found_by_us_and_by_aiortc(elements: dict[int, bytes]) -> None:
    profile, data = taken_apart(encode_elements(list(elements.items())))
    assert profile == 0xBEDE
    assert dict(unpack_header_extensions(profile, data)) == elements
    for number in range(1, 15):
        assert find_element(profile, data, number) == elements.get(number)


@given(
    st.dictionaries(st.integers(1, 255), st.binary(max_size=200), min_size=1, max_size=4).filter(
        lambda them: any(number > 14 or not 0 < len(it) <= 16 for number, it in them.items())
    )
)
def test_long_elements_have_two_byte_headers(elements: dict[int, bytes]) -> None:
    profile, data = taken_apart(encode_elements(list(elements.items())))
    assert profile == 0x1000
    assert dict(unpack_header_extensions(profile, data)) == elements
    for number in (*elements, 0, 77):
        assert find_element(profile, data, number) == elements.get(number)


def test_no_elements_are_no_extension() -> None:
    assert encode_elements([]) == b""


@pytest.mark.parametrize(
    ("profile", "data"),
    [
        (0xBEDE, b"\x13ab"),
        (0xBEDE, b"\xf0\x00\x10\x01"),
        (0x1000, b"\x01\x09ab"),
        (0x1000, b"\x01"),
        (0x1234, b"\x10\x01"),
    ],
    ids=["cut off", "ended by 15", "cut off, two bytes", "no length", "another profile"],
)
def test_what_cannot_be_read_holds_nothing(profile: int, data: bytes) -> None:
    assert find_element(profile, data, 1) is None


def test_padding_between_elements_is_skipped() -> None:
    assert find_element(0xBEDE, b"\x00\x10\x05\x00\x20\x06", 2) == b"\x06"
    assert find_element(0x1003, b"\x00\x00\x01\x00\x02\x01\x06", 2) == b"\x06"
