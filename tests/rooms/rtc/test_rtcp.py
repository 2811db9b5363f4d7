"""RTCP packets as bytes."""

from __future__ import annotations

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.rtcp import (
    BitrateLimit,
    Bye,
    FullIntraRequest,
    Nack,
    PictureLoss,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    build_bitrate_limit,
    build_bye,
    build_full_intra_request,
    build_nack,
    build_names,
    build_picture_loss,
    build_receiver_report,
    build_sender_report,
    parse_rtcp,
)

BLOCK = ReportBlock(77, 64, -3, 0x1FFFF, 480, 0xDEADBEEF, 65_536)
REPORT = SenderReport(9, 0xE0000000_80000000, 4_000_000_000, 1000, 90_000, (BLOCK,))


def test_a_compound_packet_is_read_in_order() -> None:
    data = b"".join(
        (
            build_sender_report(REPORT),
            build_names("name", [9, 10]),
            build_receiver_report(ReceiverReport(9, (BLOCK, BLOCK))),
            build_nack(1, 2, [65_534, 65_535, 0, 16, 17, 300]),
            build_picture_loss(1, 2),
            build_full_intra_request(1, 2, 257),
            build_bitrate_limit(1, 1_000_000, [2, 3]),
            build_bye([9, 10]),
        )
    )
    assert parse_rtcp(data) == [
        REPORT,
        ReceiverReport(9, (BLOCK, BLOCK)),
        Nack(1, 2, (65_534, 65_535, 0, 16, 17, 300)),
        PictureLoss(1, 2),
        FullIntraRequest(1, 2, 1),
        BitrateLimit(1, 1_000_000, (2, 3)),
        Bye((9, 10)),
    ]


def test_reports_are_read_the_same_by_aiortc() -> None:
    compound = build_sender_report(REPORT) + build_names("näme", [9])
    sr, sdes = RtcpPacket.parse(compound)
    assert isinstance(sr, RtcpSrPacket)
    assert sr.ssrc == 9
    assert sr.sender_info == RtcpSenderInfo(REPORT.ntp, REPORT.timestamp, 1000, 90_000)
    assert sr.reports == [RtcpReceiverInfo(77, 64, -3, 0x1FFFF, 480, 0xDEADBEEF, 65_536)]
    assert isinstance(sdes, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in sdes.chunks] == [(9, [(1, "näme".encode())])]
    (rr,) = RtcpPacket.parse(build_receiver_report(ReceiverReport(8, (BLOCK,))))
    assert isinstance(rr, RtcpRrPacket)
    assert (rr.ssrc, rr.reports) == (8, sr.reports)


@given(st.text(alphabet="abc", min_size=1, max_size=9))
def test_names_of_every_length_are_read_by_aiortc(name: str) -> None:
    (sdes,) = RtcpPacket.parse(build_names(name, [7]))
    assert isinstance(sdes, RtcpSdesPacket)
    assert [(it.ssrc, it.items) for it in sdes.chunks] == [(7, [(1, name.encode())])]


def test_each_name_ends_with_zeros_up_to_a_whole_word() -> None:
    assert build_names("ab", [1, 2]) == (
        b"\x82\xca\x00\x06"
        b"\x00\x00\x00\x01\x01\x02ab\x00\x00\x00\x00"
        b"\x00\x00\x00\x02\x01\x02ab\x00\x00\x00\x00"
    )
    assert build_names("a", [1]) == b"\x81\xca\x00\x02\x00\x00\x00\x01\x01\x01a\x00"


def test_feedback_is_read_the_same_by_aiortc() -> None:
    pli, fir, bye = RtcpPacket.parse(
        build_picture_loss(1, 2) + build_full_intra_request(1, 2, 3) + build_bye([5])
    )
    assert isinstance(pli, RtcpPsfbPacket)
    assert (pli.fmt, pli.ssrc, pli.media_ssrc) == (1, 1, 2)
    assert isinstance(fir, RtcpPsfbPacket)
    assert (fir.fmt, fir.fci) == (4, b"\x00\x00\x00\x02\x03\x00\x00\x00")
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [5]


@given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 400), min_size=1, max_size=60))
def test_requests_for_packets_are_read_by_us_and_by_aiortc(first: int, offsets: set[int]) -> None:
    wanted = [(first + offset) & 0xFFFF for offset in sorted(offsets)]
    data = build_nack(1, 2, wanted)
    (packet,) = RtcpPacket.parse(data)
    assert isinstance(packet, RtcpRtpfbPacket)
    assert [lost & 0xFFFF for lost in packet.lost] == wanted  # aiortc lets some reach 65536
    assert parse_rtcp(data) == [Nack(1, 2, tuple(wanted))]


@given(st.integers(0, 1 << 40), st.lists(st.integers(0, 0xFFFFFFFF), max_size=5))
def test_a_limit_of_the_bit_rate_keeps_its_first_18_bits(bitrate: int, ssrcs: list[int]) -> None:
    data = build_bitrate_limit(1, bitrate, ssrcs)
    (packet,) = RtcpPacket.parse(data)
    assert isinstance(packet, RtcpPsfbPacket)
    read, those = unpack_remb_fci(packet.fci)
    assert parse_rtcp(data) == [BitrateLimit(1, read, tuple(ssrcs))]
    assert those == ssrcs
    assert 0 <= bitrate - read <= bitrate / (1 << 17)


def test_what_aiortc_builds_is_read() -> None:
    block = RtcpReceiverInfo(77, 64, -3, 0x1FFFF, 480, 0xDEADBEEF, 65_536)
    info = RtcpSenderInfo(REPORT.ntp, REPORT.timestamp, 1000, 90_000)
    data = bytes(RtcpSrPacket(9, info, [block]))
    data += bytes(RtcpRtpfbPacket(1, 4, 5, [1, 2, 40]))
    data += bytes(RtcpPsfbPacket(15, 4, 0, pack_remb_fci(300_000, [5])))
    assert parse_rtcp(data) == [
        REPORT,
        Nack(4, 5, (1, 2, 40)),
        BitrateLimit(4, 300_000, (5,)),
    ]


def test_unknown_kinds_are_skipped_and_padding_is_left_out() -> None:
    unknown = b"\x80\xcc\x00\x02" + bytes(8)  # APP
    extended = b"\x80\xcf\x00\x01" + bytes(4)  # XR
    transport_wide = b"\x8f\xcd\x00\x03" + bytes(12)
    application = b"\x8f\xce\x00\x03" + bytes(8) + b"ELSE"
    padded = b"\xa1\xcb\x00\x02" + (5).to_bytes(4, "big") + b"\x00\x00\x00\x04"
    assert parse_rtcp(unknown + extended + transport_wide + application + padded) == [Bye((5,))]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\xc8",
        b"\x40\xc9\x00\x01" + bytes(4),
        b"\x80\xc9\x00\x02" + bytes(4),
        b"\x81\xc9\x00\x01" + bytes(4),
        b"\x80\xc8\x00\x01" + bytes(4),
        b"\x81\xce\x00\x01" + bytes(4),
        b"\x82\xcb\x00\x01" + bytes(4),
        b"\xa0\xc9\x00\x01" + b"\x00\x00\x00\x09",
        b"\xa0\xc9\x00\x00",
        b"\x80\xc9\x00\x01" + bytes(4) + b"\x80",
        b"\x8f\xce\x00\x04" + bytes(8) + b"REMB\x05\x00\x00\x00",
    ],
    ids=[
        "empty",
        "short",
        "version",
        "longer than it is",
        "a block missing",
        "sender info missing",
        "media missing",
        "a source missing",
        "padding too long",
        "padding of nothing",
        "a rest",
        "sources of a limit missing",
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    assert parse_rtcp(data) is None


@given(st.integers(0, 31), st.sampled_from((200, 201, 202, 203, 205, 206)), st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(count: int, kind: int, body: bytes) -> None:
    body += bytes(-len(body) % 4)
    head = bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big")
    packets = parse_rtcp(head + body)
    assert packets is None or len(packets) <= 64


def test_what_one_packet_asks_for_is_bounded() -> None:
    data = build_nack(1, 2, range(0, 60_000, 20))
    assert len(data) > 5000
    packets = parse_rtcp(data)
    assert packets is not None
    assert isinstance(packets[0], Nack)
    assert len(packets[0].sequences) <= 64


def test_counts_too_large_for_their_fields_are_cut() -> None:
    block = ReportBlock(1, 255, 99_999_999, 1 << 40, 1 << 40, 0, 1 << 40)
    (report,) = parse_rtcp(build_receiver_report(ReceiverReport(1, (block,)))) or []
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].lost == 0x7FFFFF
    assert report.blocks[0].delay == 0xFFFFFFFF
