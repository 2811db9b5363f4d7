"""An output that plays to nobody and remembers everything."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm, ms_of
from greenroom.conversation.playout import PlayoutClock
from greenroom.providers.clock import Clock


class RecordingOutput:
    """A `conversation.ports.AudioOutput`: `calls` lists what was done, `sound` what was written.

    With a `clock` the listener hears in that clock's time; without one, everything at once.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._playout = PlayoutClock(clock) if clock is not None else None
        self._reply = ""
        self._rate = 16_000
        self._paused = False
        self._written = 0.0
        self._held = 0.0
        self.calls: list[str] = []
        self.sound: list[Pcm] = []
        self.flushed: list[float] = []

    @property
    def pcm(self) -> Pcm:
        """All that was written, joined."""
        return np.concatenate(self.sound) if self.sound else EMPTY

    @property
    def paused(self) -> bool:
        """Whether the output is held."""
        return self._paused

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:
        """A new reply."""
        self._reply, self._rate = reply_id, rate
        self._written = self._held = 0.0
        self._paused = False
        self.calls.append("begin")
        if self._playout:
            self._playout.begin()

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:
        """Keep the samples of the current reply."""
        if reply_id != self._reply:
            return
        if last:
            self.calls.append(f"sentence {sentence}")
        if len(pcm):
            self.sound.append(pcm)
            ms = ms_of(len(pcm), self._rate)
            self._written += ms
            if self._playout:
                self._playout.queued(ms)
                self._held += ms
                self._release()

    def end(self, reply_id: str) -> None:
        """No more sentences."""
        if reply_id == self._reply:
            self.calls.append("end")

    def pause(self) -> None:
        """Hold."""
        self._paused = True
        self.calls.append("pause")

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self.calls.append("resume")
        self._release()

    def flush(self) -> float:
        """Silence at once."""
        self.calls.append("flush")
        self._reply = ""
        self._held = 0.0
        self._paused = False
        played = self._playout.flush() if self._playout else self._written
        self.flushed.append(played)
        return played

    def played_ms(self) -> float:
        """The listener's position."""
        return self._playout.played_ms() if self._playout else self._written

    def first_times(self) -> tuple[float | None, float | None]:
        """As `PlayoutClock.first_times`."""
        return self._playout.first_times() if self._playout else (None, None)

    async def wait_until_ahead(self, ms: float) -> None:
        """As the port says."""
        if self._playout:
            await self._playout.wait_until_ahead(ms)

    def _release(self) -> None:
        if self._playout and not self._paused and self._held:
            self._playout.sent(self._held)
            self._held = 0.0
