"""Redundant audio (RFC 2198): a packet that carries the payloads before it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_OFFSET = 1 << 14
MAX_LENGTH = 1 << 10
MAX_BLOCKS = 8


class RedundantBlock(NamedTuple):
    """An earlier payload: `offset` is how much earlier its timestamp is."""

    payload_type: int
    offset: int
    payload: bytes


def find_primary(data: bytes) -> tuple[int, bytes]:
    """The packet's own payload, with its payload type; -1 where lengths contradict each other."""
    at, skipped, size = 0, 0, len(data)
    while at < size:
        head = data[at]
        if head < 0x80:
            at += 1 + skipped
            return (head, data[at:]) if at <= size else (-1, b"")
        if at + 4 > size:
            break
        skipped += (data[at + 2] & 0x03) << 8 | data[at + 3]
        at += 4
    return -1, b""


def parse_redundant(data: bytes) -> list[RedundantBlock] | None:
    """The earlier payloads, the oldest first; None where lengths contradict each other."""
    headers: list[tuple[int, int, int]] = []
    at, size = 0, len(data)
    while at < size and data[at] & 0x80:
        if at + 4 > size or len(headers) == MAX_BLOCKS:
            return None
        fields = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        headers.append((data[at] & 0x7F, fields >> 10, fields & 0x3FF))
        at += 4
    at += 1
    blocks = []
    for payload_type, offset, length in headers:
        blocks.append(RedundantBlock(payload_type, offset, data[at : at + length]))
        at += length
    return blocks if at <= size else None


def build_redundant(
    payload_type: int, payload: bytes, earlier: Sequence[tuple[int, bytes]]
) -> bytes:
    """A RED payload; `earlier` are `(offset, payload)`, the oldest first.

    Offsets must be below MAX_OFFSET, earlier payloads shorter than MAX_LENGTH.
    """
    parts = [
        (0x80000000 | payload_type << 24 | offset << 10 | len(block)).to_bytes(4, "big")
        for offset, block in earlier
    ]
    parts.append(payload_type.to_bytes(1, "big"))
    parts.extend(block for _, block in earlier)
    parts.append(payload)
    return b"".join(parts)
