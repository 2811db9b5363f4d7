"""RTP packets (RFC 3550 section 5.1), taken apart and put together."""

from __future__ import annotations

import struct
from typing import NamedTuple

VERSION = 0x80
_PADDING, _EXTENSION, _CSRC_COUNT = 0x20, 0x10, 0x0F
_MARKER = 0x80
HEADER_BYTES = 12
_HEADER = struct.Struct("!BBHII")
_EXTENSION_HEADER = struct.Struct("!HH")

_unpack_header = _HEADER.unpack_from
_pack_header = _HEADER.pack
_unpack_extension_header = _EXTENSION_HEADER.unpack_from


class RtpPacket(NamedTuple):
    """An RTP packet without its padding.

    `profile` and `extension` are the header extension's 16 bit and its elements, 0 and empty where
    there is none. `payload` is empty where the packet was padding alone.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    profile: int = 0
    extension: bytes = b""


def parse_rtp(packet: bytes) -> RtpPacket | None:
    """Take a packet apart; None where it isn't RTP or contradicts its own lengths."""
    size = len(packet)
    if size < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _unpack_header(packet)
    if first & 0xC0 != VERSION:
        return None
    start = HEADER_BYTES + 4 * (first & _CSRC_COUNT)
    profile, extension = 0, b""
    if first & _EXTENSION:
        if size < start + 4:
            return None
        profile, words = _unpack_extension_header(packet, start)
        begin = start + 4
        start = begin + 4 * words
        extension = packet[begin:start]
    if first & _PADDING:
        size -= packet[-1]
        if packet[-1] == 0:
            return None
    if size < start:
        return None
    return RtpPacket(
        second & 0x7F,
        second >= _MARKER,
        sequence,
        timestamp,
        ssrc,
        packet[start:size],
        profile,
        extension,
    )


def build_rtp(
    payload_type: int,
    marker: bool,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    extension: bytes = b"",
) -> bytes:
    """Put a packet together. `extension` is a whole header extension, its own header included.

    A packet without payload is made one of padding alone: an empty packet means nothing to some
    receivers.
    """
    second = payload_type | _MARKER if marker else payload_type
    first = VERSION | _EXTENSION if extension else VERSION
    if not payload:
        first |= _PADDING
        payload = b"\x01"
    return _pack_header(first, second, sequence, timestamp, ssrc) + extension + payload
