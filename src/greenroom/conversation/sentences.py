"""Text in pieces as a model writes it, out as sentences as a voice wants them."""

from __future__ import annotations

import re

MAX_SENTENCE = 280
"""Characters. A longer run without an end is cut at a comma or a space: speech must begin."""

_END = re.compile(r"[.!?…]+[\"')\]]*(?=\s)|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|approx|inc|ltd|co|jr|sr|e\.g|i\.e|etc|fig|u\.s)|\b[a-z])\.$",
    re.IGNORECASE,
)


class SentenceSplitter:
    """Feeds on pieces of text, gives whole sentences as soon as each is complete."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = ""

    def push(self, text: str) -> list[str]:
        """The sentences that `text` completes. A full stop counts once white space follows it."""
        self._rest += text
        sentences: list[str] = []
        start = 0
        for end in _END.finditer(self._rest):
            candidate = self._rest[start : end.end()].strip()
            if _ABBREVIATION.search(candidate):
                continue
            start = end.end()
            if _speakable(candidate):
                sentences.append(candidate)
        rest = self._rest[start:]
        while len(rest) > MAX_SENTENCE:
            cut = _soft_cut(rest)
            sentences.append(rest[:cut].strip())
            rest = rest[cut:]
        self._rest = rest
        return sentences

    def finish(self) -> list[str]:
        """What is left when no more text comes."""
        last, self._rest = self._rest.strip(), ""
        return [last] if _speakable(last) else []


def _speakable(text: str) -> bool:
    return any(c.isalnum() for c in text)


def _soft_cut(text: str) -> int:
    """Where to cut an endless sentence: after a clause, else a word, else anywhere."""
    for mark in (";", ",", " "):
        at = text.rfind(mark, MAX_SENTENCE // 3, MAX_SENTENCE)
        if at > 0:
            return at + 1
    return MAX_SENTENCE
