"""Redundant audio as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.redundancy import (
    RedundantBlock,
    build_redundant,
    find_primary,
    parse_redundant,
)


def test_the_layout_is_that_of_the_rfc() -> None:
    data = build_redundant(111, b"now", [(960, b"then")])
    # F 1, type 111; offset 960 in 14 bits, length 4 in 10; F 0, type 111
    assert data == b"\xef\x0f\x00\x04\x6f" + b"then" + b"now"


@given(
    st.integers(0, 127),
    st.binary(max_size=60),
    st.lists(st.tuples(st.integers(0, 16_383), st.binary(max_size=1023)), max_size=3),
)
def test_what_is_built_is_read(
    payload_type: int, payload: bytes, earlier: list[tuple[int, bytes]]
) -> None:
    data = build_redundant(payload_type, payload, earlier)
    assert find_primary(data) == (payload_type, payload)
    assert parse_redundant(data) == [
        RedundantBlock(payload_type, offset, block) for offset, block in earlier
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xef", b"\xef\x0f\x00", b"\xef\x0f\x00\x04", b"\xef\x0f\x00\x04\x6fabc"],
    ids=["empty", "cut in a header", "cut in a length", "no last header", "a block cut off"],
)
def test_what_contradicts_its_lengths_is_refused(data: bytes) -> None:
    assert find_primary(data) == (-1, b"")
    assert parse_redundant(data) is None


def test_more_blocks_than_anybody_sends_are_refused() -> None:
    assert parse_redundant(build_redundant(1, b"", [(1, b"a")] * 9)) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    payload_type, payload = find_primary(data)
    assert payload_type >= -1
    assert data.endswith(payload)
    blocks = parse_redundant(data)
    if blocks is None:
        assert payload_type == -1 or len(data) > 32
