"""Who is speaking, by the loudness that packets carry."""

from __future__ import annotations

import math
from dataclasses import dataclass

from greenroom.providers.clock import Clock
from greenroom.rooms.rtc.media import MediaPacket, MediaSource

_RISE, _FALL = 0.06, 0.3
"""Seconds in which the level follows a louder and a quieter sound (to 63 %)."""
_BEGINS = 10 ** (-38 / 20)
_ENDS = 10 ** (-48 / 20)
"""Amplitudes from which on somebody speaks, and below which no more."""
_SILENCE = 0.5
"""Seconds without a packet after which a source is silent: muted, or gone."""
_AMPLITUDES = tuple(10 ** (-level / 20) if level < 127 else 0.0 for level in range(128))


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who is speaking; `level` is an amplitude, 0 (silent) to 1 (full scale)."""

    identity: str
    level: float


class _Level:
    """The smoothed loudness of one source, as its sink."""

    __slots__ = ("arrival", "level", "speaking")

    def __init__(self) -> None:
        self.level = 0.0
        self.arrival = float("-inf")
        self.speaking = False

    def write(self, packet: MediaPacket) -> None:
        """Follow the packet's level."""
        if packet.level is None:
            return
        passed = packet.arrival - self.arrival
        if passed <= 0:
            return
        amplitude = _AMPLITUDES[packet.level & 0x7F]
        level = self.level
        seconds = _RISE if amplitude > level else _FALL
        level += (amplitude - level) * (1 - math.exp(-min(passed, _SILENCE) / seconds))
        self.level, self.arrival = level, packet.arrival
        self.speaking = level > (_ENDS if self.speaking else _BEGINS)

    def current(self, now: float) -> float:
        """The level now; 0 while not speaking."""
        if now - self.arrival > _SILENCE:
            self.level, self.speaking = 0.0, False
        return self.level if self.speaking else 0.0


class SpeakerLevels:
    """Follows the loudness of sources (RFC 6464). Has no timer: it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._levels: dict[tuple[str, MediaSource], _Level] = {}

    def add(self, identity: str, source: MediaSource) -> None:
        """Listen to a source for `identity`; someone may have several."""
        if (identity, source) not in self._levels:
            level = self._levels[identity, source] = _Level()
            source.add_sink(level)

    def remove(self, identity: str, source: MediaSource) -> None:
        """Listen no more. Harmless twice."""
        level = self._levels.pop((identity, source), None)
        if level is not None:
            source.remove_sink(level)

    def speakers(self) -> list[Speaker]:
        """Who is speaking now, the loudest first."""
        now = self._clock.time()
        loudest: dict[str, float] = {}
        for (identity, _), level in self._levels.items():
            loudest[identity] = max(loudest.get(identity, 0.0), level.current(now))
        return sorted(
            (Speaker(identity, level) for identity, level in loudest.items() if level > 0),
            key=lambda speaker: -speaker.level,
        )
