"""Who is speaking, by the loudness that packets carry."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.providers.clock import Clock
from greenroom.rooms.rtc.media import MediaSource


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who is speaking; `level` is an amplitude, 0 (silent) to 1 (full scale)."""

    identity: str
    level: float


class SpeakerLevels:
    """Follows the loudness of sources (RFC 6464). Has no timer: it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def add(self, identity: str, source: MediaSource) -> None:
        """Listen to a source for `identity`; someone may have several."""
        raise NotImplementedError

    def remove(self, identity: str, source: MediaSource) -> None:
        """Listen no more. Harmless twice."""
        raise NotImplementedError

    def speakers(self) -> list[Speaker]:
        """Who is speaking now, the loudest first."""
        raise NotImplementedError
