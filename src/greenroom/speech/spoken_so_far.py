"""How far a sentence has been spoken when its sound breaks off, so that another voice goes on."""

from __future__ import annotations

import re

from greenroom.speech.ports import SpeechChunk

TYPICAL_MS_PER_CHARACTER = 65.0
"""English read aloud; where the sound itself has not told the pace yet."""

_NEARLY_MS = 60.0
"""A word whose end is so near counts as spoken."""

_WORD = re.compile(r"\S+")


class SpokenSoFar:
    """The sound of `text` up to now, at `rate` Hz."""

    __slots__ = ("_rate", "_samples", "_text", "_words")

    def __init__(self, text: str, rate: int) -> None:
        self._text, self._rate = text, rate
        self._samples = 0
        self._words: list[tuple[int, int]] = []

    @property
    def samples(self) -> int:
        """How many there are."""
        return self._samples

    def add(self, chunk: SpeechChunk) -> None:
        """More of the sound; the chunk's words are placed in the whole text and the whole sound."""
        self._samples += len(chunk.pcm)
        self._words.extend(chunk.words)

    def resume_at(self) -> int | None:
        """The offset of the first word that was not spoken to its end; len(text) if there is none.

        A word that broke off is spoken again, no other is. None where the sound came without the
        times of words, so that nothing can be known.
        """
        words = sorted(self._words, key=lambda word: word[1])
        begun = [word for word in words if word[1] < self._samples]
        ahead = [word for word in words if word[1] >= self._samples]
        if not begun:
            return 0 if ahead else None
        offset, onset = begun[-1]
        if ahead:
            next_offset, next_onset = ahead[0]
            nearly = next_onset - self._samples <= _NEARLY_MS * self._rate / 1000
            return next_offset if nearly else offset
        return self._by_pace(offset, onset)

    def _by_pace(self, offset: int, onset: int) -> int:
        """As `resume_at`, where the last word known began at `onset` and its end was not told."""
        first_offset, first_onset = min(self._words)
        spoken = offset - first_offset
        pace = TYPICAL_MS_PER_CHARACTER * self._rate / 1000
        if spoken > 0 and onset > first_onset:
            pace = (onset - first_onset) / spoken
        reached = offset + (self._samples - onset + _NEARLY_MS * self._rate / 1000) / pace
        for word in _WORD.finditer(self._text, offset):
            if word.end() > reached:
                return word.start()
        return len(self._text)
