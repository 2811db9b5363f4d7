"""Data channels between two of this code's own, without a network."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable
from struct import pack

import pytest
from aiortc import rtcsctptransport as sctp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.errors import CapacityExceeded
from greenroom.rooms.rtc.data_channels import DataChannels
from greenroom.testing.clock import ManualClock


class Side:
    def __init__(self, clock: ManualClock, *, client: bool, unsent: int, message: int) -> None:
        self.outbox: deque[bytes] = deque()
        self.opened: list[str] = []
        self.received: list[tuple[str, bytes]] = []
        self.on_message: Callable[[str, bytes], None] = lambda label, payload: self.received.append(
            (label, payload)
        )
        self.data = DataChannels(
            clock,
            client=client,
            send=self.outbox.append,
            max_unsent_bytes=unsent,
            max_message_bytes=message,
            on_channel=self.opened.append,
            on_message=lambda *message: self.on_message(*message),  # noqa: PLW0108 - tests replace it
        )

    @property
    def association(self) -> sctp.RTCSctpTransport:
        return self.data._association


class Pair:
    def __init__(self, *, unsent: int = 1_000_000, message: int = 65_536) -> None:
        self.clock = ManualClock()
        self.client = Side(self.clock, client=True, unsent=unsent, message=message)
        self.server = Side(self.clock, client=False, unsent=unsent, message=message)

    def exchange(self, *, lose: Callable[[bytes], bool] = lambda _: False) -> None:
        while self.client.outbox or self.server.outbox:
            for side, other in ((self.client, self.server), (self.server, self.client)):
                while side.outbox:
                    packet = side.outbox.popleft()
                    if not lose(packet):
                        other.data.receive(packet)

    def open(self, label: str = "_reliable", *, ordered: bool = True) -> Pair:
        self.client.data.open(label, ordered=ordered, max_retransmits=None if ordered else 0)
        self.exchange()
        return self

    def close(self) -> None:
        self.client.data.close()
        self.server.data.close()


@pytest.fixture
async def pair() -> Pair:
    pair = Pair()
    yield pair
    pair.close()
    assert pair.clock.pending == 0


async def test_a_channel_opens_on_both_sides_and_carries_both_ways(pair: Pair) -> None:
    pair.open()
    assert (pair.client.opened, pair.server.opened) == (["_reliable"], ["_reliable"])
    assert pair.client.data.send("_reliable", b"question")
    assert pair.server.data.send("_reliable", b"answer")
    assert pair.server.data.send("_reliable", b"")
    pair.exchange()
    assert pair.server.received == [("_reliable", b"question")]
    assert pair.client.received == [("_reliable", b"answer"), ("_reliable", b"")]
    assert pair.client.data.unsent_bytes == 0


async def test_both_sides_may_open(pair: Pair) -> None:
    pair.client.data.open("_reliable", ordered=True, max_retransmits=None)
    pair.server.data.open("_lossy", ordered=False, max_retransmits=0)
    pair.exchange()
    assert sorted(pair.client.opened) == sorted(pair.server.opened) == ["_lossy", "_reliable"]
    channel = pair.client.data._open["_lossy"]
    assert (channel.ordered, channel.maxRetransmits) == (False, 0)


async def test_text_is_handed_over_as_its_bytes(pair: Pair) -> None:
    pair.open()
    pair.client.data._open["_reliable"].send("grüß")
    pair.exchange()
    assert pair.server.received == [("_reliable", "grüß".encode())]


async def test_a_large_message_arrives_whole(pair: Pair) -> None:
    pair.open()
    message = bytes(range(256)) * 256
    assert pair.client.data.send("_reliable", message)
    pair.exchange()
    assert pair.server.received == [("_reliable", message)]


async def test_what_is_lost_is_sent_again_by_the_injected_clock(pair: Pair) -> None:
    pair.open()
    pair.client.data.send("_reliable", b"first")
    pair.client.outbox.clear()
    pair.clock.advance(3.5)
    pair.exchange()
    assert pair.server.received == [("_reliable", b"first")]


async def test_once_the_round_trip_is_known_a_loss_costs_less_than_half_a_second(
    pair: Pair,
) -> None:
    pair.open()
    pair.client.data.send("_reliable", b"first")
    pair.exchange()
    pair.client.data.send("_reliable", b"second")
    pair.client.outbox.clear()
    pair.clock.advance(0.45)
    pair.exchange()
    assert pair.server.received == [("_reliable", b"first"), ("_reliable", b"second")]


@pytest.mark.parametrize("seed", range(6))
async def test_everything_arrives_in_order_over_a_bad_network(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    pair.open()
    messages = [bytes([number]) * chance.randrange(1, 4_000) for number in range(40)]
    for message in messages:
        assert pair.client.data.send("_reliable", message)
        assert pair.server.data.send("_reliable", message)
    for _ in range(300):
        pair.exchange(lose=lambda _: chance.random() < 0.2)
        pair.clock.advance(0.5)
    expected = [("_reliable", message) for message in messages]
    assert pair.server.received == pair.client.received == expected
    assert pair.client.data.unsent_bytes == pair.server.data.unsent_bytes == 0


async def test_a_lossy_channel_does_not_send_again(pair: Pair) -> None:
    pair.open("_lossy", ordered=False)
    pair.client.data.send("_lossy", b"lost")
    pair.client.outbox.clear()
    pair.clock.advance(3.5)
    pair.exchange()
    pair.client.data.send("_lossy", b"next")
    pair.exchange()
    assert pair.server.received == [("_lossy", b"next")]


async def test_a_message_that_is_too_big_is_neither_sent_nor_taken(pair: Pair) -> None:
    pair.open()
    assert not pair.client.data.send("_reliable", bytes(65_537))
    pair.client.data._max_message_bytes = 200_000
    assert pair.client.data.send("_reliable", bytes(65_537))
    assert pair.client.data.send("_reliable", b"next")
    pair.exchange()
    assert pair.server.received == [("_reliable", b"next")]
    assert pair.server.data.dropped == 1


async def test_no_channel_no_message(pair: Pair) -> None:
    assert not pair.client.data.send("_reliable", b"early")
    pair.client.data.open("_reliable", ordered=True, max_retransmits=None)
    assert not pair.client.data.send("_reliable", b"not open yet")
    pair.exchange()
    assert not pair.client.data.send("_lossy", b"another")


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


async def test_a_channel_that_is_closed_is_forgotten_and_may_come_again(pair: Pair) -> None:
    pair.open()
    pair.client.data._open["_reliable"].close()
    pair.exchange()
    assert not pair.server.data.send("_reliable", b"to nobody")
    assert (pair.client.data._channels, pair.server.data._channels) == ({}, {})
    pair.open()
    assert pair.server.opened == ["_reliable", "_reliable"]
    assert pair.server.data.send("_reliable", b"again")


async def test_of_two_channels_of_one_label_the_newer_is_used(pair: Pair) -> None:
    pair.open()
    old = pair.server.data._open["_reliable"]
    pair.open()
    new = pair.server.data._open["_reliable"]
    assert old is not new
    old.close()
    pair.exchange()
    assert pair.server.data._open["_reliable"] is new


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


def opening(label: str) -> bytes:
    """RFC 8832, section 5.1."""
    return pack("!BBHLHH", 3, 0, 0, 0, len(label.encode()), 0) + label.encode()


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


async def test_a_message_opens_a_channel_whose_acknowledgement_is_missing(pair: Pair) -> None:
    pair.open()
    pair.client.data.open("_lossy", ordered=False, max_retransmits=0)
    # The acknowledgement is one byte of data: 12 + 16 + 1 bytes, padded.
    pair.exchange(lose=lambda packet: packet[12] == 0 and packet[28:29] == b"\2")
    assert pair.client.opened == ["_reliable"]
    pair.server.data.send("_lossy", b"here already")
    pair.exchange(lose=lambda packet: packet[28:29] == b"\2")
    assert pair.client.opened == ["_reliable", "_lossy"]
    assert pair.client.received == [("_lossy", b"here already")]


async def test_what_a_listener_raises_is_logged_and_harms_nothing(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_label: str, _payload: bytes) -> None:
        raise KeyError("a fault")

    pair.open()
    pair.server.on_message = fail
    pair.client.data.send("_reliable", b"one")
    with caplog.at_level(logging.ERROR):
        pair.exchange()
    assert "a listener of data channels has failed" in caplog.text
    pair.server.on_message = lambda label, payload: pair.server.received.append((label, payload))
    pair.client.data.send("_reliable", b"two")
    pair.exchange()
    assert pair.server.received == [("_reliable", b"two")]


async def test_who_closes_on_a_message_is_called_no_more(pair: Pair) -> None:
    pair.open()

    def close(label: str, payload: bytes) -> None:
        pair.server.received.append((label, payload))
        pair.server.data.close()

    pair.server.on_message = close
    pair.client.data.send("_reliable", b"one")
    pair.client.data.send("_reliable", b"two")
    pair.exchange()
    assert pair.server.received == [("_reliable", b"one")]
    assert pair.server.outbox == deque()
    assert not pair.client.data.send("_reliable", b"to nobody")


async def test_close_tells_the_other_side_and_leaves_nothing(pair: Pair) -> None:
    pair.open()
    pair.server.data.send("_reliable", b"under way")
    pair.server.data.close()
    pair.server.data.close()
    pair.exchange()
    assert pair.client.association.state == "closed"
    assert pair.client.data._channels == {}
    pair.server.data.open("late", ordered=True, max_retransmits=None)
    pair.server.data.receive(b"anything at all")
    assert pair.server.outbox == deque()


async def test_before_the_association_begins_close_says_nothing() -> None:
    pair = Pair()
    pair.close()
    assert (pair.client.outbox, pair.server.outbox) == (deque(), deque())


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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
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
