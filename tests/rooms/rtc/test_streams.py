"""The streams of a peer connection as a whole: reports, garbage, and forwarding between peers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.extensions import encode_elements
from greenroom.rooms.rtc.media import OPUS, VP8
from greenroom.rooms.rtc.rtcp import (
    SenderReport,
    build_bitrate_limit,
    build_bye,
    build_nack,
    build_picture_loss,
    build_sender_report,
)
from greenroom.rooms.rtc.rtp import build_rtp
from greenroom.rooms.rtc.streams import Streams
from greenroom.testing.clock import ManualClock
from support.rtp_peers import (
    VP8_DELTA,
    VP8_KEYFRAME,
    FakeSource,
    Pair,
    Recorder,
    audio_parameters,
    rtcp,
    rtp,
    video_parameters,
)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair(ManualClock(), delay=0.03)
    yield made
    made.close()


def send_both(pair: Pair, seconds: float) -> tuple[FakeSource, FakeSource]:
    """Sound and picture from near to far."""
    sources = []
    for codec, parameters in ((OPUS, audio_parameters("0")), (VP8, video_parameters("1"))):
        sender = pair.near.add_sender(codec, stream_id="s", track_id="t")
        sender.negotiate(parameters)
        source = FakeSource(pair.clock, codec)
        sender.set_source(source)
        pair.far.add_receiver(parameters, codec.kind).add_sink(Recorder())
        sources.append(source)
    audio, video = sources
    for number in range(round(seconds / 0.02)):
        audio.send(bytes(80), level=40)
        if number == 0:
            video.keyframe()
        else:
            video.send(VP8_DELTA + bytes(996))
        pair.clock.advance(0.02)
    return audio, video


def test_both_sides_report_once_a_second(pair: Pair) -> None:
    send_both(pair, 5.1)
    sent = rtcp(pair.rtcp.sent, RtcpSrPacket)
    received = rtcp(pair.back_rtcp.sent, RtcpRrPacket)
    assert len(sent) == 2 * 5
    assert [len(report.reports) for report in received] == [2] * 5
    for packet in pair.rtcp.sent + pair.back_rtcp.sent:
        kinds = [type(it) for it in RtcpPacket.parse(packet)]
        assert kinds[0] in {RtcpSrPacket, RtcpRrPacket}
        assert RtcpSdesPacket in kinds


def test_reports_measure_the_round_trip_and_the_loss(pair: Pair) -> None:
    pair.rtp.loss = 0.1
    send_both(pair, 5.1)
    assert pair.near.round_trip == pytest.approx(0.06, abs=0.001)
    assert pair.far.round_trip is None
    losses = [
        block.packets_lost
        for report in rtcp(pair.back_rtcp.sent, RtcpRrPacket)
        for block in report.reports
    ]
    assert max(losses) > 10


def test_no_report_and_no_timer_when_nothing_flows(pair: Pair) -> None:
    assert pair.clock.pending == 0
    send_both(pair, 1.0)
    pair.clock.advance(5)
    said = len(pair.rtcp.sent), len(pair.back_rtcp.sent)
    assert pair.clock.pending == 0
    pair.clock.advance(60)
    assert (len(pair.rtcp.sent), len(pair.back_rtcp.sent)) == said


def test_reports_begin_again_with_the_packets(pair: Pair) -> None:
    audio, _ = send_both(pair, 1.0)
    pair.clock.advance(30)
    before = len(pair.rtcp.sent), len(pair.back_rtcp.sent)
    audio.send()
    pair.clock.advance(0.5)
    assert len(pair.rtcp.sent) == before[0] + 1
    assert len(pair.back_rtcp.sent) == before[1] + 1


def test_the_sender_of_video_is_told_how_much_may_come(pair: Pair) -> None:
    send_both(pair, 3.1)
    limits = [
        unpack_remb_fci(it.fci) for it in rtcp(pair.back_rtcp.sent, RtcpPsfbPacket) if it.fmt == 15
    ]
    assert len(limits) == 3
    assert all(bitrate > 1_000_000 and len(ssrcs) == 1 for bitrate, ssrcs in limits)
    assert pair.near.available_bitrate == limits[-1][0]
    assert pair.far.available_bitrate is None


def test_garbage_is_dropped_and_counted() -> None:
    streams = Streams(lambda _: None, lambda _: None, ManualClock())
    for packet in (b"", b"\x80", bytes(100), b"\x80" * 12):
        streams.on_rtp(packet, 0.0)
        streams.on_rtcp(packet)
    assert streams.dropped == 8
    streams.close()


def test_feedback_about_streams_that_are_not_ours_is_nothing(pair: Pair) -> None:
    for packet in (
        build_nack(1, 2, [3]),
        build_picture_loss(1, 2),
        build_bye([2]),
        build_sender_report(SenderReport(2, 3, 4, 5, 6)),
        build_bitrate_limit(1, 300_000, [2]),
    ):
        pair.near.on_rtcp(packet)
    assert pair.near.dropped == 0
    assert pair.rtp.sent == []
    assert pair.near.available_bitrate == 300_000


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from((b"\x80\x6f", b"\x90\x3f", b"\x90\x60", b"\xb0\x61", b"\x81\xc8")),
            st.sampled_from((b"\x00\x00\x00\x07", b"\x00\x00\x00\x08", b"\x00\x00\x00\x09")),
            st.binary(max_size=40),
        ),
        max_size=12,
    )
)
def test_any_packets_of_known_streams_are_survived(
    packets: list[tuple[bool, bytes, bytes, bytes]],
) -> None:
    clock = ManualClock()
    streams = Streams(lambda _: None, lambda _: None, clock)
    streams.add_receiver(audio_parameters("0", red=63, nack=True, ssrcs=(7,)), "a")
    streams.add_receiver(video_parameters("1", ssrcs=(8,), rtx_ssrcs={9: 8}), "v")
    for is_rtcp, start, ssrc, rest in packets:
        if is_rtcp:
            body = ssrc + rest
            body += bytes(-len(body) % 4)
            words = (len(body) // 4).to_bytes(2, "big")
            streams.on_rtcp(b"\x81" + start[1:] + words + body)
        else:
            streams.on_rtp(start + rest[:6].ljust(6, b"\0") + ssrc + rest[6:], clock.time())
        clock.advance(0.1)
    clock.advance(20)
    assert clock.pending == 0
    streams.close()


def test_closing_ends_everything_and_is_harmless_twice() -> None:
    clock = ManualClock()
    sent: list[bytes] = []
    streams = Streams(sent.append, sent.append, clock)
    receiver = streams.add_receiver(audio_parameters(ssrcs=(7,)), "a")
    sender = streams.add_sender(OPUS, stream_id="s", track_id="t")
    sender.negotiate(audio_parameters())
    sender.set_source(receiver)
    streams.on_rtp(build_rtp(111, False, 1, 2, 7, b"x"), clock.time())
    assert clock.pending == 1
    assert len(sent) == 1
    streams.close()
    streams.close()
    assert clock.pending == 0
    for packet in (build_rtp(111, False, 2, 2, 7, b"x"), build_rtp(111, False, 2, 2, 8, b"x")):
        streams.on_rtp(packet, clock.time())
    streams.on_rtcp(build_picture_loss(1, 2))
    source = FakeSource(clock)
    sender.set_source(source)
    source.send()
    assert clock.pending == 0
    assert len(sent) == 1


def test_many_senders_are_reported_in_packets_that_fit() -> None:
    clock = ManualClock()
    sent: list[bytes] = []
    streams = Streams(lambda _: None, sent.append, clock)
    source = FakeSource(clock)
    for _ in range(60):
        sender = streams.add_sender(OPUS, stream_id="s", track_id="t")
        sender.negotiate(audio_parameters())
        sender.set_source(source)
    for number in range(80):
        streams.add_receiver(audio_parameters(str(number), ssrcs=(number + 1,)), "a")
        streams.on_rtp(build_rtp(111, False, 1, 2, number + 1, b"x"), clock.time())
    source.send()
    clock.advance(0.5)
    assert max(len(packet) for packet in sent) <= 1200
    reports = rtcp(sent, RtcpSrPacket)
    assert len({report.ssrc for report in reports}) == 60
    blocks = [block.ssrc for report in reports for block in report.reports]
    assert sorted(blocks) == list(range(1, 81))
    streams.close()


class Forwarding:
    """A publisher's sound and picture through us to a subscriber."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.feedback: list[bytes] = []
        self.sent: list[bytes] = []
        self.reports: list[bytes] = []
        self.inward = Streams(lambda _: None, self.feedback.append, self.clock)
        self.outward = Streams(self.sent.append, self.reports.append, self.clock)
        self.audio = self.inward.add_receiver(audio_parameters("0", ssrcs=(1,)), "a")
        self.video = self.inward.add_receiver(
            video_parameters("1", rids=("q", "h"), ssrcs=(2, 3)), "v"
        )
        self.senders = []
        for receiver, parameters in (
            (self.audio, audio_parameters("5")),
            (self.video, video_parameters("6")),
        ):
            sender = self.outward.add_sender(receiver.codec, stream_id="s", track_id="t")
            sender.negotiate(parameters)
            sender.set_source(receiver)
            self.senders.append(sender)

    def give(self, ssrc: int, sequence: int, timestamp: int, payload: bytes = b"x") -> None:
        payload_type = 111 if ssrc == 1 else 96
        data = build_rtp(payload_type, False, sequence, timestamp & 0xFFFFFFFF, ssrc, payload)
        self.inward.on_rtp(data, self.clock.time())

    def report(self, ssrc: int, ntp: float, timestamp: int) -> None:
        report = SenderReport(ssrc, int(ntp * (1 << 32)), timestamp & 0xFFFFFFFF, 1, 1)
        self.inward.on_rtcp(build_sender_report(report))

    def close(self) -> None:
        self.inward.close()
        self.outward.close()


@pytest.fixture
def forwarding() -> Iterator[Forwarding]:
    made = Forwarding()
    yield made
    made.close()


def test_sound_and_picture_stay_together_through_us(forwarding: Forwarding) -> None:
    """What the publisher captured at one time has one NTP time in what we report."""
    it = forwarding
    for step in range(65):
        # Captured at once, but the picture takes 0.3 s longer to encode and arrive.
        it.give(1, step, 1000 + 960 * step)
        if step >= 15:
            payload = VP8_KEYFRAME if step == 15 else VP8_DELTA
            it.give(2, step, 777_777 + 1800 * (step - 15), payload)
        if step in {1, 16}:
            it.report(1, 9000 + 0.02 * step, 1000 + 960 * step)
        if step == 16:
            it.report(2, 9000 + 0.02 * step, 777_777 + 1800 * step)
        it.clock.advance(0.02)
    times = {}
    for sender in it.senders:
        first = next(p for p in rtp(it.sent) if p.ssrc == sender.ssrc)
        last = [p for p in rtcp(it.reports, RtcpSrPacket) if p.ssrc == sender.ssrc][-1]
        info = last.sender_info
        ahead = (first.timestamp - info.rtp_timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        times[sender] = info.ntp_timestamp / (1 << 32) + ahead / sender.codec.clock_rate
    audio, video = (times[sender] for sender in it.senders)
    # The first packet of each was captured at the same moment.
    assert video == pytest.approx(audio, abs=0.002)


def test_a_change_of_layer_takes_the_time_between_the_captures(forwarding: Forwarding) -> None:
    it = forwarding
    it.give(2, 1, 0, VP8_KEYFRAME)
    it.give(3, 1, 500_000, VP8_DELTA)
    it.report(2, 9000.0, 0)
    it.report(3, 9000.0, 500_000)
    it.clock.advance(0.05)
    # 33 ms after the first, though it comes 50 ms after it
    it.give(3, 2, 500_000 + 3000, VP8_KEYFRAME)
    first, second = rtp(it.sent)
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 3000


def test_a_subscribers_wish_for_a_keyframe_reaches_the_publisher(forwarding: Forwarding) -> None:
    it = forwarding
    it.give(2, 1, 0, VP8_KEYFRAME)
    it.clock.advance(1)
    it.feedback.clear()
    it.outward.on_rtcp(build_picture_loss(1, it.senders[1].ssrc))
    (request,) = [p for p in rtcp(it.feedback, RtcpPsfbPacket) if p.fmt == 1]
    assert request.media_ssrc == 2


def test_what_is_asked_of_us_before_it_came_is_forwarded_when_it_comes(
    forwarding: Forwarding,
) -> None:
    it = forwarding
    for number in (1, 2, 4):
        it.give(1, number, 960 * number)
    first = rtp(it.sent)[0].sequence_number
    it.outward.on_rtcp(build_nack(1, it.senders[0].ssrc, [(first + 2) & 0xFFFF]))
    assert len(it.sent) == 3
    it.give(1, 3, 960 * 3, b"late")
    last = rtp(it.sent)[-1]
    assert last.payload == b"late"
    assert last.sequence_number == (first + 2) & 0xFFFF


def test_levels_of_sound_are_passed_on(forwarding: Forwarding) -> None:
    it = forwarding
    extension = encode_elements([(1, b"\x90")])
    it.inward.on_rtp(build_rtp(111, False, 1, 2, 1, b"x", extension), it.clock.time())
    assert rtp(it.sent)[0].extensions.audio_level[1] == 16
