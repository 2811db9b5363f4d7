"""A user's turn, told in pieces of at most three seconds while it is still being said.

A recogniser's partial results change at their end as more is heard. Words on which two results
agree, one after the other, are taken to be settled (the "local agreement" of streaming
recognition: Liu, Spanakis and Niehues, 2020, "Low-Latency Sequence-to-Sequence Speech Recognition
and Translation by Partial Hypothesis Selection"); they are told and not taken back. The final
result then gives what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

LONGEST_MS = 3_000
"""Speech in one piece, at most."""
SETTLED_MS = 2_000
"""Speech after which a piece is told, as soon as it has settled words."""
WORD_MS = 400
"""A long word; pieces are made so much shorter, as they end between words."""

_TAIL = 12
"""Words told last, by which their end is found in a later result."""
_DRIFT = 24
"""Words by which a later result may have more or fewer before that end."""


class Piece(NamedTuple):
    """Some words, and where they were begun, in ms of the user's sound."""

    text: str
    began_ms: float


class TurnPieces:
    """One turn. All times are ms of the user's sound."""

    __slots__ = ("_began", "_last", "_seen", "_told")

    def __init__(self, start_ms: float) -> None:
        self._began = start_ms
        self._told: list[str] = []
        self._last: list[str] = []
        self._seen: list[float] = []

    def partial(self, text: str, now_ms: float) -> list[Piece]:
        """What may be told once the turn is heard up to `now_ms` as `text`."""
        words = text.split()
        agreed = _agreement(words, self._last)
        self._seen = [*self._seen[:agreed], *[now_ms] * (len(words) - agreed)]
        self._last = words
        if now_ms - self._began < SETTLED_MS:
            return []
        start = _end_of(self._told, words)
        settled = words[start : min(agreed, len(words) - 1)]  # the last word may still grow
        if not settled:
            return []
        return self._tell(settled, self._seen[start + len(settled) - 1])

    def final(self, text: str, end_ms: float) -> list[Piece]:
        """The rest of the turn, whose speech ended at `end_ms`."""
        words = text.split()
        return self._tell(words[_end_of(self._told, words) :], end_ms)

    def _tell(self, words: list[str], until: float) -> list[Piece]:
        pieces = _divide(words, self._began, until)
        self._told += words
        self._began = max(self._began, until)
        return pieces


def _agreement(words: Sequence[str], before: Sequence[str]) -> int:
    """How many words at the beginning are the same."""
    count = 0
    for word, other in zip(words, before, strict=False):
        if _plain(word) != _plain(other):
            break
        count += 1
    return count


def _end_of(told: Sequence[str], words: Sequence[str]) -> int:
    """The number of `words` that say what was told, though some of it may be put otherwise now.

    The last words that were told are laid beside each place of `words` where they may be (edit
    distance with a free beginning); of places that fit alike, the one nearest to their own counts.
    """
    if _agreement(words, told) == len(told):
        return len(told)
    tail = [_plain(word) for word in told[-_TAIL:]]
    first = max(0, len(told) - len(tail) - _DRIFT)
    window = [_plain(word) for word in words[first : len(told) + _DRIFT]]
    row = [0] * (len(window) + 1)
    for lost, word in enumerate(tail, start=1):
        above, row = row, [lost]
        for place, other in enumerate(window, start=1):
            same = above[place - 1] + (word != other)
            row.append(min(same, above[place] + 1, row[place - 1] + 1))
    best = min(range(len(row)), key=lambda place: (row[place], abs(first + place - len(told))))
    return first + best


def _divide(words: Sequence[str], began: float, until: float) -> list[Piece]:
    """Pieces of about the same length, the time shared out by characters."""
    if not words:
        return []
    length = max(0.0, until - began)
    count = 1 if length <= LONGEST_MS else math.ceil(length / (LONGEST_MS - WORD_MS))
    total = sum(len(word) + 1 for word in words)
    pieces: list[list[str]] = [[] for _ in range(count)]
    starts = [began] * count
    before = 0
    for word in words:
        piece = min(count - 1, before * count // total)
        if not pieces[piece]:
            starts[piece] = began + length * before / total
        pieces[piece].append(word)
        before += len(word) + 1
    return [Piece(" ".join(said), t) for said, t in zip(pieces, starts, strict=True) if said]


def _plain(word: str) -> str:
    """A word as it is compared: without capitals and marks, which come and go."""
    return "".join(c for c in word.casefold() if c.isalnum()) or word
