"""Which layers of a simulcast picture a viewer wants, and which nobody wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from livekit.protocol import models, rtc

HIGHEST = 2
"""The layer of quality HIGH; layers are numbered as LiveKit numbers LOW, MEDIUM and HIGH."""

NONE = -1
"""No layer."""

_QUALITIES = (models.VideoQuality.LOW, models.VideoQuality.MEDIUM, models.VideoQuality.HIGH)


@dataclass(slots=True)
class TrackSettings:
    """What a client said about a track that it gets; width and height 0: not said."""

    disabled: bool = False
    quality: int = models.VideoQuality.HIGH
    width: int = 0
    height: int = 0

    @classmethod
    def of(cls, request: rtc.UpdateTrackSettings) -> TrackSettings:
        """As the client's message says."""
        return cls(request.disabled, request.quality, request.width, request.height)


def wanted_layer(settings: TrackSettings, track: models.TrackInfo) -> int:
    """The layer that a viewer wants: the smallest that fills its window, or NONE."""
    if settings.disabled or settings.quality == models.VideoQuality.OFF:
        return NONE
    if settings.width and settings.height:
        for layer in sorted(track.layers, key=lambda layer: layer.quality):
            # a picture that is turned on its side fills the window as well
            big, small = max(layer.width, layer.height), min(layer.width, layer.height)
            if big >= max(settings.width, settings.height) and small >= min(
                settings.width, settings.height
            ):
                return min(int(layer.quality), HIGHEST)
        return HIGHEST
    return min(settings.quality, HIGHEST)


def highest(layers: Iterable[int]) -> int:
    """The best layer that anybody wants; NONE where nobody wants any."""
    return max(layers, default=NONE)


def quality_update(track: models.TrackInfo, best: int) -> rtc.SubscribedQualityUpdate:
    """Tell a publisher to send layers up to `best` and no others."""
    qualities = [
        rtc.SubscribedQuality(quality=quality, enabled=number <= best)
        for number, quality in enumerate(_QUALITIES)
    ]
    codec = track.mime_type.partition("/")[2].lower()
    return rtc.SubscribedQualityUpdate(
        track_sid=track.sid,
        subscribed_qualities=qualities,
        subscribed_codecs=[rtc.SubscribedCodec(codec=codec, qualities=qualities)],
    )
