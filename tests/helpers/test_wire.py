from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.helpers.wire import MAX_HEADER, MAX_PAYLOAD, Frame, FrameReader, WireError, encode

headers = st.dictionaries(
    st.text(max_size=10), st.one_of(st.integers(), st.text(max_size=20), st.booleans()), max_size=4
)


@given(st.lists(st.tuples(headers, st.binary(max_size=200)), max_size=5), st.integers(1, 50))
def test_frames_arrive_whole_and_in_order_however_the_bytes_are_cut(
    messages: list[tuple[dict[str, object], bytes]], step: int
) -> None:
    stream = b"".join(encode(header, payload) for header, payload in messages)
    reader = FrameReader()
    frames: list[Frame] = []
    for start in range(0, len(stream), step):
        frames += reader.feed(stream[start : start + step])
    assert [(frame.header, frame.payload) for frame in frames] == messages


@pytest.mark.parametrize("lengths", [(MAX_HEADER + 1, 0), (2, MAX_PAYLOAD + 1)])
def test_a_frame_that_announces_too_much_is_refused_before_it_is_read(
    lengths: tuple[int, int],
) -> None:
    with pytest.raises(WireError, match="announced"):
        FrameReader().feed(struct.pack("!II", *lengths))


@pytest.mark.parametrize("head", [b"{nonsense", b"[1, 2]", b"\xff\xfe"])
def test_a_header_that_is_no_json_object_is_refused(head: bytes) -> None:
    with pytest.raises(WireError, match="JSON"):
        FrameReader().feed(struct.pack("!II", len(head), 0) + head)


def test_a_frame_that_the_other_side_would_refuse_is_not_made() -> None:
    with pytest.raises(WireError, match="over the limit"):
        encode({"text": "x" * MAX_HEADER})
    with pytest.raises(WireError, match="over the limit"):
        encode({}, bytes(MAX_PAYLOAD + 1))
