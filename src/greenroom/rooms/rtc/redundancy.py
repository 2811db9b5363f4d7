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


class RedundantPayload(NamedTuple):
    """A RED payload: the packet's own payload, and the earlier ones, the oldest first."""

    payload_type: int
    payload: bytes
    blocks: tuple[RedundantBlock, ...]


def parse_redundant(data: bytes) -> RedundantPayload | None:
    """Take a RED payload apart; None where it contradicts its own lengths."""
    headers: list[tuple[int, int, int]] = []
    at, size = 0, len(data)
    while True:
        if at >= size:
            return None
        head = data[at]
        if not head & 0x80:
            at += 1
            break
        if at + 4 > size or len(headers) == MAX_BLOCKS:
            return None
        fields = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        headers.append((head & 0x7F, fields >> 10, fields & 0x3FF))
        at += 4
    blocks = []
    for payload_type, offset, length in headers:
        blocks.append(RedundantBlock(payload_type, offset, data[at : at + length]))
        at += length
    if at > size:
        return None
    return RedundantPayload(head & 0x7F, data[at:], tuple(blocks))


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
