"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST = 0.2
MOST = 5.0


def delays(first: float = FIRST, most: float = MOST) -> Iterator[float]:
    """Seconds before each next attempt: doubling up to `most`, each shortened by up to a half.

    The jitter keeps the clients of a server that comes back from coming all at once.
    """
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing
        wait = min(wait * 2, most)
