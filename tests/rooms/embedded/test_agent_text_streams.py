"""Text streams are written so that every client reads them, and read within bounds."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.protocol.models import DataPacket, DataStream

from greenroom.rooms.embedded.text_streams import TextStreams, split_text
from greenroom.rooms.embedded.text_writer import EmbeddedTextWriter
from greenroom.rooms.ports import TextReceived
from greenroom.testing import ManualClock

DEFLATE = DataStream.CompressionType.DEFLATE_RAW


class Reader:
    def __init__(self, *, max_bytes: int = 1_000, max_open: int = 2, idle: float = 10.0) -> None:
        self.clock = ManualClock()
        self.texts: list[TextReceived] = []
        self.streams = TextStreams(
            self.texts.append, self.clock, max_bytes=max_bytes, max_open=max_open, idle=idle
        )

    def take(self, packet: DataPacket, identity: str = "ann") -> None:
        if packet.HasField("stream_header"):
            self.streams.header(identity, packet.stream_header)
        elif packet.HasField("stream_chunk"):
            self.streams.chunk(identity, packet.stream_chunk)
        else:
            self.streams.trailer(identity, packet.stream_trailer)

    def begin(self, stream_id: str = "s", identity: str = "ann", **more: Any) -> None:
        header = DataStream.Header(
            stream_id=stream_id,
            topic="lk.chat",
            text_header=DataStream.TextHeader(),
            **more,
        )
        self.streams.header(identity, header)

    def add(
        self, content: bytes, index: int = 0, stream_id: str = "s", identity: str = "ann"
    ) -> None:
        chunk = DataStream.Chunk(stream_id=stream_id, chunk_index=index, content=content)
        self.streams.chunk(identity, chunk)

    def end(self, stream_id: str = "s", identity: str = "ann", reason: str = "") -> None:
        self.streams.trailer(identity, DataStream.Trailer(stream_id=stream_id, reason=reason))

    @property
    def heard(self) -> list[str]:
        return [text.text for text in self.texts]


def deflate(text: str) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text.encode()) + packer.flush()


@given(st.text(), st.integers(4, 20))
@settings(max_examples=50)
def test_pieces_are_whole_characters_within_the_limit_and_make_the_text(
    text: str, limit: int
) -> None:
    text = text.encode("utf-8", "replace").decode()
    pieces = list(split_text(text, limit))
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join(piece.decode() for piece in pieces) == text


async def test_what_is_written_is_read_with_its_topic_and_all_attributes() -> None:
    sent: list[DataPacket] = []
    writer = EmbeddedTextWriter(
        sent.append,
        topic="lk.chat",
        timestamp=1_700_000_000_000,
        attributes={"a": "1", "b": "1"},
        to=["ann", "bob"],
        sender="eve",
    )
    text = "çé漢😀" * 3_000
    await writer.write(text)
    await writer.write("")
    await writer.close({"b": "2"})
    await writer.close()
    await writer.write("too late")
    reader = Reader(max_bytes=100_000)
    for packet in sent:
        assert list(packet.destination_identities) == ["ann", "bob"]
        assert packet.participant_identity == "eve"
        assert len(packet.SerializeToString()) < 15_400
        reader.take(packet)
    assert reader.texts == [TextReceived("ann", text, "lk.chat", {"a": "1", "b": "2"})]
    assert len(sent) == 5
    assert sent[0].stream_header.timestamp == 1_700_000_000_000
    assert not sent[0].stream_header.HasField("total_length")


async def test_a_known_length_is_told() -> None:
    sent: list[DataPacket] = []
    writer = EmbeddedTextWriter(
        sent.append, topic="t", timestamp=0, attributes={}, to=[], sender="", total=2
    )
    await writer.write("é")
    await writer.close()
    assert sent[0].stream_header.total_length == 2


def test_a_text_within_its_header_is_complete() -> None:
    reader = Reader()
    reader.begin(inline_content="é".encode(), total_length=2)
    reader.begin("other", inline_content=deflate("漢" * 100), compression=DEFLATE)
    assert (reader.heard, reader.streams.open) == (["é", "漢" * 100], 0)


def test_a_compressed_text_is_inflated_across_chunks() -> None:
    reader = Reader()
    data = deflate("häh " * 100)
    reader.begin(compression=DEFLATE)
    for index, byte in enumerate(data):
        reader.add(bytes([byte]), index)
    reader.end()
    assert reader.heard == ["häh " * 100]


def test_streams_of_one_id_from_two_people_are_two() -> None:
    reader = Reader()
    for who in ("ann", "bob"):
        reader.begin(identity=who)
    for who in ("ann", "bob"):
        reader.add(who.encode(), identity=who)
        reader.end(identity=who)
    assert [(t.identity, t.text) for t in reader.texts] == [("ann", "ann"), ("bob", "bob")]


def test_a_chunk_that_comes_again_counts_once() -> None:
    reader = Reader()
    reader.begin()
    for index, content in ((0, b"a"), (0, b"a"), (1, b"b")):
        reader.add(content, index)
    reader.end()
    assert (reader.heard, reader.streams.dropped) == (["ab"], 0)


@pytest.mark.parametrize(
    ("total", "chunks", "reason"),
    [
        (None, [(0, b"a"), (2, b"c")], ""),
        (None, [(0, b"\xff")], ""),
        (None, [(0, bytes(600)), (1, bytes(600))], ""),
        (2, [(0, b"abc")], ""),
        (3, [(0, b"ab")], ""),
        (None, [(0, b"ab")], "given up"),
        (2_000, [], ""),
    ],
    ids=["gap", "no UTF-8", "too long", "longer than told", "shorter", "given up", "told too long"],
)
def test_a_text_that_is_not_whole_is_dropped_and_counted(
    total: int | None, chunks: list[tuple[int, bytes]], reason: str
) -> None:
    reader = Reader()
    reader.begin("s", "ann", **({} if total is None else {"total_length": total}))
    for index, content in chunks:
        reader.add(content, index)
    reader.end(reason=reason)
    assert (reader.heard, reader.streams.open, reader.streams.dropped) == ([], 0, 1)


@pytest.mark.parametrize("content", [b"\xff\xff", deflate("x" * 100_000)], ids=["garbage", "bomb"])
def test_what_does_not_inflate_within_the_bound_is_dropped(content: bytes) -> None:
    reader = Reader()
    reader.begin(compression=DEFLATE, inline_content=content)
    reader.begin("chunked", compression=DEFLATE)
    reader.add(content, stream_id="chunked")
    assert (reader.heard, reader.streams.open, reader.streams.dropped) == ([], 0, 2)


def test_somebody_with_too_many_open_streams_begins_no_more_and_others_do() -> None:
    reader = Reader()
    for stream_id in ("1", "2", "3", "2"):
        reader.begin(stream_id)
    reader.begin("1", identity="bob")
    assert (reader.streams.open, reader.streams.dropped) == (3, 2)


def test_open_streams_of_one_sender_hold_at_most_two_texts_together() -> None:
    reader = Reader(max_open=3)
    for stream_id in ("1", "2", "3"):
        reader.begin(stream_id)
        reader.add(bytes(900), stream_id=stream_id)
    assert (reader.streams.open, reader.streams.dropped) == (2, 1)


def test_what_is_not_a_text_or_not_known_is_left_alone() -> None:
    reader = Reader()
    header = DataStream.Header(stream_id="s", byte_header=DataStream.ByteHeader(name="f"))
    reader.streams.header("ann", header)
    reader.add(b"x")
    reader.end()
    assert (reader.heard, reader.streams.open, reader.streams.dropped) == ([], 0, 0)


def test_a_stream_of_which_nothing_comes_is_dropped_and_the_timer_ends() -> None:
    reader = Reader()
    reader.begin("1")
    reader.clock.advance(6)
    reader.begin("2")
    reader.clock.advance(5)
    assert (reader.streams.open, reader.clock.pending) == (1, 1)
    reader.add(b"x", stream_id="2")
    reader.add(b"", 1, stream_id="2")  # no sign of life
    reader.clock.advance(9)
    assert reader.streams.open == 1
    reader.clock.advance(1)
    assert (reader.streams.open, reader.streams.dropped, reader.clock.pending) == (0, 2, 0)


def test_who_goes_and_who_closes_leaves_nothing() -> None:
    reader = Reader()
    reader.begin()
    reader.begin(identity="bob")
    reader.streams.forget("ann")
    reader.streams.forget("nobody")
    assert (reader.streams.open, reader.streams.dropped) == (1, 1)
    reader.streams.close()
    reader.streams.close()
    assert (reader.streams.open, reader.clock.pending) == (0, 0)
