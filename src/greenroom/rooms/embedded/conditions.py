"""Who is speaking and how good connections are, told only where it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from livekit.protocol import models

from greenroom.rooms.rtc.levels import Speaker
from greenroom.rooms.rtc.ports import Sender, TransportState

_STEPS = 8
"""Loudness is told in eighths, so that it does not change all the time."""

_SCORES: Mapping[models.ConnectionQuality, float] = {
    models.ConnectionQuality.LOST: 0.0,
    models.ConnectionQuality.POOR: 2.5,
    models.ConnectionQuality.GOOD: 3.8,
    models.ConnectionQuality.EXCELLENT: 4.5,
}


class ActiveSpeakers:
    """The speakers of a room as clients were told of them last."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    @property
    def now(self) -> Mapping[str, float]:
        """Level, 0 to 1, by identity."""
        return self._told

    def update(self, speakers: Iterable[Speaker]) -> dict[str, float]:
        """What is other than before: level by identity, 0 for who has stopped."""
        present = {
            speaker.identity: max(1, round(min(1.0, speaker.level) * _STEPS)) / _STEPS
            for speaker in speakers
        }
        changes = {
            identity: level
            for identity, level in present.items()
            if self._told.get(identity) != level
        }
        changes |= {identity: 0.0 for identity in self._told if identity not in present}
        self._told = present
        return changes

    def forget(self, identity: str) -> None:
        """Somebody has left: clients know."""
        self._told.pop(identity, None)


def connection_quality(
    state: TransportState, senders: Iterable[Sender]
) -> models.ConnectionQuality:
    """Of a client, by what it reports of the worst of the tracks that it gets.

    EXCELLENT below 2 % loss and 0.3 s there and back, GOOD below 8 % and 0.6 s: people notice
    little (after ITU-T G.107's impairments for delay and loss).
    """
    if state != "connected":
        return models.ConnectionQuality.LOST
    lost, delay = 0.0, 0.0
    for sender in senders:
        lost = max(lost, sender.fraction_lost)
        delay = max(delay, sender.round_trip or 0.0)
    if lost < 0.02 and delay < 0.3:
        return models.ConnectionQuality.EXCELLENT
    if lost < 0.08 and delay < 0.6:
        return models.ConnectionQuality.GOOD
    return models.ConnectionQuality.POOR


def score(quality: models.ConnectionQuality) -> float:
    """On the scale of mean opinion scores, 0 to 5."""
    return _SCORES[quality]
