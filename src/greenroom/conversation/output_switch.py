"""One voice with several ways to its listener, of which one is taken for each reply."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.audio.pcm import Pcm
from greenroom.conversation.ports import AudioOutput


class OutputSwitch:
    """A `conversation.ports.AudioOutput` that asks `choose` at the beginning of each reply.

    Before the first reply `first` is the way.

    A reply is spoken to its end on the way on which it began: what was heard of it stays certain.
    """

    def __init__(self, first: AudioOutput, choose: Callable[[], AudioOutput]) -> None:
        self._current = first
        self._choose = choose

    @property
    def current(self) -> AudioOutput:
        """The way of the last reply."""
        return self._current

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:
        """Choose the way, and begin."""
        chosen = self._choose()
        if chosen is not self._current:
            self._current.flush()
            self._current = chosen
        chosen.begin(reply_id, turn_id, rate)

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:
        """As the current way does it."""
        self._current.write(reply_id, sentence, pcm, last=last)

    def end(self, reply_id: str) -> None:
        """As the current way does it."""
        self._current.end(reply_id)

    def pause(self) -> None:
        """As the current way does it."""
        self._current.pause()

    def resume(self) -> None:
        """As the current way does it."""
        self._current.resume()

    def flush(self) -> float:
        """As the current way does it."""
        return self._current.flush()

    def played_ms(self) -> float:
        """As the current way says."""
        return self._current.played_ms()

    def first_times(self) -> tuple[float | None, float | None]:
        """As the current way says."""
        return self._current.first_times()

    async def wait_until_ahead(self, ms: float) -> None:
        """As the current way does it."""
        await self._current.wait_until_ahead(ms)
