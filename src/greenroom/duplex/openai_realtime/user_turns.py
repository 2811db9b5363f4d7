"""When the user said what: the API tells turns and their words apart, and words late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from greenroom.duplex.cascade.turn_pieces import TurnPieces

MAX_OPEN = 8
"""Turns whose words are not known yet; of more the oldest is given up."""


@dataclass(slots=True)
class _Turn:
    item: str
    began: float
    ended: float | None = None
    text: str | None = None


class UserTurns:
    """Tells turns in their order, in pieces of at most three seconds. Times are ms of the user's
    sound; `on_words` is given seconds, as `TalkListener.on_user_words` has them.
    """

    def __init__(self, on_words: Callable[[str, float], None]) -> None:
        self._on_words = on_words
        self._turns: list[_Turn] = []

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun and not ended."""
        return bool(self._turns) and self._turns[-1].ended is None

    @property
    def open(self) -> int:
        """Turns whose words are not known yet."""
        return len(self._turns)

    def started(self, item: str, ms: float) -> None:
        """The user begins to speak."""
        self._turns.append(_Turn(item, ms))
        if len(self._turns) > MAX_OPEN:
            self._turns[0].text = self._turns[0].text or ""
            self._tell()

    def stopped(self, item: str, ms: float) -> None:
        """The user has spoken."""
        if (turn := self._find(item)) is not None:
            turn.ended = ms

    def committed(self, item: str, ms: float) -> None:
        """A turn's sound is complete; one that was ended by hand has another item than it began
        with.
        """
        if self._find(item) is None and self.speaking:
            self._turns[-1].item, self._turns[-1].ended = item, ms

    def known(self, item: str, text: str) -> None:
        """What was said; nothing where it can't be known."""
        if (turn := self._find(item)) is not None:
            turn.text = text
            self._tell()

    def give_up(self) -> None:
        """No more words come: tell those that are known."""
        for turn in self._turns:
            turn.text = turn.text or ""
        self._tell()

    def _find(self, item: str) -> _Turn | None:
        return next((turn for turn in self._turns if turn.item == item), None)

    def _tell(self) -> None:
        while self._turns and (text := self._turns[0].text) is not None:
            turn = self._turns.pop(0)
            ended = turn.began if turn.ended is None else turn.ended
            for piece in TurnPieces(turn.began).final(text, ended):
                self._on_words(piece.text, piece.began_ms / 1000)
