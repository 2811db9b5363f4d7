"""What a peer of data channels can use up."""

from __future__ import annotations

from struct import pack

import pytest
from aiortc import rtcsctptransport as sctp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.errors import CapacityExceeded
from support.data_channel_pair import Pair


@pytest.fixture
async def pair() -> Pair:
    pair = Pair()
    yield pair
    pair.close()
    assert pair.clock.pending == 0


def opening(label: str) -> bytes:
    """RFC 8832, section 5.1."""
    return pack("!BBHLHH", 3, 0, 0, 0, len(label.encode()), 0) + label.encode()


async def test_there_are_at_most_sixteen_channels(pair: Pair) -> None:
    for number in range(16):
        pair.open(f"channel {number}")
    with pytest.raises(CapacityExceeded):
        pair.client.data.open("one more", ordered=True, max_retransmits=None)
    assert len(pair.server.opened) == 16
    with pytest.raises(CapacityExceeded):
        pair.server.data.open("one more", ordered=True, max_retransmits=None)


async def test_the_other_side_opens_at_most_sixteen(pair: Pair) -> None:
    pair.open()
    for number in range(40):
        pair.client.association._data_channel_queue.append(
            (pair.client.data._open["_reliable"], 50, opening(f"{number}"))
        )
    for stream in range(100, 180, 2):
        await pair.server.association._data_channel_receive(stream, 50, opening(f"{stream}"))
    assert len(pair.server.opened) == 16
    assert pair.server.association.dropped == 25


@pytest.mark.parametrize("data", [opening("x" * 65), opening("x")[:11], b"\3"])
async def test_an_opening_that_is_too_long_or_too_short_opens_nothing(
    pair: Pair, data: bytes
) -> None:
    pair.open()
    await pair.server.association._data_channel_receive(99, 50, data)
    assert pair.server.opened == ["_reliable"]


async def test_an_opening_twice_is_refused(pair: Pair) -> None:
    pair.open()
    stream = pair.server.data._open["_reliable"].id
    await pair.server.association._data_channel_receive(stream, 50, opening("other"))
    assert pair.server.opened == ["_reliable"]
    assert pair.server.association.dropped == 1


def numbered(tsn: int, *, flags: int, stream: int = 1, payload: bytes = b"x") -> sctp.DataChunk:
    chunk = sctp.DataChunk(flags=flags)
    chunk.tsn, chunk.stream_id, chunk.protocol, chunk.user_data = tsn, stream, 53, payload
    return chunk


def forge(pair: Pair, chunk: sctp.Chunk) -> None:
    """Hand the server a packet as from the client."""
    tag = pair.server.association._local_verification_tag
    pair.server.data.receive(sctp.serialize_packet(5000, 5000, tag, chunk))


async def test_messages_that_never_end_end_the_association(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.open()
    first = pair.server.association._last_received_tsn + 1
    for number in range(1_000):
        chunk = numbered(first + number, flags=2 if number == 0 else 0, payload=bytes(4_000))
        forge(pair, chunk)
        pair.clock.advance(0.02)
        pair.server.outbox.clear()
    assert pair.server.association.state == "closed"
    assert number_of_held_chunks(pair) < 600
    assert "keeps to no bounds" in caplog.text


async def test_who_makes_work_by_holding_much_back_is_taken_at_a_lower_rate(pair: Pair) -> None:
    pair.open()
    first = pair.server.association._last_received_tsn + 1
    for number in range(1_000):
        forge(pair, numbered(first + number, flags=2 if number == 0 else 0))
    taken = 1_000 - pair.server.association.dropped
    assert 300 < taken < 600


def number_of_held_chunks(pair: Pair) -> int:
    streams = pair.server.association._inbound_streams.values()
    return sum(len(stream.reassembly) for stream in streams)


async def test_very_many_streams_end_the_association(pair: Pair) -> None:
    pair.open()
    first = pair.server.association._last_received_tsn + 1
    for number in range(300):
        forge(pair, numbered(first + number, flags=7, stream=number * 2))
    assert pair.server.association.state == "closed"
    assert len(pair.server.association._inbound_streams) < 300


async def test_a_flood_is_taken_at_a_bounded_rate(pair: Pair) -> None:
    pair.open()
    first = pair.server.association._last_received_tsn + 1
    for number in range(3_000):
        forge(pair, numbered(first + number, flags=7))
        pair.server.outbox.clear()
    assert pair.server.association.dropped >= 1_000


SOUND = st.one_of(
    st.builds(
        lambda kind, flags, body: pack("!BBH", kind, flags, len(body) + 4) + body,
        st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192]),
        st.integers(0, 7),
        st.binary(max_size=40),
    ),
    st.binary(max_size=60),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(st.lists(SOUND, max_size=4))
async def test_garbage_raises_nothing_and_holds_nothing(chunks: list[bytes]) -> None:
    pair = Pair().open()
    for body in chunks:
        for tag in (pair.server.association._local_verification_tag, 0):
            packet = pack("!HHLL", 5000, 5000, tag, 0) + body
            checksum = pack("<L", sctp.crc32c(packet))
            pair.server.data.receive(packet[:8] + checksum + packet[12:])
            pair.server.data.receive(packet)
    assert number_of_held_chunks(pair) <= 8
    pair.close()
    assert pair.clock.pending == 0


async def test_a_message_that_is_too_big_is_neither_sent_nor_taken(pair: Pair) -> None:
    pair.open()
    assert not pair.client.data.send("_reliable", bytes(65_537))
    pair.client.data._max_message_bytes = 200_000
    assert pair.client.data.send("_reliable", bytes(65_537))
    assert pair.client.data.send("_reliable", b"next")
    pair.exchange()
    assert pair.server.received == [("_reliable", b"next")]
    assert pair.server.data.dropped == 1


async def test_a_reader_that_does_not_acknowledge_stops_the_writer() -> None:
    pair = Pair(unsent=50_000).open()
    sent = 0
    while pair.client.data.send("_reliable", bytes(1_000)):
        pair.client.outbox.clear()
        sent += 1
        assert sent < 100
    assert pair.client.data.unsent_bytes <= 50_000
    assert not pair.client.data.send("_reliable", bytes(1_000))
    pair.close()


async def test_very_many_small_messages_stop_the_writer_too() -> None:
    pair = Pair(unsent=50_000).open()
    sent = 0
    while pair.client.data.send("_reliable", b"x"):
        pair.client.outbox.clear()
        sent += 1
    assert sent < 300
    pair.close()
