"""What a receiver makes of the packets of its section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiortc.rtp import RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, RtpPacket, wrap_rtx

from greenroom.rooms.rtc.extensions import encode_elements
from greenroom.rooms.rtc.media import OPUS, VP8, MediaPacket
from greenroom.rooms.rtc.ports import Receiver, StreamParameters
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.redundancy import build_redundant
from greenroom.rooms.rtc.rtcp import SenderReport, build_bye, build_sender_report
from greenroom.rooms.rtc.rtp import build_rtp
from greenroom.rooms.rtc.streams import Streams
from greenroom.testing.clock import ManualClock
from support.rtp_peers import (
    VP8_DELTA,
    VP8_KEYFRAME,
    Recorder,
    aiortc_extensions,
    audio_parameters,
    rtcp,
    video_parameters,
)


class Bench:
    """A Streams with one receiver that knows SSRC 1000, retransmitted as 2000."""

    def __init__(self, parameters: StreamParameters) -> None:
        self.clock = ManualClock()
        self.rtcp: list[bytes] = []
        self.streams = Streams(lambda _: None, self.rtcp.append, self.clock)
        self.receiver: RtpReceiver = self.streams.add_receiver(parameters, "cid")
        self.sink = Recorder()
        self.receiver.add_sink(self.sink)

    def give(
        self,
        sequence: int,
        payload: bytes = b"media",
        *,
        payload_type: int | None = None,
        ssrc: int = 1000,
        timestamp: int = 0,
        marker: bool = False,
        extension: bytes = b"",
    ) -> None:
        if payload_type is None:
            payload_type = 111 if self.receiver.kind == "audio" else 96
        data = build_rtp(
            payload_type, marker, sequence & 0xFFFF, timestamp, ssrc, payload, extension
        )
        self.streams.on_rtp(data, self.clock.time())

    def repair(self, sequence: int, payload: bytes = b"media", **fields: Any) -> None:
        original = RtpPacket(96, 0, sequence, 0, 1000, payload)
        packet = wrap_rtx(original, 97, fields.pop("number", 1), fields.pop("ssrc", 2000))
        self.streams.on_rtp(packet.serialize(aiortc_extensions()), self.clock.time())

    def sent(self, kind: type[Any]) -> list[Any]:
        return rtcp(self.rtcp, kind)


def open_bench(parameters: StreamParameters) -> Iterator[Bench]:
    bench = Bench(parameters)
    yield bench
    bench.streams.close()
    assert bench.clock.pending == 0


@pytest.fixture
def audio() -> Iterator[Bench]:
    yield from open_bench(audio_parameters(red=63, ssrcs=(1000,)))


@pytest.fixture
def video() -> Iterator[Bench]:
    yield from open_bench(video_parameters(ssrcs=(1000,), rtx_ssrcs={2000: 1000}))


def test_a_receiver_is_what_a_peer_connection_promises(audio: Bench) -> None:
    receiver: Receiver = audio.receiver
    assert (receiver.mid, receiver.kind, receiver.track_id) == ("0", "audio", "cid")
    assert receiver.codec == OPUS


def test_a_packet_is_handed_over_with_all_that_is_known_of_it(audio: Bench) -> None:
    extension = encode_elements([(1, b"\xa1")])
    audio.give(7, b"opus", timestamp=99, marker=True, extension=extension)
    now = audio.clock.time()
    assert audio.sink.packets == [MediaPacket(OPUS, 7, 99, True, b"opus", now, 0, False, 33)]


def test_every_sink_gets_every_packet_once(audio: Bench) -> None:
    other = Recorder()
    audio.receiver.add_sink(other)
    audio.receiver.add_sink(other)
    audio.give(1)
    audio.receiver.remove_sink(audio.sink)
    audio.receiver.remove_sink(audio.sink)
    audio.give(2)
    assert audio.sink.sequences == [1]
    assert other.sequences == [1, 2]


def test_a_sink_may_be_removed_while_it_is_written_to(audio: Bench) -> None:
    class Once:
        count = 0

        def write(self, packet: MediaPacket) -> None:
            self.count += 1
            audio.receiver.remove_sink(self)

    once, after = Once(), Recorder()
    audio.receiver.add_sink(once)
    audio.receiver.add_sink(after)
    audio.give(1)
    audio.give(2)
    assert once.count == 1
    assert after.sequences == [1, 2]


def test_unknown_payload_types_are_dropped_and_counted(audio: Bench) -> None:
    audio.give(1, payload_type=13)
    assert audio.receiver.dropped == 1
    assert audio.sink.packets == []


def test_redundant_packets_hand_over_what_is_lost_before_the_new(audio: Bench) -> None:
    audio.give(10, b"ten", timestamp=9600)
    redundant = build_redundant(111, b"13", [(2880, b"10"), (1920, b"11"), (960, b"12")])
    audio.give(13, redundant, payload_type=63, timestamp=12_480)
    assert audio.sink.sequences == [10, 11, 12, 13]
    assert audio.sink.payloads == [b"ten", b"11", b"12", b"13"]
    assert [packet.timestamp for packet in audio.sink.packets] == [9600, 10_560, 11_520, 12_480]
    audio.give(12, b"late")
    assert audio.sink.sequences == [10, 11, 12, 13]


def test_padding_leaves_no_gap_and_late_packets_keep_their_numbers(audio: Bench) -> None:
    audio.give(10, b"10", timestamp=0)
    for number in (11, 12, 14, 15):
        audio.give(number, b"", payload_type=63, timestamp=0)
    audio.give(16, b"16", timestamp=1920)
    audio.give(13, b"13", timestamp=960)
    audio.give(17, b"", payload_type=63, timestamp=1920)
    audio.give(18, b"18", timestamp=2880)
    assert audio.sink.payloads == [b"10", b"16", b"13", b"18"]
    assert audio.sink.sequences == [10, 12, 11, 13]
    audio.clock.advance(0.5)
    (report,) = audio.sent(RtcpRrPacket)
    assert report.reports[0].packets_lost == 0


def test_padding_that_comes_late_fills_the_gap_that_it_left(audio: Bench) -> None:
    for number, payload in ((10, b"10"), (12, b"12"), (11, b"")):
        audio.give(number, payload)
    assert audio.sink.sequences == [10, 12, 11]
    assert audio.sink.payloads == [b"10", b"12", b""]


def test_redundancy_skips_the_padding_between(audio: Bench) -> None:
    def red(now: bytes, before: bytes) -> bytes:
        return build_redundant(111, now, [(960, before)])

    audio.give(10, red(b"A", b"before"), payload_type=63, timestamp=0)
    # 11 is lost media, 12 and 13 are padding: what comes after repeats 11
    audio.give(12, b"", payload_type=63, timestamp=960)
    audio.give(13, b"", payload_type=63, timestamp=960)
    audio.give(14, red(b"C", b"B"), payload_type=63, timestamp=1920)
    # 15 is lost padding: what comes after repeats 14, which has come
    audio.give(16, red(b"D", b"C"), payload_type=63, timestamp=2880)
    assert audio.sink.payloads == [b"A", b"B", b"C", b"D"]
    assert audio.sink.sequences == [10, 11, 12, 14]


def test_redundancy_of_what_has_come_is_left_alone(audio: Bench) -> None:
    for number in range(10, 14):
        data = build_redundant(111, b"%d" % number, [(960, b"before")])
        audio.give(number, data, payload_type=63)
    assert audio.sink.payloads == [b"10", b"11", b"12", b"13"]


@pytest.mark.parametrize(
    "data",
    [b"\xef\x0f", b"\x3fnested", b"\x0dunknown", b"\xef\x0f\x00\x40\x6fshort"],
    ids=["cut", "redundancy in redundancy", "an unknown type", "cut block"],
)
def test_redundancy_that_makes_no_sense_is_dropped_and_counted(audio: Bench, data: bytes) -> None:
    audio.give(10, b"a")
    audio.give(12, data, payload_type=63)
    assert audio.sink.payloads == [b"a"]
    assert audio.receiver.dropped == 1


def test_blocks_that_make_no_sense_are_left_out(audio: Bench) -> None:
    audio.give(10, b"a")
    blocks = (
        (0x80 | 13).to_bytes(1, "big") + b"\x0f\x00\x01",
        (0x80 | 111).to_bytes(1, "big") + b"\x0f\x00\x00",
        b"\x6f",
        b"x",
        b"new",
    )
    audio.give(13, b"".join(blocks), payload_type=63)
    assert audio.sink.payloads == [b"a", b"new"]


def test_keyframes_are_marked_on_their_first_packet(video: Bench) -> None:
    video.give(1, VP8_KEYFRAME, timestamp=0)
    video.give(2, b"\x00\x00", timestamp=0, marker=True)
    video.give(3, VP8_DELTA, timestamp=3000)
    video.give(4, VP8_KEYFRAME, timestamp=6000)
    video.give(5, VP8_KEYFRAME, timestamp=6000)
    assert [it.keyframe for it in video.sink.packets] == [True, False, False, True, False]


def test_retransmissions_are_handed_over_as_what_they_repeat(video: Bench) -> None:
    video.give(1)
    video.give(4)
    video.repair(3, b"three")
    video.repair(2, b"two", number=2)
    video.repair(2, b"two", number=3)
    video.repair(9, b"new", number=4)
    assert video.sink.sequences == [1, 4, 3, 2]
    assert video.sink.payloads[2:] == [b"three", b"two"]
    assert [it.codec for it in video.sink.packets] == [VP8] * 4


def test_a_retransmission_that_only_probes_is_nothing(video: Bench) -> None:
    video.repair(3, b"too early")
    video.give(1)
    video.give(4)
    video.give(1, b"", payload_type=97, ssrc=2000)
    video.give(2, b"\x00\x03", payload_type=97, ssrc=2000)
    assert video.sink.sequences == [1, 4]


def test_missing_video_is_asked_for_until_it_comes(video: Bench) -> None:
    video.give(65_535)
    video.give(2)
    video.clock.advance(0.02)
    (request,) = video.sent(RtcpRtpfbPacket)
    assert (request.media_ssrc, request.lost) == (1000, [0, 1])
    video.repair(0)
    video.clock.advance(0.2)
    assert [it.lost for it in video.sent(RtcpRtpfbPacket)[1:]] == [[1]]
    video.give(1)
    video.clock.advance(5)
    assert len(video.sent(RtcpRtpfbPacket)) == 2


def test_disorder_that_heals_at_once_is_not_asked_for(video: Bench) -> None:
    for number in (1, 3, 2, 4):
        video.give(number)
        video.clock.advance(0.002)
    video.clock.advance(3)
    assert not video.sent(RtcpRtpfbPacket)


def test_asking_ends(video: Bench) -> None:
    video.give(1)
    video.give(3)
    video.clock.advance(10)
    assert 3 <= len(video.sent(RtcpRtpfbPacket)) <= 8
    assert video.clock.pending == 0


def test_audio_without_nack_is_not_asked_for(audio: Bench) -> None:
    audio.give(1)
    audio.give(3)
    audio.clock.advance(1)
    assert not audio.sent(RtcpRtpfbPacket)


def test_keyframes_are_requested_at_most_every_half_second(video: Bench) -> None:
    video.give(1, VP8_KEYFRAME)
    for _ in range(9):
        video.receiver.request_keyframe(0)
        video.clock.advance(0.1)
    requests = video.sent(RtcpPsfbPacket)
    assert [it.media_ssrc for it in requests if it.fmt == 1] == [1000] * 2


def test_a_keyframe_that_comes_answers_those_who_wait(video: Bench) -> None:
    video.give(1, VP8_KEYFRAME)
    video.receiver.request_keyframe(0)
    video.clock.advance(0.1)
    video.receiver.request_keyframe(0)
    video.give(2, VP8_KEYFRAME, timestamp=3000)
    video.clock.advance(2)
    assert len([it for it in video.sent(RtcpPsfbPacket) if it.fmt == 1]) == 1


def test_where_only_intra_requests_are_understood_they_are_sent() -> None:
    feedback = frozenset({"ccm fir"})
    bench = Bench(video_parameters(ssrcs=(1000,), feedback=feedback))
    bench.give(1, VP8_KEYFRAME)
    for _ in range(2):
        bench.receiver.request_keyframe(0)
        bench.clock.advance(0.6)
    requests = [it.fci for it in bench.sent(RtcpPsfbPacket) if it.fmt == 4]
    assert requests == [(1000).to_bytes(4, "big") + bytes((number, 0, 0, 0)) for number in (1, 2)]
    bench.streams.close()


def test_where_nothing_is_understood_no_keyframe_is_requested() -> None:
    bench = Bench(video_parameters(ssrcs=(1000,), feedback=frozenset()))
    bench.give(1, VP8_KEYFRAME)
    bench.receiver.request_keyframe(0)
    bench.receiver.request_keyframe(5)
    assert bench.rtcp == []
    bench.streams.close()


def test_audio_has_no_keyframes(audio: Bench) -> None:
    audio.give(1)
    audio.receiver.request_keyframe(0)
    assert audio.rtcp == []


def test_another_ssrc_goes_on_with_the_numbers_and_the_time(video: Bench) -> None:
    video.give(100, VP8_KEYFRAME, timestamp=5000)
    video.clock.advance(0.1)
    extension = encode_elements([(4, b"1")])
    video.give(40_000, VP8_KEYFRAME, ssrc=1001, timestamp=77, extension=extension)
    video.give(40_001, VP8_DELTA, ssrc=1001, timestamp=3077)
    video.give(101, VP8_DELTA)
    assert video.sink.sequences == [100, 101, 102]
    assert [it.timestamp for it in video.sink.packets] == [5000, 14_000, 17_000]


def test_an_ssrc_that_comes_back_after_a_silence_is_heard_again(video: Bench) -> None:
    extension = encode_elements([(4, b"1")])
    video.give(100)
    video.give(40_000, ssrc=1001, extension=extension)
    video.clock.advance(5)
    video.give(101)
    assert video.sink.sequences == [100, 101, 102]


def test_a_numbering_that_starts_anew_goes_on(audio: Bench) -> None:
    audio.give(100, timestamp=0)
    audio.clock.advance(0.02)
    audio.give(30_000, timestamp=500_000)
    audio.clock.advance(0.02)
    audio.give(30_001, timestamp=500_960)
    assert audio.sink.sequences == [100, 101]
    assert [it.timestamp for it in audio.sink.packets] == [0, 1920]


def test_which_layers_are_there_and_their_bit_rates() -> None:
    bench = Bench(video_parameters(rids=("q", "h"), ssrcs=(1000, 1001)))
    assert bench.receiver.active_layers == ()
    for number in range(100):
        bench.give(number, bytes(500))
        bench.give(number, bytes(1000), ssrc=1001)
        bench.clock.advance(0.02)
    assert bench.receiver.active_layers == (0, 1)
    assert bench.receiver.bit_rate(0) == pytest.approx(200_000, rel=0.05)
    assert bench.receiver.bit_rate(1) == pytest.approx(400_000, rel=0.05)
    bench.streams.on_rtcp(build_bye([1001]))
    assert bench.receiver.active_layers == (0,)
    assert bench.receiver.bit_rate(1) == 0
    bench.clock.advance(3)
    assert bench.receiver.active_layers == ()
    assert {packet.layer for packet in bench.sink.packets} == {0, 1}
    bench.streams.close()


def test_the_time_of_a_packet_is_known_from_the_sender_report(audio: Bench) -> None:
    audio.give(1, timestamp=1000)
    assert audio.receiver.time_of(1000, 0) is None
    ntp = int(5_000.0 * (1 << 32))
    audio.streams.on_rtcp(build_sender_report(SenderReport(1000, ntp, 1000, 1, 1)))
    now = audio.clock.time()
    assert audio.receiver.time_of(1000, 0) == pytest.approx(now)
    assert audio.receiver.time_of(1000 + 48_000, 0) == pytest.approx(now + 1)
    assert audio.receiver.time_of(1000 - 480, 0) == pytest.approx(now - 0.01)
    assert audio.receiver.time_of(0, 3) is None


def test_a_report_that_was_longer_on_its_way_does_not_move_the_clock(audio: Bench) -> None:
    audio.give(1, timestamp=0)
    start = audio.clock.time()
    for delay, sent in ((0.0, 0), (0.1, 1)):
        audio.clock.advance(1.0 * sent + delay)
        ntp = int((5_000.0 + sent) * (1 << 32))
        report = SenderReport(1000, ntp, 48_000 * sent, 1, 1)
        audio.streams.on_rtcp(build_sender_report(report))
    assert audio.receiver.time_of(48_000, 0) == pytest.approx(start + 1)


def test_a_clock_that_was_set_is_followed(audio: Bench) -> None:
    audio.give(1, timestamp=0)
    for ntp in (5_000, 5_000 - 3600):
        audio.streams.on_rtcp(build_sender_report(SenderReport(1000, ntp << 32, 0, 1, 1)))
    assert audio.receiver.time_of(0, 0) == pytest.approx(audio.clock.time())


def test_a_removed_receiver_hands_over_nothing(audio: Bench) -> None:
    audio.give(1)
    audio.streams.remove_receiver(audio.receiver)
    audio.streams.remove_receiver(audio.receiver)
    audio.give(2)
    assert audio.sink.sequences == [1]
    assert audio.streams.dropped == 1


def test_a_section_negotiated_again_keeps_its_streams(audio: Bench) -> None:
    audio.give(1)
    audio.streams.update_receiver(audio.receiver, audio_parameters(ssrcs=(1000,)))
    audio.give(2)
    audio.give(3, b"red", payload_type=63)
    assert audio.sink.sequences == [1, 2]
    assert audio.receiver.dropped == 1
