"""The AI's voice, handed over as it is to be heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import Pcm, ms_of, samples_of
from greenroom.audio.resample import Resampler
from greenroom.conversation.playout import PlayoutClock
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.providers.clock import Clock, Timer

FRAME_MS = 40
"""Sound is handed over in pieces of this length, as far as there is so much."""
LEAD_MS = 120
"""Sound that is handed over before it is to be heard: what an interruption can't take back, and by
how much the event loop may be late without a gap."""

_FRAME = samples_of(FRAME_MS, DUPLEX_RATE)


class VoiceOutput:
    """A `conversation.ports.AudioOutput` that plays to whoever is called back. Close it at the end.

    `on_voice` is given the sound, at DUPLEX_RATE; `on_flush` is told that what was handed over and
    not yet heard is to be dropped; `on_heard` is called every FRAME_MS while something is heard.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        on_voice: Callable[[Pcm], None],
        on_flush: Callable[[], None],
        on_heard: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._on_voice = on_voice
        self._on_flush = on_flush
        self._on_heard = on_heard
        self._playout = PlayoutClock(clock)
        self._reply = ""
        self._resampler = Resampler(DUPLEX_RATE, DUPLEX_RATE)
        self._queue: deque[Pcm] = deque()
        self._sent_ms = 0.0
        self._heard_before = 0.0
        # Held by the conversation (somebody may be interrupting), and by the user (a pause).
        self._held = self._paused = False
        self._timer: Timer | None = None
        self._closed = False

    # -- the conversation's side -------------------------------------------------------------

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:  # noqa: ARG002 - the port's
        """A new reply, at `rate` Hz."""
        self._drop()
        self._reply = reply_id
        self._resampler = Resampler(rate, DUPLEX_RATE)
        self._heard_before += self._playout.played_ms()
        self._sent_ms = 0.0
        self._playout.begin()

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:  # noqa: ARG002
        """More of a sentence of the current reply."""
        if reply_id != self._reply or self._closed:
            return
        if len(pcm):
            self._add(self._resampler.process(pcm))
        if last:
            self._add(self._resampler.flush())

    def end(self, reply_id: str) -> None:
        """No more sentences: they all were complete."""

    def pause(self) -> None:
        """Hold what has not been handed over."""
        self._held = True

    def resume(self) -> None:
        """Go on where `pause` held."""
        self._held = False
        self._go_on()

    def flush(self) -> float:
        """Drop everything; the ms that were heard."""
        played = self._playout.played_ms()
        cut = bool(self._queue) or played < self._sent_ms
        self._drop()
        self._sent_ms = played = self._playout.flush()
        if cut and not self._closed:
            self._on_flush()
        return played

    def played_ms(self) -> float:
        """What the listener has heard of the reply, in ms."""
        return self._playout.played_ms()

    def first_times(self) -> tuple[float | None, float | None]:
        """When the reply's first audio was handed over, and heard."""
        return self._playout.first_times()

    async def wait_until_ahead(self, ms: float) -> None:
        """Return when at most `ms` of the reply's audio are unheard."""
        await self._playout.wait_until_ahead(ms)

    # -- the talk's side ---------------------------------------------------------------------

    def set_paused(self, paused: bool) -> None:
        """Be silent until the user goes on, whatever the conversation does meanwhile."""
        self._paused = paused
        self._go_on()

    @property
    def heard_seconds(self) -> float:
        """What was heard of all replies."""
        return (self._heard_before + self._playout.played_ms()) / 1000

    def close(self) -> None:
        """Nothing is handed over or told any more. Harmless twice."""
        self._closed = True
        self._drop()

    # -- handing over ------------------------------------------------------------------------

    def _add(self, pcm: Pcm) -> None:
        if len(pcm):
            self._queue.append(pcm)
            self._playout.queued(ms_of(len(pcm), DUPLEX_RATE))
            self._go_on()

    def _go_on(self) -> None:
        if self._timer is None and not self._closed:
            self._step()

    def _step(self) -> None:
        """Hand over what is due, and come back while there is something to hear."""
        self._timer = None
        played = self._playout.played_ms()
        while self._may_send and self._sent_ms - played < LEAD_MS:
            frame = self._next_frame()
            ms = ms_of(len(frame), DUPLEX_RATE)
            self._sent_ms += ms
            self._playout.sent(ms)
            self._on_voice(frame)
        self._on_heard()
        if self._may_send or self._playout.played_ms() < self._sent_ms:
            self._timer = self._clock.call_at(self._clock.time() + FRAME_MS / 1000, self._step)

    @property
    def _may_send(self) -> bool:
        return bool(self._queue) and not (self._held or self._paused)

    def _next_frame(self) -> Pcm:
        """The next FRAME_MS, or what there is."""
        parts: list[Pcm] = []
        wanted = _FRAME
        while wanted and self._queue:
            pcm = self._queue.popleft()
            parts.append(pcm[:wanted])
            if len(pcm) > wanted:
                self._queue.appendleft(pcm[wanted:])
            wanted -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _drop(self) -> None:
        self._reply = ""
        self._held = False
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
