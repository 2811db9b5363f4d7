"""What of an answer is for the ear, whatever it says: no markup, and nothing twice."""

from __future__ import annotations

from greenroom.agents.unspoken import spoken_part

_REPEATABLE = 2
"""Words of a sentence that may come again in one answer ("Of course.")."""

_LONG = 20
_SAME_WORDS = 0.25


class Speakable:
    """Watches one answer."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def check(self, sentence: str) -> str:
        """`sentence` as it may be spoken; "" where it is markup only, babble, or said before."""
        text = spoken_part(sentence)
        return "" if not text or self._is_repeated(text) else text

    def _is_repeated(self, text: str) -> bool:
        words = text.casefold().split()
        if len(words) >= _LONG and len(set(words)) < _SAME_WORDS * len(words):
            return True
        said = " ".join(words)
        if len(words) > _REPEATABLE and said in self._said:
            return True
        self._said.add(said)
        return False
