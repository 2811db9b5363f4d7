"""What a sender makes of its source's packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiortc.rtp import RtcpSrPacket, unwrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.media import H264, OPUS, VP8, Codec
from greenroom.rooms.rtc.ports import PayloadType, Sender, StreamParameters
from greenroom.rooms.rtc.redundancy import find_primary, parse_redundant
from greenroom.rooms.rtc.rtcp import (
    ReceiverReport,
    ReportBlock,
    build_full_intra_request,
    build_nack,
    build_picture_loss,
    build_receiver_report,
)
from greenroom.rooms.rtc.sender import RtpSender
from greenroom.rooms.rtc.streams import Streams
from greenroom.testing.clock import ManualClock
from support.rtp_peers import (
    FakeSource,
    audio_parameters,
    rtcp,
    rtp,
    video_parameters,
)


class Bench:
    """A Streams with one sender, and what leaves it."""

    def __init__(self, codec: Codec, parameters: StreamParameters) -> None:
        self.clock = ManualClock()
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.streams = Streams(self.rtp.append, self.rtcp.append, self.clock)
        self.sender: RtpSender = self.streams.add_sender(codec, stream_id="PA|TR", track_id="TR")
        self.sender.negotiate(parameters)
        self.source = FakeSource(self.clock, codec)
        self.sender.set_source(self.source)

    def sequences(self) -> list[int]:
        """Of what was sent, less that of the first packet."""
        packets = rtp(self.rtp)
        return [(it.sequence_number - packets[0].sequence_number) & 0xFFFF for it in packets]

    def timestamps(self) -> list[int]:
        packets = rtp(self.rtp)
        return [(it.timestamp - packets[0].timestamp) & 0xFFFFFFFF for it in packets]

    def payloads(self) -> list[bytes]:
        return [it.payload for it in rtp(self.rtp)]

    def report(self, *, lost: float = 0.0, last_report: int = 0, delay: float = 0.0) -> None:
        block = ReportBlock(
            self.sender.ssrc, int(lost * 256), 0, 0, 480, last_report, int(delay * 65536)
        )
        self.streams.on_rtcp(build_receiver_report(ReceiverReport(5, (block,))))

    def nack(self, *sequences: int) -> None:
        self.streams.on_rtcp(build_nack(5, self.sender.ssrc, sequences))


@pytest.fixture
def audio() -> Iterator[Bench]:
    bench = Bench(OPUS, audio_parameters())
    yield bench
    bench.streams.close()
    assert bench.clock.pending == 0


@pytest.fixture
def video() -> Iterator[Bench]:
    bench = Bench(VP8, video_parameters())
    yield bench
    bench.streams.close()
    assert bench.clock.pending == 0


def test_a_packet_is_sent_as_negotiated(audio: Bench) -> None:
    audio.source.send(b"opus", level=33, marker=True)
    (packet,) = rtp(audio.rtp)
    assert packet.payload_type == 111
    assert packet.ssrc == audio.sender.ssrc
    assert packet.payload == b"opus"
    assert packet.marker == 1
    assert packet.extensions.mid == "0"
    assert packet.extensions.audio_level[1] == 33
    assert audio.sender.mid == "0"


def test_a_sender_is_what_a_peer_connection_promises(audio: Bench) -> None:
    sender: Sender = audio.sender
    assert (audio.sender.stream_id, audio.sender.track_id) == ("PA|TR", "TR")
    assert sender.round_trip is None
    assert sender.fraction_lost == 0
    assert audio.sender.ssrc != audio.sender.rtx_ssrc


def test_nothing_is_sent_without_a_section(audio: Bench) -> None:
    audio.sender.negotiate(None)
    audio.source.send()
    assert audio.sender.mid is None
    assert audio.rtp == []


def test_nothing_is_sent_of_a_codec_that_the_section_does_not_have(video: Bench) -> None:
    other = FakeSource(video.clock, H264)
    video.sender.set_source(other)
    other.send(b"\x65\x80", keyframe=True)
    assert video.rtp == []


def test_a_source_of_another_codec_is_sent_under_its_number(video: Bench) -> None:
    types = (PayloadType(96, VP8), PayloadType(103, H264))
    video.sender.negotiate(replace(video_parameters(), payload_types=types))
    other = FakeSource(video.clock, H264)
    video.sender.set_source(other)
    other.send(b"\x65\x80", keyframe=True)
    assert [packet.payload_type for packet in rtp(video.rtp)] == [103]


def test_the_mid_is_sent_until_the_other_side_reports_on_the_stream(audio: Bench) -> None:
    audio.source.send(level=20)
    audio.report()
    audio.source.send(level=20)
    before, after = rtp(audio.rtp)
    assert before.extensions.mid == "0"
    assert after.extensions.mid is None
    assert after.extensions.audio_level[1] == 20


def test_video_tells_when_it_was_sent(video: Bench) -> None:
    video.source.keyframe()
    video.clock.advance(0.25)
    video.source.delta()
    first, second = (packet.extensions.abs_send_time for packet in rtp(video.rtp))
    assert first is not None
    assert second is not None
    assert (second - first) & 0xFFFFFF == 0x40000 // 4


def test_gaps_stay_and_late_packets_get_their_own_numbers(audio: Bench) -> None:
    made = [audio.source.make(b"%d" % number) for number in range(6)]
    for number in (0, 1, 4, 3, 5):
        audio.source.give(made[number])
    assert audio.sequences() == [0, 1, 4, 3, 5]


def test_doubled_packets_are_sent_once(audio: Bench) -> None:
    made = [audio.source.make(b"%d" % number) for number in range(4)]
    for number in (0, 0, 1, 3, 1, 2, 2, 3):
        audio.source.give(made[number])
    assert audio.payloads() == [b"0", b"1", b"3", b"2"]


def test_a_packet_far_too_late_is_not_sent(audio: Bench) -> None:
    made = [audio.source.make(b"%d" % number) for number in range(100)]
    for number in (0, *range(2, 100), 1):
        audio.source.give(made[number])
    assert b"1" not in audio.payloads()
    assert len(audio.rtp) == 99


@given(
    start=st.integers(0, 0xFFFF),
    steps=st.lists(st.integers(-40, 40), min_size=1, max_size=120),
)
def test_numbers_keep_their_distances_across_wraparounds(start: int, steps: list[int]) -> None:
    bench = Bench(OPUS, audio_parameters())
    position, positions = 0, [0]
    for step in steps:
        position = max(0, position + step)
        positions.append(position)
    sent: list[int] = []
    newest = 0
    for position in positions:
        before = len(bench.rtp)
        bench.source.send(b"%d" % position, sequence=(start + position) & 0xFFFF)
        late = newest - position
        assert (len(bench.rtp) > before) == (position not in sent and late < 64)
        if len(bench.rtp) > before:
            sent.append(position)
        newest = max(newest, position)
    assert bench.sequences() == [position & 0xFFFF for position in sent]
    bench.streams.close()


def test_a_pause_leaves_no_gap_in_numbers_and_time_goes_on(audio: Bench) -> None:
    audio.source.send()
    audio.clock.advance(0.02)
    audio.sender.set_paused(True)
    for _ in range(50):
        audio.source.send()
        audio.clock.advance(0.02)
    audio.sender.set_paused(False)
    audio.source.send()
    assert audio.sequences() == [0, 1]
    assert audio.timestamps() == [0, 51 * 960]
    assert [packet.marker for packet in rtp(audio.rtp)] == [1, 1]


def test_packets_from_before_a_pause_are_not_sent_after_it(audio: Bench) -> None:
    audio.source.send()
    late = audio.source.make()
    audio.sender.set_paused(True)
    audio.sender.set_paused(False)
    audio.source.send()
    audio.source.give(late)
    assert audio.sequences() == [0, 1]


def test_another_source_goes_on_where_the_last_one_ended(audio: Bench) -> None:
    audio.source.send(timestamp=17)
    audio.clock.advance(0.04)
    other = FakeSource(audio.clock)
    audio.sender.set_source(other)
    assert audio.source.sinks == []
    for number in range(2):
        other.send(sequence=40_000 + number, timestamp=0xFFFFFF00 + 960 * number)
        audio.clock.advance(0.02)
    assert audio.sequences() == [0, 1, 2]
    assert audio.timestamps() == [0, 1920, 1920 + 960]


def test_a_source_that_starts_anew_goes_on_too(audio: Bench) -> None:
    audio.source.send(sequence=100, timestamp=5)
    audio.clock.advance(0.02)
    audio.source.send(sequence=30_000, timestamp=900_000)
    assert audio.sequences() == [0, 1]
    assert audio.timestamps() == [0, 960]


def test_without_a_source_nothing_is_sent(audio: Bench) -> None:
    audio.sender.set_source(None)
    assert audio.source.sinks == []
    audio.source.send()
    assert audio.rtp == []


def test_padding_keeps_its_number(audio: Bench) -> None:
    for payload in (b"a", b"", b"b"):
        audio.source.send(payload)
    packets = rtp(audio.rtp)
    assert audio.sequences() == [0, 1, 2]
    assert [packet.payload for packet in packets] == [b"a", b"", b"b"]
    assert packets[1].padding_size == 1


def test_packets_asked_for_are_sent_again_as_retransmissions(video: Bench) -> None:
    video.source.keyframe()
    for _ in range(5):
        video.source.delta()
    originals = rtp(video.rtp)
    video.clock.advance(0.1)
    video.nack(originals[1].sequence_number, originals[4].sequence_number)
    again = rtp(video.rtp)[6:]
    assert [packet.ssrc for packet in again] == [video.sender.rtx_ssrc] * 2
    assert [packet.payload_type for packet in again] == [97] * 2
    for packet, original in zip(again, (originals[1], originals[4]), strict=True):
        restored = unwrap_rtx(packet, 96, video.sender.ssrc)
        assert restored.sequence_number == original.sequence_number
        assert restored.timestamp == original.timestamp
        assert restored.payload == original.payload
        assert packet.extensions.abs_send_time != original.extensions.abs_send_time
    assert (again[1].sequence_number - again[0].sequence_number) & 0xFFFF == 1


def test_without_rtx_the_same_bytes_are_sent_again(audio: Bench) -> None:
    audio.source.send(b"a", level=3)
    audio.report()
    audio.nack(rtp(audio.rtp)[0].sequence_number)
    assert audio.rtp[1] == audio.rtp[0]


def test_redundant_audio_is_sent_again_as_it_was(audio: Bench) -> None:
    parameters = audio_parameters(red=63)
    types = (PayloadType(111, OPUS, 112),)
    audio.sender.negotiate(replace(parameters, payload_types=types))
    audio.source.send(b"a")
    audio.source.send(b"b", timestamp=round(audio.clock.time() * 48_000) + 960)
    audio.nack(rtp(audio.rtp)[1].sequence_number)
    assert audio.rtp[2] == audio.rtp[1]


def test_a_packet_is_sent_again_once_in_a_round_trip(video: Bench) -> None:
    video.source.keyframe()
    number = rtp(video.rtp)[0].sequence_number
    for _ in range(3):
        video.nack(number, number)
    assert len(video.rtp) == 2
    video.clock.advance(0.05)
    video.nack(number)
    assert len(video.rtp) == 3


def test_what_is_unknown_or_long_gone_is_not_sent_again(video: Bench) -> None:
    video.source.keyframe()
    number = rtp(video.rtp)[0].sequence_number
    for _ in range(600):
        video.source.delta()
    sent = len(video.rtp)
    video.nack(number, (number + 5000) & 0xFFFF)
    assert len(video.rtp) == sent


def test_a_flood_of_requests_is_bounded(video: Bench) -> None:
    video.source.keyframe()
    for _ in range(511):
        video.source.delta()
    numbers = [packet.sequence_number for packet in rtp(video.rtp)]
    for _ in range(20):
        for start in range(0, 512, 16):
            video.nack(*numbers[start : start + 16])
        video.clock.advance(0.02)
    assert len(video.rtp) - 512 < 500 + 0.5 * 500


def test_picture_loss_asks_the_source_for_a_keyframe(video: Bench) -> None:
    video.source.keyframe()
    video.source.keyframes.clear()
    video.streams.on_rtcp(build_picture_loss(5, video.sender.ssrc))
    assert video.source.keyframes == [0]


def test_a_repeated_intra_request_asks_once(video: Bench) -> None:
    video.source.keyframe()
    video.source.keyframes.clear()
    for number in (7, 7, 8, 8):
        video.streams.on_rtcp(build_full_intra_request(5, video.sender.ssrc, number))
    assert video.source.keyframes == [0, 0]


def test_a_paused_sender_asks_for_no_keyframe_until_it_goes_on(video: Bench) -> None:
    video.source.keyframe()
    video.sender.set_paused(True)
    video.source.keyframes.clear()
    video.streams.on_rtcp(build_picture_loss(5, video.sender.ssrc))
    assert video.source.keyframes == []
    video.sender.set_paused(False)
    assert len(video.source.keyframes) == 1
    video.source.delta()
    assert len(video.rtp) == 1
    video.source.keyframe()
    video.source.delta()
    assert video.sequences() == [0, 1, 2]


def test_video_begins_with_a_keyframe(video: Bench) -> None:
    assert video.source.keyframes
    assert video.sender.layer is None
    video.source.delta()
    assert video.rtp == []
    video.source.keyframe()
    video.source.delta()
    assert len(video.rtp) == 2
    assert video.sender.layer == 0


def test_receiver_reports_tell_how_the_stream_arrives(audio: Bench) -> None:
    audio.source.send()
    audio.clock.advance(0.3)
    (report,) = rtcp(audio.rtcp, RtcpSrPacket)
    audio.clock.advance(0.5)
    # It was sent at 0.2 s, and now it is 0.8 s: 0.5 s of these the other side held it.
    middle = report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
    audio.report(lost=0.25, last_report=middle, delay=0.5)
    assert audio.sender.fraction_lost == 0.25
    assert audio.sender.jitter == pytest.approx(0.01)
    assert audio.sender.round_trip == pytest.approx(0.1, abs=0.001)
    assert audio.streams.round_trip == pytest.approx(0.1, abs=0.001)


def test_an_absurd_round_trip_is_not_believed(audio: Bench) -> None:
    audio.source.send()
    audio.report(last_report=123)
    assert audio.sender.round_trip is None


def test_sender_reports_map_the_clock_to_the_rtp_time(audio: Bench) -> None:
    for _ in range(70):
        audio.source.send()
        audio.clock.advance(0.02)
    first, second = rtcp(audio.rtcp, RtcpSrPacket)[:2]
    sent = rtp(audio.rtp)[0]
    # 0.2 s after the first packet
    assert (first.sender_info.rtp_timestamp - sent.timestamp) & 0xFFFFFFFF == pytest.approx(
        0.2 * 48_000, abs=10
    )
    seconds = (second.sender_info.ntp_timestamp - first.sender_info.ntp_timestamp) / (1 << 32)
    ticks = second.sender_info.rtp_timestamp - first.sender_info.rtp_timestamp & 0xFFFFFFFF
    assert ticks / 48_000 == pytest.approx(seconds, abs=0.001)
    assert 59 <= second.sender_info.packet_count <= 62
    assert second.sender_info.octet_count == 5 * second.sender_info.packet_count


def test_redundant_audio_carries_the_packet_before(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    for payload in (b"one", b"two", b"three"):
        audio.source.send(payload, level=9)
        audio.clock.advance(0.02)
    packets = rtp(audio.rtp)
    assert [packet.payload_type for packet in packets] == [111, 63, 63]
    assert find_primary(packets[2].payload) == (111, b"three")
    blocks = parse_redundant(packets[2].payload)
    assert blocks is not None
    assert [(it.payload_type, it.offset, it.payload) for it in blocks] == [(111, 960, b"two")]
    assert packets[2].extensions.audio_level[1] == 9


def test_more_redundancy_where_much_is_lost(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    audio.report(lost=0.1)
    for payload in (b"one", b"two", b"three"):
        audio.source.send(payload)
        audio.clock.advance(0.02)
    blocks = parse_redundant(rtp(audio.rtp)[2].payload)
    assert blocks is not None
    assert [(it.offset, it.payload) for it in blocks] == [(1920, b"one"), (960, b"two")]


def test_a_payload_too_large_for_redundancy_is_sent_plain(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    for size in (10, 1095, 10):
        audio.source.send(bytes(size))
        audio.clock.advance(0.02)
    assert [packet.payload_type for packet in rtp(audio.rtp)] == [111] * 3


def test_redundancy_leaves_out_what_is_not_the_packet_just_before(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    made = [audio.source.make(b"%d" % n, timestamp=960 * n) for n in range(5)]
    for number in (0, 1, 3, 2, 4):
        audio.source.give(made[number])
    types = dict(zip((0, 1, 3, 2, 4), [it.payload_type for it in rtp(audio.rtp)], strict=True))
    assert types == {0: 111, 1: 63, 3: 111, 2: 111, 4: 63}


def test_redundancy_across_a_long_silence_is_left_out(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    audio.source.send(b"before")
    audio.clock.advance(0.4)
    audio.source.send(b"after")
    assert audio.payloads() == [b"before", b"after"]


def test_redundancy_ends_when_a_section_does_without(audio: Bench) -> None:
    audio.sender.negotiate(audio_parameters(red=63))
    audio.source.send(b"a")
    audio.clock.advance(0.02)
    audio.sender.negotiate(audio_parameters())
    audio.source.send(b"b")
    assert audio.payloads() == [b"a", b"b"]


def test_extensions_that_are_not_negotiated_are_not_sent(audio: Bench) -> None:
    audio.sender.negotiate(replace(audio_parameters(), extensions={}))
    audio.source.send(level=5)
    assert audio.rtp[0][0] == 0x80


def test_a_removed_sender_says_goodbye_once_and_lets_go(audio: Bench) -> None:
    audio.source.send()
    sent = len(audio.rtcp)
    audio.streams.remove_sender(audio.sender)
    audio.streams.remove_sender(audio.sender)
    assert len(audio.rtcp) == sent + 1
    assert audio.source.sinks == []
    audio.source.send()
    assert len(audio.rtp) == 1


def test_a_sender_that_sent_nothing_goes_without_a_word(audio: Bench) -> None:
    audio.streams.remove_sender(audio.sender)
    assert audio.rtcp == []
