"""Which layer of a source goes on, and when keyframes are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from greenroom.rooms.rtc.media import VP8
from greenroom.rooms.rtc.simulcast import KeyframeRequests
from greenroom.rooms.rtc.streams import Streams
from greenroom.testing.clock import ManualClock
from support.rtp_peers import FakeSource, rtp, video_parameters


class Bench:
    """A sender of a source with three layers."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[bytes] = []
        self.streams = Streams(self.sent.append, lambda _: None, self.clock)
        self.sender = self.streams.add_sender(VP8, stream_id="s", track_id="t")
        self.sender.negotiate(video_parameters())
        self.source = FakeSource(self.clock, VP8)
        self.sender.set_source(self.source)

    def frames(self, *layers: int, count: int = 1) -> None:
        """A delta frame of each layer, `count` times, 50 ms apart."""
        for _ in range(count):
            for layer in layers:
                self.source.send(b"\x10\x01%d" % layer, layer=layer)
            self.clock.advance(0.05)

    def keyframe(self, layer: int) -> None:
        self.source.send(b"\x10\x00%d" % layer, layer=layer, keyframe=True)

    def layers(self) -> list[int]:
        """The layer of each packet that was sent."""
        return [int(packet.payload[2:]) for packet in rtp(self.sent)]

    def check_numbers(self) -> None:
        packets = rtp(self.sent)
        for before, packet in pairwise(packets):
            assert (packet.sequence_number - before.sequence_number) & 0xFFFF == 1
            passed = (packet.timestamp - before.timestamp) & 0xFFFFFFFF
            assert passed < 90_000 * 5


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.check_numbers()
    made.streams.close()


def test_the_first_keyframe_of_any_layer_begins_the_picture(bench: Bench) -> None:
    bench.frames(0, 1, 2)
    assert bench.sent == []
    bench.keyframe(0)
    bench.frames(0, 1, 2, count=2)
    assert bench.layers() == [0, 0, 0]
    assert bench.sender.layer == 0


def test_it_goes_up_at_a_keyframe_of_the_best_layer_that_it_asks_for(bench: Bench) -> None:
    bench.keyframe(0)
    bench.source.keyframes.clear()
    bench.frames(0, 1, 2, count=4)
    assert set(bench.source.keyframes) == {2}
    assert set(bench.layers()) == {0}
    bench.keyframe(2)
    sent = len(bench.sent)
    bench.frames(0, 1, 2, count=4)
    assert bench.layers()[sent:] == [2] * 4
    assert bench.sender.layer == 2


def test_a_lower_layer_is_sent_on_request_from_its_keyframe_on(bench: Bench) -> None:
    bench.keyframe(2)
    bench.frames(0, 1, 2)
    bench.sender.set_layer(0)
    bench.source.keyframes.clear()
    bench.frames(0, 1, 2, count=2)
    assert bench.source.keyframes
    assert set(bench.source.keyframes) == {0}
    assert set(bench.layers()) == {2}
    bench.keyframe(0)
    sent = len(bench.sent)
    bench.frames(0, 1, 2)
    assert bench.layers()[sent:] == [0]


def test_keyframes_of_layers_that_are_not_wanted_change_nothing(bench: Bench) -> None:
    bench.sender.set_layer(1)
    bench.keyframe(1)
    bench.keyframe(2)
    bench.keyframe(0)
    bench.frames(0, 1, 2)
    assert bench.layers() == [1, 1]


def test_where_the_layer_ends_the_best_below_takes_its_place_and_gives_it_back(
    bench: Bench,
) -> None:
    bench.keyframe(2)
    bench.frames(0, 1, 2)
    bench.frames(0, 1, count=40)
    assert bench.source.keyframes[-1] == 1
    bench.keyframe(1)
    bench.frames(0, 1)
    assert bench.layers()[-2:] == [1, 1]
    bench.frames(0, 1, 2, count=4)
    assert bench.source.keyframes[-1] == 2
    bench.keyframe(2)
    bench.frames(0, 1, 2)
    assert bench.layers()[-2:] == [2, 2]


def test_where_only_a_better_layer_is_there_it_is_sent(bench: Bench) -> None:
    bench.sender.set_layer(0)
    bench.frames(2, count=3)
    assert bench.source.keyframes[-1] == 2
    bench.keyframe(2)
    bench.frames(2)
    assert bench.layers() == [2, 2]


def test_a_layer_that_cannot_be_is_not_sent(bench: Bench) -> None:
    bench.sender.set_layer(99)
    bench.keyframe(9)
    assert bench.sent == []
    bench.sender.set_layer(-3)
    bench.keyframe(0)
    assert len(bench.sent) == 1


def test_the_time_that_a_change_of_layer_takes_is_that_which_passed(bench: Bench) -> None:
    bench.source.send(b"\x10\x000", layer=0, keyframe=True, timestamp=123)
    bench.clock.advance(0.1)
    bench.source.send(b"\x10\x002", layer=2, keyframe=True, timestamp=0xFFFFFF00)
    first, second = rtp(bench.sent)
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 9000


def test_keyframes_are_asked_for_at_most_every_half_second() -> None:
    asked: list[float] = []
    now = 10.0
    requests = KeyframeRequests(lambda: asked.append(now) or True)
    assert requests.request(now) == float("inf")
    now = 10.1
    assert requests.request(now) == 10.5
    assert requests.request(now) == 10.5
    assert asked == [10.0]
    now = 10.5
    assert requests.run(now) == float("inf")
    assert asked == [10.0, 10.5]
    assert requests.run(12.0) == float("inf")
    assert len(asked) == 2


def test_a_keyframe_that_came_answers_a_request_that_waits() -> None:
    asked: list[float] = []
    requests = KeyframeRequests(lambda: asked.append(0) or True)
    requests.request(1.0)
    requests.request(1.1)
    requests.wanted = False
    assert requests.run(1.6) == float("inf")
    assert len(asked) == 1


def test_a_request_that_cannot_be_sent_yet_stays_wanted() -> None:
    can = False
    requests = KeyframeRequests(lambda: can)
    requests.request(1.0)
    assert requests.wanted
    can = True
    requests.run(1.1)
    assert not requests.wanted
