"""Which product is meant: an id, a position in the last results, or a title, perhaps misheard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from greenroom.commerce.context import CartLine, ProductRef
from greenroom.commerce.lexicon import singular, words_of

CERTAIN = 0.75
"""A title that scores this much was named; below it, something else may be meant."""

_POSITION = re.compile(r"#?(\d{1,3})")
_SAME_WORD = 0.8

_Named = TypeVar("_Named", ProductRef, CartLine)


def position(reference: str) -> int | None:
    """The index that "1" or "#2" stands for, from 0; None where `reference` is no position."""
    match = _POSITION.fullmatch(reference.strip())
    return int(match[1]) - 1 if match else None


def title_score(said: str, title: str, common: frozenset[str] = frozenset()) -> float:
    """How surely `said` names `title`, 0 to 1: the share of the title's telling words in it.

    A word counts where it is nearly the same (`SequenceMatcher` ratio 0.8), so a plural or a slip
    of the recogniser does no harm. Words of `common` tell nothing: the other titles have them too.
    """
    heard = [singular(word) for word in words_of(said)]
    words = [singular(word) for word in words_of(title)]
    telling = [word for word in words if word not in common] or words
    if not heard:
        return 0.0
    found = sum(max(_alike(word, other) for other in heard) for word in telling)
    return found / len(telling)


def _alike(word: str, other: str) -> float:
    if word == other:
        return 1.0
    ratio = SequenceMatcher(None, word, other).ratio()
    return ratio if ratio >= _SAME_WORD else 0.0


def common_words(titles: Sequence[str]) -> frozenset[str]:
    """The words that more than one of the titles has."""
    seen: set[str] = set()
    common: set[str] = set()
    for title in titles:
        words = {singular(word) for word in words_of(title)}
        common |= words & seen
        seen |= words
    return frozenset(common)


def best_match(said: str, candidates: Sequence[_Named]) -> _Named | None:
    """The candidate whose title is named most surely; None where none is, or two equally."""
    common = common_words([candidate.title for candidate in candidates])
    scored = sorted(
        ((title_score(said, candidate.title, common), candidate) for candidate in candidates),
        key=lambda pair: pair[0],
        reverse=True,
    )
    if not scored or scored[0][0] < CERTAIN:
        return None
    if len(scored) > 1 and scored[1][0] == scored[0][0]:
        return None
    return scored[0][1]
