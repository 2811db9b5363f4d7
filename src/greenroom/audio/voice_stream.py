"""One microphone's samples on their way to voice activity."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from greenroom.audio.pcm import Pcm
from greenroom.audio.silero import CONTEXT, WINDOW

FULL = CONTEXT + WINDOW
ROW = FULL + WINDOW
"""Samples kept of each stream: one window with its context, and the next that arrives meanwhile."""

OnProbability = Callable[[float, int], None]


class VoiceStream:
    """Cuts a stream into windows, and hears what each was found to be.

    Made by `VoiceActivity.open`; its user calls `feed` and `close`, on the event loop.
    """

    __slots__ = (
        "_backlog", "_end", "_fill", "_in_batch", "_on_free", "_on_probability", "_on_ready",
        "_ready", "_row", "closed", "slot",
    )  # fmt: skip

    def __init__(
        self,
        slot: int,
        row: Pcm,
        on_probability: OnProbability,
        on_ready: Callable[[VoiceStream], None],
        on_free: Callable[[VoiceStream], None],
    ) -> None:
        """`row` (ROW samples, the first CONTEXT of them set) is this stream's until `on_free`."""
        self.slot = slot
        self.closed = False
        self._row = row
        self._on_probability: OnProbability | None = on_probability
        self._on_ready = on_ready
        self._on_free = on_free
        self._fill = CONTEXT
        self._backlog: deque[Pcm] = deque()
        self._ready = False
        self._in_batch = False
        self._end = 0

    def feed(self, pcm: Pcm) -> None:
        """Take the next 16 kHz samples, any number of them.

        What comes faster than it is computed is copied and kept; who feeds bounds how much.
        """
        if self.closed:
            return
        end = self._fill + len(pcm)
        if end <= ROW and not self._backlog:
            self._row[self._fill : end] = pcm
            self._fill = end
        else:
            self._backlog.append(pcm.copy())
            self._fill_up()
        if self._fill >= FULL and not self._ready:
            self._ready = True
            self._on_ready(self)

    def close(self) -> None:
        """No callback comes any more. Harmless twice."""
        if self.closed:
            return
        self.closed = True
        self._on_probability = None  # breaks the cycle with what listens
        self._backlog.clear()
        if not self._in_batch:
            self._on_free(self)

    def window_taken(self) -> bool:
        """The window is in a batch, the row has moved on; returns whether it holds another one."""
        self._in_batch = True
        self._fill -= WINDOW
        if self._backlog:
            self._fill_up()
        self._ready = self._fill >= FULL
        return self._ready

    def deliver(self, probability: float) -> None:
        """The batch is back."""
        self._in_batch = False
        if self._on_probability is None:
            self._on_free(self)
            return
        self._end += WINDOW
        self._on_probability(probability, self._end)

    def _fill_up(self) -> None:
        """Move what fits from the backlog to the row."""
        while self._backlog and self._fill < ROW:
            pcm = self._backlog.popleft()
            fits = pcm[: ROW - self._fill]
            self._row[self._fill : self._fill + len(fits)] = fits
            self._fill += len(fits)
            if len(fits) < len(pcm):
                self._backlog.appendleft(pcm[len(fits) :])
