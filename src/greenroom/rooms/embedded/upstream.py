"""The tracks that a client sends: from their announcement until they end, and in what quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol import models, rtc

from greenroom.providers.clock import Timer
from greenroom.rooms.embedded import layers
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.embedded.publishing import Announcements
from greenroom.rooms.rtc.ports import Receiver

if TYPE_CHECKING:
    from greenroom.rooms.embedded.client import ClientParticipant

LESS_DELAY = 5.0
"""Seconds for which nobody wants a video's layer before its publisher is told to stop it."""


class Upstream:
    """Publishes what a client announced and sends; tells it which layers nobody watches."""

    def __init__(self, client: ClientParticipant) -> None:
        self._client = client
        self._clock = client.room.clock
        self.announcements = Announcements(self._publish)
        self._receivers: dict[Receiver, Publication] = {}
        self._told: dict[str, int] = {}
        self._less: Timer | None = None

    @property
    def count(self) -> int:
        """Tracks that are announced or there."""
        return len(self._receivers) + len(self.announcements)

    def _publish(self, info: models.TrackInfo, receiver: Receiver) -> None:
        publication = Publication(self._client, info, receiver)
        self._receivers[receiver] = publication
        self._told[info.sid] = layers.HIGHEST
        self._client.room.publish(publication)

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """The client sends a track no more."""
        self.announcements.remove(receiver)
        publication = self._receivers.pop(receiver, None)
        if publication is not None:
            self._told.pop(publication.sid, None)
            self._client.room.unpublish(publication)

    def watched(self, publication: Publication) -> None:
        """Who gets a video, or in what quality, has changed.

        More is asked for at once, less after a while.
        """
        told = self._told.get(publication.sid)
        if told is None:
            return
        best = _best_wanted(publication)
        if best > told:
            self._tell(publication, best)
        elif best < told and self._less is None:
            self._less = self._clock.call_at(self._clock.time() + LESS_DELAY, self._review)

    def tell_again(self) -> None:
        """The client may not have heard which layers are wanted."""
        for sid, told in self._told.items():
            publication = self._client.publications.get(sid)
            if publication is not None and publication.is_video and told != layers.HIGHEST:
                self._tell(publication, told)

    def _review(self) -> None:
        self._less = None
        for sid, told in list(self._told.items()):
            publication = self._client.publications.get(sid)
            if publication is not None and publication.is_video:
                best = _best_wanted(publication)
                if best != told:
                    self._tell(publication, best)

    def _tell(self, publication: Publication, best: int) -> None:
        self._told[publication.sid] = best
        update = layers.quality_update(publication.info, best)
        self._client.signal(rtc.SignalResponse(subscribed_quality_update=update))

    def close(self) -> None:
        """Tell nothing any more."""
        if self._less is not None:
            self._less.cancel()
            self._less = None


def _best_wanted(publication: Publication) -> int:
    return layers.highest(
        subscriber.wanted_layer(publication) for subscriber in publication.subscribers
    )
