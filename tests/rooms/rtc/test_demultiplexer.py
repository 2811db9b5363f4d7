"""Whose packet it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenroom.rooms.rtc.demultiplexer import MAX_STREAMS, Demultiplexer
from greenroom.rooms.rtc.extensions import encode_elements
from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.rtp import RtpPacket
from greenroom.testing.clock import ManualClock
from support.rtp_peers import audio_parameters, video_parameters

MID, RID, REPAIRED = 4, 10, 11


def packet(ssrc: int, payload_type: int = 96, **elements: str) -> RtpPacket:
    """A packet with `mid`, `rid` and `repaired` as given."""
    ids = {"mid": MID, "rid": RID, "repaired": REPAIRED}
    extension = encode_elements([(ids[name], it.encode()) for name, it in elements.items()])
    profile = 0xBEDE if extension else 0
    return RtpPacket(payload_type, False, 1, 2, ssrc, b"x", profile, extension[4:])


class Bench:
    def __init__(self, *sections: StreamParameters) -> None:
        link = Link(lambda _: None, lambda _: None, ManualClock(), lambda _: None, lambda _: None)
        self.demultiplexer = Demultiplexer()
        self.receivers = [RtpReceiver(link, section, "t") for section in sections]
        for receiver in self.receivers:
            self.demultiplexer.add(receiver)

    def find(self, given: RtpPacket, arrival: float = 0.0) -> tuple[str, int, bool] | None:
        """Section, layer and whether it is a retransmission."""
        known = self.demultiplexer.streams.get(given.ssrc)
        stream = known or self.demultiplexer.find(given, arrival)
        if stream is None:
            return None
        stream.arrival = arrival
        return stream.receiver.mid, stream.layer.index, stream.repairs


def test_described_streams_are_known_without_any_extension() -> None:
    bench = Bench(
        video_parameters("1", ssrcs=(10,), rtx_ssrcs={11: 10}),
        video_parameters("2", ssrcs=(20, 21), rtx_ssrcs={22: 20, 23: 21, 99: 98}),
    )
    assert bench.find(packet(10)) == ("1", 0, False)
    assert bench.find(packet(11, 97)) == ("1", 0, True)
    assert bench.find(packet(21)) == ("2", 1, False)
    assert bench.find(packet(23, 97)) == ("2", 1, True)
    assert bench.find(packet(99, 97)) is None


def test_a_new_stream_is_found_by_its_mid_and_then_by_its_ssrc() -> None:
    bench = Bench(video_parameters("1"), video_parameters("2"))
    assert bench.find(packet(5)) is None
    assert bench.find(packet(5, mid="2")) == ("2", 0, False)
    assert bench.find(packet(5)) == ("2", 0, False)


def test_a_mid_of_no_section_is_nobodys() -> None:
    assert Bench(video_parameters("1")).find(packet(5, mid="9")) is None


def test_layers_are_found_by_their_rids() -> None:
    bench = Bench(video_parameters("1", rids=("q", "h", "f")))
    assert bench.find(packet(5, mid="1", rid="h")) == ("1", 1, False)
    assert bench.find(packet(6, mid="1", rid="f")) == ("1", 2, False)
    assert bench.find(packet(7, 97, mid="1", repaired="f")) == ("1", 2, True)
    assert bench.find(packet(8, mid="1")) is None
    assert bench.find(packet(9, mid="1", rid="x")) is None
    assert bench.find(packet(10, 97, mid="1")) is None


def test_a_rid_alone_is_enough_where_one_section_has_it() -> None:
    bench = Bench(video_parameters("1", rids=("q", "h")), video_parameters("2", rids=("a", "b")))
    assert bench.find(packet(5, rid="b")) == ("2", 1, False)


def test_retransmissions_of_the_only_layer_need_no_name() -> None:
    bench = Bench(video_parameters("1"))
    assert bench.find(packet(5, 97, mid="1")) == ("1", 0, True)


def test_a_payload_type_is_enough_where_one_section_has_it() -> None:
    bench = Bench(audio_parameters("0"), video_parameters("1"))
    assert bench.find(packet(5, 111)) == ("0", 0, False)
    assert bench.find(packet(6, 96)) == ("1", 0, False)
    assert bench.find(packet(7, 50)) is None


def test_an_unknown_payload_type_of_a_known_section_is_nobodys() -> None:
    assert Bench(audio_parameters("0")).find(packet(5, 50, mid="0")) is None


def test_without_negotiated_extensions_only_ssrc_and_payload_type_count() -> None:
    bench = Bench(replace(video_parameters("1"), extensions={}))
    assert bench.find(packet(5, mid="9")) == ("1", 0, False)


def test_an_ssrc_described_for_another_section_moves_there() -> None:
    bench = Bench(video_parameters("1", ssrcs=(10,)), video_parameters("2"))
    bench.receivers[1].configure(video_parameters("2", ssrcs=(10,)))
    bench.demultiplexer.describe(bench.receivers[1])
    assert bench.find(packet(10)) == ("2", 0, False)
    assert bench.receivers[0].streams == []
    bench.demultiplexer.remove(bench.receivers[0])
    assert bench.find(packet(10)) == ("2", 0, False)


def test_the_streams_of_a_section_are_bounded_and_idle_ones_make_place() -> None:
    bench = Bench(video_parameters("1"))
    for ssrc in range(1, MAX_STREAMS + 1):
        assert bench.find(packet(ssrc, mid="1"), 1.0)
    assert bench.find(packet(500, mid="1"), 1.5) is None
    bench.find(packet(1), 9.0)
    assert bench.find(packet(500, mid="1"), 9.0)
    assert len(bench.demultiplexer.streams) == MAX_STREAMS
    assert 1 in bench.demultiplexer.streams
    assert 2 not in bench.demultiplexer.streams


@pytest.mark.parametrize("count", [40])
def test_described_retransmissions_are_bounded(count: int) -> None:
    bench = Bench(
        video_parameters("1", ssrcs=(1,), rtx_ssrcs={100 + number: 1 for number in range(count)})
    )
    assert len(bench.demultiplexer.streams) <= MAX_STREAMS
