"""Data channels between two of this code's own, without a network."""

from __future__ import annotations

import logging
import random
from collections import deque

import pytest

from support.data_channel_pair import Pair


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


async def test_no_channel_no_message(pair: Pair) -> None:
    assert not pair.client.data.send("_reliable", b"early")
    pair.client.data.open("_reliable", ordered=True, max_retransmits=None)
    assert not pair.client.data.send("_reliable", b"not open yet")
    pair.exchange()
    assert not pair.client.data.send("_lossy", b"another")


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
