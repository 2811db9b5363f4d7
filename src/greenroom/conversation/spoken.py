"""What was heard of a reply: the sentences with their places on the reply's audio."""

from __future__ import annotations

from dataclasses import dataclass, field

TYPICAL_MS_PER_CHARACTER = 65.0
"""About 15 characters a second: the pace of English read aloud at 160 words a minute."""


@dataclass(slots=True)
class _Sentence:
    text: str
    start_ms: float
    length_ms: float = 0.0
    complete: bool = False
    words: list[tuple[int, float]] = field(default_factory=list)
    """(character offset, ms of its onset from the sentence's start), in order."""


class SpokenReply:
    """The text of one reply against the time of its sound.

    Where the synthesizer tells when words begin, a cut falls between words; else it is placed by
    the share of the sentence's sound that was heard, and moved back to the end of a word.
    """

    __slots__ = ("_end_ms", "_sentences")

    def __init__(self) -> None:
        self._sentences: list[_Sentence] = []
        self._end_ms = 0.0

    def begin_sentence(self, text: str) -> None:
        """The sound that follows says `text`."""
        self._sentences.append(_Sentence(text, self._end_ms))

    def add(self, ms: float, words: tuple[tuple[int, float], ...] = ()) -> None:
        """`ms` more of the current sentence's sound; `words` as in `_Sentence.words`."""
        sentence = self._sentences[-1]
        sentence.length_ms += ms
        sentence.words.extend(words)
        self._end_ms += ms

    def end_sentence(self) -> None:
        """The current sentence's sound is whole."""
        self._sentences[-1].complete = True

    @property
    def length_ms(self) -> float:
        """The sound made so far."""
        return self._end_ms

    def heard(self, played_ms: float) -> str:
        """The words that a listener heard who stopped listening at `played_ms`.

        A word counts as heard once its sound is over, that is when the next one has begun. Of a
        sentence that has no sound nothing was heard.
        """
        parts: list[str] = []
        for sentence in self._sentences:
            position = played_ms - sentence.start_ms
            if position <= 0:
                break
            part = _heard_of(sentence, min(position, sentence.length_ms))
            if part:
                parts.append(part)
        return " ".join(parts)

    def begun(self, played_ms: float) -> str:
        """The words whose beginning was heard by a listener who is at `played_ms`.

        Always a beginning of the reply's text, and at least as much as was heard. A sentence that
        has no sound counts once a later one is heard: its words are in the text all the same.
        """
        begun = ""
        earlier: list[str] = []
        for sentence in self._sentences:
            position = played_ms - sentence.start_ms
            if sentence.length_ms and position > 0 and (part := _begun_of(sentence, position)):
                begun = " ".join([*earlier, part])
            earlier.append(sentence.text)
        return begun


def _begun_of(sentence: _Sentence, position_ms: float) -> str:
    """The sentence up to the end of the word that sounds at `position_ms` of its sound."""
    text = sentence.text
    if sentence.complete and position_ms >= sentence.length_ms:
        return text
    if sentence.words:
        begun = [offset for offset, onset in sentence.words if onset <= position_ms]
        if not begun:
            return ""
        offset = begun[-1]
    else:
        offset = int(len(text) * position_ms / _length_of(sentence))
    while offset < len(text) and not text[offset].isspace():
        offset += 1
    return text[:offset]


def _length_of(sentence: _Sentence) -> float:
    """The length of its sound in ms; of one that more may come of, a guess."""
    if sentence.complete:
        return sentence.length_ms
    return max(sentence.length_ms, len(sentence.text) * TYPICAL_MS_PER_CHARACTER)


def _heard_of(sentence: _Sentence, position_ms: float) -> str:
    """The sentence up to the last whole word before `position_ms` of its sound."""
    text, length = sentence.text, _length_of(sentence)
    if sentence.complete and position_ms >= length:
        return text if length else ""
    if sentence.words:
        begun = [offset for offset, onset in sentence.words if onset <= position_ms]
        offset = begun[-1] if begun else 0
    else:
        offset = int(len(text) * position_ms / length)
        # Back to the last word boundary: half a word was not understood.
        while 0 < offset < len(text) and not text[offset].isspace():
            offset -= 1
    return text[:offset].rstrip()
