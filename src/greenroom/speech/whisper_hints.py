"""Which of the likely sentences' words are worth a place in Whisper's prompt: names of things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from greenroom.speech.phrases import GENERAL_PHRASES

MAX_CHARACTERS = 240
"""A prompt costs time with every decoding, and a long one is echoed."""
_WAYS = 2
"""A name is asked for in several ways: "how much is the X", "show me the X", and as "X" alone."""
_ARTICLE = " the "

_GENERAL = frozenset(word for phrase in GENERAL_PHRASES for word in phrase.split()) | {
    "one", "two", "three", "four", "five", "cart", "item", "items", "first", "second", "third",
    "fourth",
}  # fmt: skip


def names_of(sentences: Sequence[str]) -> tuple[str, ...]:
    """Names of two words or more; `MAX_CHARACTERS` in all. Some milliseconds for 10,000."""
    alone = {sentence for sentence in sentences if " " in sentence}
    counts: Counter[str] = Counter()
    for sentence in sentences:
        _, _, name = sentence.rpartition(_ARTICLE)
        if name in alone and len(name) < len(sentence):
            counts[name] += 1
    chosen: list[str] = []
    room = MAX_CHARACTERS
    for name, count in counts.items():
        if count < _WAYS or _GENERAL.issuperset(name.lower().split()):
            continue
        room -= len(name) + 2
        if room < 0:
            break
        chosen.append(name)
    return tuple(chosen)
