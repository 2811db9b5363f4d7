"""What the payload formats of video have in common."""

from __future__ import annotations

import itertools

MAX_PAYLOAD = 1_150
"""Bytes of an RTP payload: with all headers, extensions and encryption below any path's MTU."""


def split_evenly(size: int, limit: int) -> list[slice]:
    """`size` bytes in as few pieces of at most `limit` as there can be, none much smaller."""
    count = max(1, -(-size // limit))
    bounds = [size * index // count for index in range(count + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(bounds)]
