"""The regular reports of one peer connection (RFC 3550 section 6.4), put into compound packets."""

from __future__ import annotations

from collections.abc import Iterable

from greenroom.rooms.rtc.incoming import IncomingStream
from greenroom.rooms.rtc.link import Link
from greenroom.rooms.rtc.rtcp import (
    MAX_BLOCKS,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    build_names,
    build_receiver_report,
    build_sender_report,
)

_SENDERS_IN_PACKET = 12
"""So that a packet of as many sender reports, names and blocks stays within 1200 bytes."""
_BLOCKS_IN_PACKET = 16


def build_reports(link: Link, sent: list[SenderReport], blocks: list[ReportBlock]) -> list[bytes]:
    """Compound packets that carry all of these; none where there is nothing to say."""
    packets: list[bytes] = []
    sent, blocks = sent[:], blocks[:]
    while sent or blocks:
        now_sent, sent = sent[:_SENDERS_IN_PACKET], sent[_SENDERS_IN_PACKET:]
        now_blocks, blocks = tuple(blocks[:_BLOCKS_IN_PACKET]), blocks[_BLOCKS_IN_PACKET:]
        if now_sent:
            now_sent[0] = now_sent[0]._replace(blocks=now_blocks)
            parts = [build_sender_report(report) for report in now_sent]
            names = [report.ssrc for report in now_sent]
        else:
            parts = [build_receiver_report(ReceiverReport(link.ssrc, now_blocks))]
            names = [link.ssrc]
        parts.append(build_names(link.cname, names[:MAX_BLOCKS]))
        packets.append(b"".join(parts))
    return packets


def collect_blocks(streams: Iterable[IncomingStream], now: float) -> list[ReportBlock]:
    """A block of each stream that packets came of since the last call."""
    blocks: list[ReportBlock] = []
    for stream in streams:
        reception = stream.reception
        if reception is None or reception.received == stream.reported:
            continue
        if stream.layer.stream is stream:
            blocks.append(reception.report(now))
        stream.reported = reception.received
    return blocks
