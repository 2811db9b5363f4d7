"""A participant inside this process: an agent, that clients see as any other participant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from livekit.protocol import models

from greenroom.rooms.rtc.media import MediaSource


class LocalListener(Protocol):
    """What a local participant is told: plain calls on the event loop; must not raise.

    Messages are the room's own: read them, never change them. Who is in the room when the listener
    is added, and what they publish, is told first, before `add_local` returns.
    """

    def on_participant_joined(self, participant: models.ParticipantInfo) -> None:
        """Somebody came in; hidden ones are not told of."""
        ...

    def on_participant_changed(self, participant: models.ParticipantInfo) -> None:
        """State, name, metadata, attributes, permission or tracks are other than before."""
        ...

    def on_participant_left(self, participant: models.ParticipantInfo) -> None:
        """Somebody has gone; see `disconnect_reason`. Their tracks were ended before."""
        ...

    def on_track(
        self, participant: models.ParticipantInfo, track: models.TrackInfo, source: MediaSource
    ) -> None:
        """Subscribed: `source` hands over the track's packets to the sinks that are added to it."""
        ...

    def on_track_ended(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        """Unsubscribed, unpublished, or not allowed any more; remove the sinks."""
        ...

    def on_track_muted(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        """`track.muted` is other than before. Packets of a muted track are not to be used."""
        ...

    def on_data(self, packet: models.DataPacket, reliable: bool) -> None:
        """A data packet for this participant; identity and sid of its sender are the server's."""
        ...

    def on_track_received(self, sid: str) -> None:
        """Somebody begins to receive a track that this participant publishes; see `is_received`."""
        ...

    def on_mute_requested(self, sid: str, muted: bool) -> None:
        """An administrator has muted or unmuted one of this participant's own tracks."""
        ...

    def on_removed(self, reason: str) -> None:
        """This participant is not in the room any more, by no wish of its own.

        `reason` is LiveKit's DisconnectReason in lower case, such as `room_deleted`. Nothing
        follows. It is not called after `close`.
        """
        ...


class LocalParticipant(Protocol):
    """A place in a room for this process. All calls are for the event loop."""

    @property
    def identity(self) -> str:
        """Its own."""
        ...

    @property
    def sid(self) -> str:
        """`PA_...`."""
        ...

    @property
    def room_name(self) -> str:
        """The room's name."""
        ...

    @property
    def room_sid(self) -> str:
        """`RM_...`."""
        ...

    @property
    def info(self) -> models.ParticipantInfo:
        """Itself, as clients are told."""
        ...

    def participants(self) -> Sequence[models.ParticipantInfo]:
        """The others, without the hidden ones."""
        ...

    def publish(self, source: MediaSource, track: models.TrackInfo) -> models.TrackInfo:
        """Publish; `type`, `source`, `name`, `width`, `height` and `layers` of `track` are used.

        Returns what clients are told, with `sid`. Raises CapacityExceeded, RoomIsClosed.
        """
        ...

    def unpublish(self, sid: str) -> None:
        """End a track; harmless where it is gone."""
        ...

    def set_muted(self, sid: str, muted: bool) -> None:
        """Tell the room that a track of its own is muted."""
        ...

    def set_subscribed(self, sid: str, subscribed: bool) -> None:
        """Change what it gets; by default all tracks, where `auto_subscribe` was given."""
        ...

    def send(self, packet: models.DataPacket, *, reliable: bool) -> None:
        """Send to `destination_identities`, or to all. The sender is stamped by the server.

        Raises InvalidInput where it is too large, RoomIsClosed.
        """
        ...

    def update(
        self,
        *,
        metadata: str | None = None,
        name: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Change what is told about it; an attribute's empty value removes it.

        Raises InvalidInput where that is too large, RoomIsClosed.
        """
        ...

    def is_received(self, sid: str) -> bool:
        """Whether what a track of its own sends now reaches anybody who is not hidden."""
        ...

    def round_trip(self, sid: str) -> float | None:
        """Seconds to the farthest subscriber of a track of its own and back; None: not known."""
        ...

    def fraction_lost(self, sid: str) -> float:
        """0 to 1: what the worst off subscriber of a track of its own misses, as last reported."""
        ...

    def close(self) -> None:
        """Leave the room. Harmless twice."""
        ...
