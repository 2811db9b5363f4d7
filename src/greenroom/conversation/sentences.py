"""Text in pieces as a model writes it, out as sentences as a voice wants them."""

from __future__ import annotations

import re

MAX_SENTENCE = 280
"""Characters. A longer run without an end is cut at a comma or a space: speech must begin."""

# A full stop counts once white space follows it, so that '3.50' isn't cut in two.
_END = re.compile(r"[.!?…]+[\"')\]]*(?=\s)|\n")
# Full stops that end no sentence: abbreviations, initials, the numbers of a list.
_GOES_ON = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|approx|inc|ltd|co|jr|sr|e\.g|i\.e|etc|fig|u\.s)|\b[a-z]"
    r"|^\d{1,2})\.\Z",
    re.IGNORECASE,
)


class SentenceSplitter:
    """Feeds on pieces of text, gives whole sentences as soon as each is complete.

    The sentences depend on the text only, not on how it was cut into pieces.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = ""

    def push(self, text: str) -> list[str]:
        """The sentences that `text` completes."""
        rest = (self._rest + text).lstrip()
        sentences: list[str] = []
        start = 0
        while (end := _end_of_sentence(rest, start)) is not None:
            sentence = rest[start:end].strip()
            if _speakable(sentence):
                sentences.append(sentence)
            start = _skip_space(rest, end)
        self._rest = rest[start:]
        return sentences

    def finish(self) -> list[str]:
        """What is left when no more text comes."""
        last, self._rest = self._rest.strip(), ""
        return [last] if _speakable(last) else []


def _end_of_sentence(text: str, start: int) -> int | None:
    """Where the sentence that begins at `start` ends; None: more text decides it."""
    limit = start + MAX_SENTENCE
    # One character more than a sentence may have: an end shows by what follows it.
    for end in _END.finditer(text, start, limit + 1):
        if not _GOES_ON.search(text[start : end.end()]):
            return end.end()
    return _soft_cut(text, start, limit) if len(text) > limit else None


def _soft_cut(text: str, start: int, limit: int) -> int:
    """Where to cut an endless sentence: after a clause, else a word, else anywhere."""
    for mark in (";", ",", " "):
        at = text.rfind(mark, start + MAX_SENTENCE // 3, limit)
        if at > 0:
            return at + 1
    return limit


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _speakable(text: str) -> bool:
    return any(c.isalnum() for c in text)
