"""Guards a conversation against what a recogniser makes up.

Recognisers that are language models "hear" sentences in silence, and fall into loops. What is
caught here can't have been said; what is merely unlikely passes.
"""

from __future__ import annotations

MAX_CHARACTERS_PER_SECOND = 35.0
"""An auctioneer speaks about 25; ordinary talk has 15."""

SLACK = 40
"""Characters that even a moment of sound may have: a word is cut off at both ends."""

_MAX_CHARACTERS = 5_000
"""More is not looked at: no turn is that long."""

_LONGEST_PHRASE = 12
"""Words of the longest phrase that is taken for a loop."""

_WORD_REPEATS = 8
_PHRASE_REPEATS = 4
"""From so many times on it is a loop: people do say "no no no no"."""

_DIGITS = frozenset({
    "oh", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "double", "triple",
})  # fmt: skip


def plausible(text: str, seconds: float, *, silent: bool = False) -> str:
    """What may be believed of the final `text` that was recognised in `seconds` of sound.

    Empty where nothing may: the sound was `silent` (all samples zero), or is too short for so many
    words. A phrase that comes over and over again is left once. Numbers are left alone: a telephone
    number may well have eight zeros.
    """
    if silent or len(text) > _MAX_CHARACTERS:
        return ""
    text = _without_loops(text)
    return text if len(text) <= MAX_CHARACTERS_PER_SECOND * seconds + SLACK else ""


def _without_loops(text: str) -> str:
    words = text.split()
    if len(words) < _PHRASE_REPEATS * 2:
        return text
    bare = [word.strip(".,;:!?…\"'-").lower() for word in words]
    kept: list[str] = []
    place = 0
    while place < len(words):
        length, repeats = _loop_at(bare, place)
        kept += words[place : place + length]
        place += length * repeats
    return text if len(kept) == len(words) else " ".join(kept).rstrip(",;:- ")


def _loop_at(words: list[str], start: int) -> tuple[int, int]:
    """The length in words of the loop that begins at `start`, and how often it comes; or 1, 1."""
    for length in range(1, min(_LONGEST_PHRASE, (len(words) - start) // _PHRASE_REPEATS) + 1):
        if words[start] != words[start + length]:
            continue
        phrase = words[start : start + length]
        repeats, place = 1, start + length
        while words[place : place + length] == phrase:
            repeats += 1
            place += length
        needed = _WORD_REPEATS if len(set(phrase)) == 1 else _PHRASE_REPEATS
        if repeats >= needed and not all(_is_number(word) for word in phrase):
            return length, repeats
    return 1, 1


def _is_number(word: str) -> bool:
    return word in _DIGITS or any(character.isdigit() for character in word)
