"""The words of a vocabulary that are worth telling a recogniser which takes a short hint only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from greenroom.speech.phrases import GENERAL_PHRASES

_MANY = 200
"""From so many sentences on, how often a word occurs tells whether it is of the trade."""
_COMMON_SHARE = 0.03
"""A word in more of the sentences is one of the language: `show`, `under`, `dollars`."""


def hint_words(sentences: Iterable[str], *, max_characters: int, max_words: int) -> list[str]:
    """The words of the trade in `sentences`, the most frequent first.

    Letters only, in lower case; together with two characters between them at most
    `max_characters`. About 10 ms for 6,000 sentences.
    """
    counts: Counter[str] = Counter()
    number = 0
    for number, sentence in enumerate(sentences, 1):  # noqa: B007 - their number is needed after
        counts.update(set(re.findall(r"[^\W\d_]{4,30}", sentence.casefold())))
    most = number * _COMMON_SHARE if number >= _MANY else number + 1
    words: list[str] = []
    size = 0
    # Sorted twice over, so that the same vocabulary gives the same hint in every process.
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count > most or word in _GENERAL:
            continue
        size += len(word) + 2
        if size > max_characters or len(words) == max_words:
            break
        words.append(word)
    return words


_GENERAL = frozenset(word for phrase in GENERAL_PHRASES for word in phrase.split())
