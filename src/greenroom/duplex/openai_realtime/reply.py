"""What the AI says between two silences: which item is heard when, and which words.

The API sends sound faster than it is spoken, and words a little before their sound, without times.
A piece of words is taken to begin where the sound that had come before it ends, and not before the
words in front of it can have been spoken.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MS_PER_CHARACTER = 45.0
"""Of quick speech: about 22 characters a second."""


class Heard(NamedTuple):
    """How much of an item's sound a person has heard, in ms."""

    item: str
    content_index: int
    ms: int


class Reply:
    """All times are ms of its sound."""

    def __init__(self) -> None:
        self.ms = 0.0
        """Length of the sound that has come."""
        self._items: list[tuple[str, int, float]] = []
        self._words: deque[tuple[float, str]] = deque()
        self._earliest = 0.0
        self._complete = False

    def sound(self, item: str, content_index: int, ms: float) -> None:
        """More sound of an item."""
        if not self._items or self._items[-1][:2] != (item, content_index):
            self._items.append((item, content_index, self.ms))
        self.ms += ms
        self._complete = False

    def words(self, text: str) -> None:
        """More words; their sound is still to come."""
        begins = max(self.ms, self._earliest)
        self._words.append((begins, text))
        self._earliest = begins + MS_PER_CHARACTER * len(text)

    def complete(self) -> None:
        """All sound of the words so far is there: they begin within it."""
        self._words = deque((min(begins, self.ms), text) for begins, text in self._words)
        self._earliest = self.ms
        self._complete = True

    def begun(self, played: float) -> str:
        """The words that have begun to be heard since the last call."""
        text = ""
        while self._words and self._words[0][0] <= played and self._has_sound(self._words[0][0]):
            text += self._words.popleft()[1]
        return text

    def _has_sound(self, begins: float) -> bool:
        return self._complete or begins < self.ms

    def cut(self, played: float) -> list[Heard]:
        """The items that were not heard to their end."""
        ends = [*(begins for _, _, begins in self._items[1:]), self.ms]
        return [
            Heard(item, content_index, max(0, int(played - begins)))
            for (item, content_index, begins), ends_at in zip(self._items, ends, strict=False)
            if ends_at > played
        ]
