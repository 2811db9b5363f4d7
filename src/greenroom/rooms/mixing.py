"""Several people's microphones as the one that a conversation hears."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.providers.clock import Clock

ACTIVE_FOR = 0.1
"""Seconds without sound after which nobody waits for a microphone (it is muted, or silent)."""

MAX_AHEAD = HEARING_RATE // 5
"""Samples that one microphone may be ahead of another; then the other counts as silent."""


class Mixer:
    """Adds 16 kHz microphones up, sample by sample, and hands the sum to `on_sound`.

    One person alone is passed on as is, at once. Where several send, the sum goes as far as the
    slowest of them has come.
    """

    def __init__(self, on_sound: Callable[[Pcm], None], clock: Clock) -> None:
        self._on_sound = on_sound
        self._clock = clock
        self._waiting: dict[str, list[Pcm]] = {}
        self._heard_at: dict[str, float] = {}

    def add(self, identity: str, pcm: Pcm) -> None:
        """The next samples of somebody's microphone."""
        now = self._clock.time()
        self._heard_at[identity] = now
        if len(self._heard_at) == 1:
            self._on_sound(pcm)
            return
        self._waiting.setdefault(identity, []).append(pcm)
        self._mix(now)

    def remove(self, identity: str) -> None:
        """Somebody has gone; what waits of theirs is still heard."""
        self._heard_at.pop(identity, None)
        if self._waiting:
            self._mix(self._clock.time())

    def _mix(self, now: float) -> None:
        lengths = {who: sum(map(len, parts)) for who, parts in self._waiting.items()}
        active = [who for who, at in self._heard_at.items() if now - at <= ACTIVE_FOR]
        ready = min((lengths.get(who, 0) for who in active), default=0)
        longest = max(lengths.values(), default=0)
        if not active:
            ready = longest
        ready = max(ready, longest - MAX_AHEAD)
        if ready <= 0:
            return
        total = np.zeros(ready, np.int32)
        for who in list(self._waiting):
            pcm = np.concatenate(self._waiting.pop(who))
            total[: len(pcm)] += pcm[:ready]
            if len(pcm) > ready:
                self._waiting[who] = [pcm[ready:]]
        self._on_sound(np.clip(total, -32_768, 32_767).astype(np.int16))
