"""RTCP packets (RFC 3550 section 6, RFC 4585, RFC 5104, REMB), read and written."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
_NACK, _PLI, _FIR, _APPLICATION = 1, 1, 4, 15
_CNAME = 1
MAX_BLOCKS = 31
_MAX_FEEDBACK_ITEMS = 64
_REMB = b"REMB"

_HEADER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_PAIR = struct.Struct("!II")
_SENDER = struct.Struct("!IIIII")
_BLOCK = struct.Struct("!IIIIII")
_NACK_ITEM = struct.Struct("!HH")


class ReportBlock(NamedTuple):
    """How one stream is received (RFC 3550 section 6.4.1).

    `fraction_lost` in 1/256, `highest` the extended highest sequence number, `jitter` in the
    stream's clock, `last_report` the middle 32 bits of the last SR's NTP time, `delay` since then
    in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class SenderReport(NamedTuple):
    """What was sent: at the NTP time `ntp` (64 bit fixed point) the RTP time was `timestamp`."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


class ReceiverReport(NamedTuple):
    """How streams are received."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


class Bye(NamedTuple):
    """These streams have ended."""

    ssrcs: tuple[int, ...]


class Nack(NamedTuple):
    """Sequence numbers that `media` misses (RFC 4585 section 6.2.1)."""

    sender: int
    media: int
    sequences: tuple[int, ...]


class PictureLoss(NamedTuple):
    """PLI: `media` can't be decoded without a keyframe (RFC 4585 section 6.3.1)."""

    sender: int
    media: int


class FullIntraRequest(NamedTuple):
    """FIR: the same, repeated with the same number until it is heard (RFC 5104 section 4.3.1)."""

    sender: int
    media: int
    number: int


class BitrateLimit(NamedTuple):
    """REMB: the receiver's estimate of what can arrive, bits a second, of all `ssrcs` together."""

    sender: int
    bitrate: int
    ssrcs: tuple[int, ...]


RtcpPacket: TypeAlias = (
    SenderReport | ReceiverReport | Bye | Nack | PictureLoss | FullIntraRequest | BitrateLimit
)


def parse_rtcp(packet: bytes) -> list[RtcpPacket] | None:
    """Read a compound packet; what isn't known in it is skipped.

    None where the whole does not have the form of RTCP.
    """
    found: list[RtcpPacket] = []
    at, size = 0, len(packet)
    if size < 4:
        return None
    while at < size:
        if size - at < 4:
            return None
        first, kind, words = _HEADER.unpack_from(packet, at)
        end = at + 4 + 4 * words
        if first & 0xC0 != 0x80 or end > size:
            return None
        body = packet[at + 4 : end]
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                return None
            body = body[: -body[-1]]
        try:
            found.extend(_read(kind, first & 0x1F, body))
        except struct.error:  # shorter than its kind needs
            return None
        at = end
    return found


def _read(kind: int, count: int, body: bytes) -> Iterator[RtcpPacket]:
    if kind == SR:
        ssrc, high, low, timestamp, packets, octets = _BLOCK.unpack_from(body)
        yield SenderReport(
            ssrc, high << 32 | low, timestamp, packets, octets, _read_blocks(body, 24, count)
        )
    elif kind == RR:
        (ssrc,) = _WORD.unpack_from(body)
        yield ReceiverReport(ssrc, _read_blocks(body, 4, count))
    elif kind == BYE:
        yield Bye(struct.unpack_from(f"!{count}I", body))
    elif kind == RTPFB and count == _NACK:
        sender, media = _PAIR.unpack_from(body)
        yield Nack(sender, media, _read_nack(body))
    elif kind == PSFB:
        yield from _read_payload_feedback(count, body)


def _read_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for i in range(count):
        ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at + 24 * i)
        lost = loss & 0xFFFFFF
        if lost >= 0x800000:
            lost -= 0x1000000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_report, delay))
    return tuple(blocks)


def _read_nack(body: bytes) -> tuple[int, ...]:
    sequences: list[int] = []
    end = min(len(body) - 3, 8 + 4 * _MAX_FEEDBACK_ITEMS)
    for at in range(8, end, 4):
        first, mask = _NACK_ITEM.unpack_from(body, at)
        sequences.append(first)
        while mask:
            lowest = mask & -mask
            sequences.append((first + lowest.bit_length()) & 0xFFFF)
            mask ^= lowest
    return tuple(sequences)


def _read_payload_feedback(form: int, body: bytes) -> Iterator[RtcpPacket]:
    sender, media = _PAIR.unpack_from(body)
    if form == _PLI:
        yield PictureLoss(sender, media)
    elif form == _FIR:
        end = min(len(body) - 7, 8 + 8 * _MAX_FEEDBACK_ITEMS)
        for at in range(8, end, 8):
            ssrc, number = _PAIR.unpack_from(body, at)
            yield FullIntraRequest(sender, ssrc, number >> 24)
    elif form == _APPLICATION and body[8:12] == _REMB:
        # draft-alvestrand-rmcat-remb-03 section 2.2: count, 6 bit exponent, 18 bit mantissa
        (word,) = _WORD.unpack_from(body, 12)
        count = word >> 24
        bitrate = (word & 0x3FFFF) << (word >> 18 & 0x3F)
        yield BitrateLimit(sender, bitrate, struct.unpack_from(f"!{count}I", body, 16))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest & 0xFFFFFFFF,
            min(block.jitter, 0xFFFFFFFF),
            block.last_report,
            min(block.delay, 0xFFFFFFFF),
        )
        for block in blocks
    )


def build_sender_report(report: SenderReport) -> bytes:
    """SR, with at most MAX_BLOCKS blocks."""
    sent = _SENDER.pack(
        report.ntp >> 32 & 0xFFFFFFFF,
        report.ntp & 0xFFFFFFFF,
        report.timestamp & 0xFFFFFFFF,
        report.packets & 0xFFFFFFFF,
        report.octets & 0xFFFFFFFF,
    )
    body = _WORD.pack(report.ssrc) + sent + _blocks(report.blocks)
    return _packet(SR, len(report.blocks), body)


def build_receiver_report(report: ReceiverReport) -> bytes:
    """RR, with at most MAX_BLOCKS blocks."""
    return _packet(RR, len(report.blocks), _WORD.pack(report.ssrc) + _blocks(report.blocks))


def build_names(cname: str, ssrcs: Sequence[int]) -> bytes:
    """SDES: each of `ssrcs` (at most MAX_BLOCKS) is of the endpoint `cname`."""
    name = cname.encode()
    item = bytes((_CNAME, len(name))) + name
    item += bytes(4 - len(item) % 4)  # at least one zero ends the items
    return _packet(SDES, len(ssrcs), b"".join(_WORD.pack(ssrc) + item for ssrc in ssrcs))


def build_bye(ssrcs: Sequence[int]) -> bytes:
    """BYE of at most MAX_BLOCKS streams."""
    return _packet(BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def build_nack(sender: int, media: int, sequences: Iterable[int]) -> bytes:
    """Ask for sequence numbers again; they are given in rising order (modulo 2^16)."""
    items: list[tuple[int, int]] = []
    first, mask = -1, 0
    for sequence in sequences:
        after = (sequence - first - 1) & 0xFFFF
        if first >= 0 and after < 16:
            mask |= 1 << after
            continue
        if first >= 0:
            items.append((first, mask))
        first, mask = sequence, 0
    if first >= 0:
        items.append((first, mask))
    body = _PAIR.pack(sender, media) + b"".join(_NACK_ITEM.pack(*item) for item in items)
    return _packet(RTPFB, _NACK, body)


def build_picture_loss(sender: int, media: int) -> bytes:
    """PLI."""
    return _packet(PSFB, _PLI, _PAIR.pack(sender, media))


def build_full_intra_request(sender: int, media: int, number: int) -> bytes:
    """FIR of one stream; the packet's own media SSRC is 0 (RFC 5104 section 4.3.1.2)."""
    return _packet(PSFB, _FIR, _PAIR.pack(sender, 0) + _PAIR.pack(media, (number & 0xFF) << 24))


def build_bitrate_limit(sender: int, bitrate: int, ssrcs: Sequence[int]) -> bytes:
    """REMB, bits a second for all of `ssrcs` (at most 255) together."""
    exponent = max(0, bitrate.bit_length() - 18)
    word = len(ssrcs) << 24 | exponent << 18 | bitrate >> exponent
    body = _PAIR.pack(sender, 0) + _REMB + _WORD.pack(word)
    return _packet(PSFB, _APPLICATION, body + struct.pack(f"!{len(ssrcs)}I", *ssrcs))
