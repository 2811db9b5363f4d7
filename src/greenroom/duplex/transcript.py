"""What is said in a session, written down as it is heard, and put in order to be shown.

The journal's grain is the sentence: the AI's last one is written again as it grows, under the same
id, so that what a reader sees grows too and a crash loses nothing that was committed. What is shown
is coarser: sentences that follow one another are one entry, unless the person spoke in between.

Times are seconds since the session's start.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from greenroom.duplex.ports import Said
from greenroom.sessions.model import TranscriptEntry

PAUSE = 1.5
"""Seconds of silence after which the AI's next word begins another entry."""

MAX_SHOWN = 240
"""Characters of the AI's that one entry has at most, where it can be divided between sentences."""

CHARACTER = 0.065
"""Seconds that a character takes to be said: 150 words a minute of 6 characters each. Models tell
when words begin to be heard, and hardly any when they end."""

MAX_SENTENCE = 400
"""Characters; a model that puts no full stop gets its words divided all the same."""

UNFINISHED = 0.7
"""Seconds for which the next word of a sentence that has no end yet is waited for."""

_ENDS = (".", "!", "?", "…", '."', '!"', '?"')
_ENDS_WITHOUT_SPACE = ("。", "！", "？")  # noqa: RUF001 - those that are followed by no space


@dataclass(slots=True)
class _Sentence:
    """A sentence of the AI's that may still grow. `piece` is its last piece, told at `told`."""

    id: str
    began: float
    text: str = ""
    piece: str = ""
    told: float = 0.0

    @property
    def complete(self) -> bool:
        return self.text.rstrip().endswith(_ENDS + _ENDS_WITHOUT_SPACE)

    @property
    def ends(self) -> float:
        """When its last piece has been heard, by its length."""
        return self.told + len(self.piece.strip()) * CHARACTER

    def add(self, piece: str, t: float) -> None:
        self.text += piece
        self.piece, self.told = piece, t

    def is_over(self, piece: str, t: float) -> bool:
        """Whether `piece`, told at `t`, belongs to another sentence."""
        text = self.text.rstrip()
        spaced = piece[:1].isspace() or len(text) < len(self.text)
        return (
            t > self.ends + PAUSE
            or (spaced and (self.complete or len(text) >= MAX_SENTENCE))
            or text.endswith(_ENDS_WITHOUT_SPACE)
            or len(text) >= 2 * MAX_SENTENCE
        )

    def heard(self, t: float) -> str:
        """As much of it as was heard by `t`: of the last piece the words that had begun."""
        before, piece = self.text[: -len(self.piece)], self.piece
        begun = len(piece) - len(piece.lstrip()) + int(max(t - self.told, 0.0) / CHARACTER)
        while begun < len(piece) and not piece[begun].isspace():
            begun += 1
        return (before + piece[:begun]).strip()


class TranscriptKeeper:
    """Writes what both sides say by `write`, in entries whose ids begin with `name`."""

    def __init__(self, write: Callable[[TranscriptEntry], None], name: str) -> None:
        self._write = write
        self._name = name
        self._numbers = itertools.count(1)
        self._sentence: _Sentence | None = None

    def ai_words(self, text: str, t: float) -> None:
        """A piece of the AI's words that begins to be heard at `t`."""
        for start in range(0, len(text), MAX_SENTENCE):
            self._ai_piece(text[start : start + MAX_SENTENCE], t)

    def begins_sentence(self, text: str, t: float) -> bool:
        """Whether these words of the AI's would begin another sentence."""
        return self._sentence is None or (bool(text.strip()) and self._sentence.is_over(text, t))

    def is_speaking(self, t: float) -> bool:
        """Whether the AI is in the middle of a sentence."""
        sentence = self._sentence
        if sentence is None:
            return False
        return t < sentence.ends + (0.0 if sentence.complete else UNFINISHED)

    def cut(self, t: float) -> None:
        """The AI says no more of what it was saying: what was not heard by `t` is not kept."""
        sentence, self._sentence = self._sentence, None
        if sentence is None:
            return
        full, heard = sentence.text.strip(), sentence.heard(t)
        if heard != full:
            self._put(sentence, heard, min(sentence.ends, t), full)

    def user_words(self, text: str, t: float) -> None:
        """What the person said, or wrote, from `t` on."""
        text = _storable(text).strip()
        if text:
            self._write(TranscriptEntry(self._next_id(), "user", text, start_ms=round(t * 1000, 1)))

    def _ai_piece(self, text: str, t: float) -> None:
        text = _storable(text)
        blank = not text.strip()
        if self.begins_sentence(text, t):
            if blank:
                return
            self._sentence = _Sentence(self._next_id(), t)
        sentence = self._sentence
        assert sentence is not None  # noqa: S101 - it was made where there was none
        if blank:
            sentence.text += text
            sentence.piece += text
            return
        sentence.add(text, t)
        self._put(sentence, sentence.text.strip(), sentence.ends)

    def _put(self, sentence: _Sentence, text: str, ends: float, full: str | None = None) -> None:
        self._write(
            TranscriptEntry(
                sentence.id,
                "assistant",
                text,
                reply_id=sentence.id,
                full_text=full,
                start_ms=round(sentence.began * 1000, 1),
                end_ms=round(ends * 1000, 1),
            )
        )

    def _next_id(self) -> str:
        return f"{self._name}-{next(self._numbers)}"


def shown(entries: Iterable[TranscriptEntry]) -> tuple[Said, ...]:
    """The transcript, in the order in which people heard it. `entries` in that of the journal.

    Of entries with the same turn id the last counts. The AI's durations are estimates; the person's
    are not known.
    """
    last = {entry.turn_id: entry for entry in entries}
    said: list[Said] = []
    ai = -1  # the place of the AI's last
    for entry in sorted(last.values(), key=_began):
        if not entry.text:
            continue
        new = _said(entry)
        if new.speaker == "ai" and ai >= 0:
            said[ai] = _until(said[ai], new.t)
        if said and _follows(said[-1], new):
            said[-1] = _joined(said[-1], new)
        else:
            said.append(new)
        ai = len(said) - 1 if new.speaker == "ai" else ai
    return tuple(said)


def _said(entry: TranscriptEntry) -> Said:
    t = _began(entry) / 1000
    duration = None if entry.end_ms is None else round(max(entry.end_ms / 1000 - t, 0.0), 4)
    return Said("user" if entry.role == "user" else "ai", entry.text, t, duration)


def _until(said: Said, t: float) -> Said:
    """Ended by `t` at the latest: nobody says two things at once."""
    if said.duration is None or said.t + said.duration <= t:
        return said
    return replace(said, duration=round(t - said.t, 4))


def _began(entry: TranscriptEntry) -> float:
    return entry.start_ms or 0.0


def _follows(before: Said, new: Said) -> bool:
    """Whether two pieces are one entry: the AI goes on. The person's pieces stay as they are."""
    return (
        before.speaker == new.speaker == "ai"
        and new.t <= before.t + (before.duration or 0.0) + PAUSE
        and len(before.text) + 1 + len(new.text) <= MAX_SHOWN
    )


def _joined(before: Said, new: Said) -> Said:
    ends = new.t + (new.duration or 0.0)
    between = "" if before.text.endswith(_ENDS_WITHOUT_SPACE) else " "
    return Said("ai", f"{before.text}{between}{new.text}", before.t, round(ends - before.t, 4))


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which are no Unicode and no JSON."""
    return text.encode(errors="replace").decode()
