"""The tracks that a client gets: a sender each, with the layer that the client wants."""

from __future__ import annotations

from collections.abc import Callable

from livekit.protocol import models

from greenroom.rooms.embedded import layers
from greenroom.rooms.embedded.conditions import connection_quality
from greenroom.rooms.embedded.connection import Connection
from greenroom.rooms.embedded.layers import TrackSettings
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.rtc.ports import Sender


class Downstream:
    """Keeps the senders of a connection as subscriptions and the client's wishes have them."""

    def __init__(self, connection: Connection, on_watched: Callable[[Publication], None]) -> None:
        self._connection = connection
        self._on_watched = on_watched
        self._tracks: dict[str, tuple[Publication, Sender]] = {}
        self._settings: dict[str, TrackSettings] = {}

    def attach(self, publication: Publication) -> None:
        """Send a track from now on, or as soon as it has been described."""
        sender = self._connection.add_sender(
            publication.source.codec, publication.stream_id, publication.sid
        )
        self._tracks[publication.sid] = publication, sender
        self.refresh(publication)
        sender.set_source(publication.source)

    def detach(self, publication: Publication) -> None:
        """Send a track no more."""
        self._settings.pop(publication.sid, None)
        if self._tracks.pop(publication.sid, None) is not None:
            self._connection.remove_sender(publication.sid)

    def refresh(self, publication: Publication) -> None:
        """Send what is wanted now: nothing of a track that is held or not looked at."""
        found = self._tracks.get(publication.sid)
        if found is None:
            return
        sender, layer = found[1], self.wanted_layer(publication)
        sender.set_paused(publication.held or layer == layers.NONE)
        if publication.is_video and layer != layers.NONE:
            sender.set_layer(layer)

    def wanted_layer(self, publication: Publication) -> int:
        """See Participant."""
        settings = self._settings.get(publication.sid)
        if settings is None:
            return layers.HIGHEST
        return layers.wanted_layer(settings, publication.info)

    def set_settings(self, publication: Publication, settings: TrackSettings) -> None:
        """What the client says about a track that it gets."""
        self._settings[publication.sid] = settings
        self.refresh(publication)
        self._on_watched(publication)

    def is_sent(self, publication: Publication) -> bool:
        """Whether packets of a track reach the client, as far as this side can tell."""
        found = self._tracks.get(publication.sid)
        connected = self._connection.state == "connected"
        return connected and found is not None and found[1].mid is not None

    def round_trip(self, publication: Publication) -> float | None:
        """Seconds to the client and back; None: not known."""
        found = self._tracks.get(publication.sid)
        return found[1].round_trip if found is not None else None

    def fraction_lost(self, publication: Publication) -> float:
        """0 to 1, as the client last reported."""
        found = self._tracks.get(publication.sid)
        return found[1].fraction_lost if found is not None else 0.0

    def quality(self) -> models.ConnectionQuality:
        """Of the connection, by what the client reports."""
        senders = (sender for _, sender in self._tracks.values())
        return connection_quality(self._connection.state, senders)

    def unsendable(self) -> list[Publication]:
        """Tracks whose codec the client's descriptions don't take."""
        return [
            publication
            for publication, sender in self._tracks.values()
            if not self._connection.can_send(sender)
        ]
