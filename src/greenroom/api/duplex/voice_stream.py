"""The AI's voice on its way out: one Ogg Opus stream without gaps, at the pace of real time.

Clients of this protocol play what comes as it comes, and those that record keep time by it; so
there is silence where the AI says nothing. Sound is sent a little ahead of its time, so that a
network's jitter is not heard, and no further, so that little is left to hear after a `flush`.
Silence is sent only when its time has passed: what the AI says next need not wait behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ogg_opus import PAGE, OpusStreamWriter
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.providers.clock import Clock, Timer

LEAD = 0.2
"""Seconds by which the stream is ahead of real time at most."""

_PAGE_SECONDS = PAGE / DUPLEX_RATE
_ROUNDING = 1e-6
"""Seconds; a timer is not late by that much."""


class VoiceStream:
    """Paces one stream; `send` takes its pages. Close it at the end."""

    def __init__(self, send: Callable[[bytes], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._writer = OpusStreamWriter()
        self._waiting: deque[Pcm] = deque()
        self._samples = 0
        """Of what waits."""
        self._began: float | None = None
        self._sent = 0
        self._paused = self._closed = False
        self._timer: Timer | None = None

    def start(self) -> None:
        """The stream's time begins. Harmless twice."""
        if self._began is None:
            self._began = self._clock.time()
            self._go_on()

    def play(self, pcm: Pcm) -> None:
        """Send this behind what waits already."""
        self._waiting.append(pcm)
        self._samples += len(pcm)
        self._go_on()

    def flush(self) -> None:
        """Drop what has not been sent."""
        self._waiting.clear()
        self._samples = 0
        self._go_on()

    def set_paused(self, paused: bool) -> None:
        """Hold what has not been sent; the stream goes on in silence."""
        self._paused = paused
        self._go_on()

    def close(self) -> None:
        """Send no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        """Send a page if one is due, and come back when the next is.

        One at a time: coding a page takes long enough.
        """
        if self._began is None or self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock.time()
        if self._began + self._due() <= now + _ROUNDING:
            self._send_page()
        self._timer = self._clock.call_at(max(now, self._began + self._due()), self._go_on)

    def _due(self) -> float:
        """When the next page is to be sent, in seconds of the stream's time."""
        position = self._sent / DUPLEX_RATE
        if self._has_sound:
            # Less than a page is worth sending only to who will soon have nothing to play.
            ahead = LEAD - _PAGE_SECONDS if self._samples >= PAGE else _PAGE_SECONDS / 2
            return position - ahead
        return position if self._writer.missing else position + _PAGE_SECONDS

    @property
    def _has_sound(self) -> bool:
        return self._samples > 0 and not self._paused

    def _send_page(self) -> None:
        if self._has_sound:
            pcm = self._take(PAGE)
        else:
            pcm = np.zeros(self._writer.missing or PAGE, np.int16)
        self._sent += len(pcm)
        if pages := self._writer.write(pcm):
            self._send(pages)

    def _take(self, samples: int) -> Pcm:
        """At most so many of what waits."""
        parts = []
        while samples and self._waiting:
            pcm = self._waiting.popleft()
            if len(pcm) > samples:
                self._waiting.appendleft(pcm[samples:])
                pcm = pcm[:samples]
            parts.append(pcm)
            samples -= len(pcm)
            self._samples -= len(pcm)
        return np.concatenate(parts) if parts else EMPTY
