"""The room server's side of a participant inside this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livekit.protocol import models

from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.embedded import data_routing, layers, wire_info
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.local import LocalListener
from greenroom.rooms.embedded.participant import Participant
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.embedded.room import Room
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.rtc.media import MediaSource
from greenroom.settings import RoomSettings


class InProcessParticipant(Participant):
    """An agent of this process; see LocalParticipant. Media comes and goes by plain calls."""

    plays_in_step = True

    def __init__(
        self,
        room: Room,
        grants: Grants,
        listener: LocalListener,
        settings: RoomSettings,
        *,
        auto_subscribe: bool,
    ) -> None:
        super().__init__(room, grants, room.now(), auto_subscribe=auto_subscribe)
        self._listener = listener
        self._settings = settings
        self._known: set[str] = set()
        self._muted: dict[str, bool] = {}

    @property
    def is_dependent(self) -> bool:
        """Never: whoever added it ends it."""
        return False

    @property
    def room_name(self) -> str:
        """See LocalParticipant."""
        return self.room.name

    @property
    def room_sid(self) -> str:
        """See LocalParticipant."""
        return self.room.sid

    def start(self) -> None:
        """Enter: the others are told, the listener hears who is there and gets their tracks."""
        self.room.add(self)
        self.room.activate(self)
        for other in self.room.members():
            if other is not self and not other.hidden:
                self.tell(other)
        self.room.subscribe_to_all(self)

    def participants(self) -> Sequence[models.ParticipantInfo]:
        """See LocalParticipant."""
        return self.room.visible_to(self)

    def _check(self) -> None:
        if self.gone:
            raise RoomIsClosed(self.room.name, wire_info.reason_name(self.disconnect_reason))

    def publish(self, source: MediaSource, track: models.TrackInfo) -> models.TrackInfo:
        """See LocalParticipant."""
        self._check()
        if len(self.publications) >= self._settings.max_tracks:
            raise CapacityExceeded("tracks", self._settings.max_tracks)
        info = models.TrackInfo()
        info.CopyFrom(track)
        info.sid = wire_info.new_id("TR_")
        info.mime_type = wire_info.mime_type(source.codec)
        if source.codec.kind == "video" and not info.layers:
            info.layers.add(quality=models.VideoQuality.HIGH, width=info.width, height=info.height)
        publication = Publication(self, info, source)
        self.room.publish(publication)
        return publication.snapshot()

    def unpublish(self, sid: str) -> None:
        """See LocalParticipant."""
        publication = self.publications.get(sid)
        if publication is not None:
            self.room.unpublish(publication)

    def set_muted(self, sid: str, muted: bool) -> None:
        """See LocalParticipant."""
        publication = self.publications.get(sid)
        if publication is not None and publication.info.muted != muted:
            publication.info.muted = muted
            publication.held = publication.held and muted
            self.room.track_changed(publication)

    def set_subscribed(self, sid: str, subscribed: bool) -> None:
        """See LocalParticipant."""
        self.subscriptions.choose(sid, subscribed)
        publication = self.room.find_track(sid)
        if publication is not None:
            self.subscriptions.review(publication)

    def send(self, packet: models.DataPacket, *, reliable: bool) -> None:
        """See LocalParticipant."""
        self._check()
        bound = self._settings.max_message_bytes + data_routing.ENVELOPE_BYTES // 2
        if packet.ByteSize() > bound:
            limit = self._settings.max_message_bytes
            raise InvalidInput("data", "is too large", f"at most {limit} bytes")
        copy = models.DataPacket()
        copy.CopyFrom(packet)
        if data_routing.stamp(self, copy, reliable=reliable):
            data_routing.route(self.room, self, copy, reliable=reliable)

    def update(
        self,
        *,
        metadata: str | None = None,
        name: str | None = None,
        attributes: Mapping[str, str] | None = None,
        grants: Grants | None = None,
    ) -> None:
        """See LocalParticipant."""
        self._check()
        super().update(metadata=metadata, name=name, attributes=attributes, grants=grants)

    def is_received(self, sid: str) -> bool:
        """See LocalParticipant."""
        publication = self.publications.get(sid)
        return publication is not None and any(not item.hidden for item in publication.receivers)

    def round_trip(self, sid: str) -> float | None:
        """See LocalParticipant."""
        publication = self.publications.get(sid)
        if publication is None:
            return None
        times = [item.round_trip_of(publication) for item in publication.subscribers]
        return max((time for time in times if time is not None), default=None)

    def fraction_lost(self, sid: str) -> float:
        """See LocalParticipant."""
        publication = self.publications.get(sid)
        if publication is None:
            return 0.0
        return max(
            (item.fraction_lost_of(publication) for item in publication.subscribers), default=0
        )

    def close(self) -> None:
        """See LocalParticipant."""
        self._leave(models.DisconnectReason.CLIENT_INITIATED)

    def _leave(self, reason: models.DisconnectReason) -> bool:
        if self.gone:
            return False
        self.room.remove(self, reason)
        return True

    # What the room tells

    def dismiss(
        self,
        reason: models.DisconnectReason,
        *,
        comes_back: bool = False,  # noqa: ARG002 - an agent decides for itself
    ) -> None:
        """See Participant."""
        if self._leave(reason):
            self._listener.on_removed(wire_info.reason_name(reason))

    def tell(self, participant: Participant) -> None:
        """See Participant."""
        if participant is self:
            return
        if participant.gone:
            self._known.discard(participant.sid)
            self._listener.on_participant_left(participant.info)
        elif participant.sid in self._known:
            self._listener.on_participant_changed(participant.info)
        else:
            self._known.add(participant.sid)
            self._listener.on_participant_joined(participant.info)

    def tell_room(self, room: models.Room) -> None:
        """An agent does not ask."""

    def attach(self, publication: Publication) -> None:
        """See Participant."""
        self._muted[publication.sid] = publication.info.muted
        self._listener.on_track(
            publication.publisher.info, publication.snapshot(), publication.source
        )

    def detach(self, publication: Publication) -> None:
        """See Participant."""
        self._muted.pop(publication.sid, None)
        self._listener.on_track_ended(publication.publisher.info, publication.snapshot())

    def refresh(self, publication: Publication) -> None:
        """See Participant."""
        muted = publication.info.muted
        if self._muted.get(publication.sid, muted) != muted:
            self._muted[publication.sid] = muted
            self._listener.on_track_muted(publication.publisher.info, publication.snapshot())

    def tell_allowed(self, publication: Publication, allowed: bool) -> None:
        """The track comes or goes: that says it."""

    def tell_received(self, publication: Publication) -> None:
        """See Participant."""
        self._listener.on_track_received(publication.sid)

    def tell_muted(self, publication: Publication) -> None:
        """See Participant."""
        self._listener.on_mute_requested(publication.sid, publication.info.muted)

    def tell_unpublished(self, publication: Publication) -> None:
        """Nobody gets the track any more; its source may go on."""

    def end_track(self, publication: Publication) -> None:
        """See Participant."""
        self.room.unpublish(publication)

    def tell_watched(self, publication: Publication) -> None:
        """A picture of this process has one layer, which costs nothing that matters."""

    def tell_speakers(self, changes: Mapping[str, models.SpeakerInfo]) -> None:
        """An agent listens for itself."""

    def judge_connection(self) -> bool:
        """It has none that could be bad."""
        return False

    def tell_qualities(self, participants: Sequence[Participant]) -> None:
        """An agent does not ask."""

    def wanted_layer(self, publication: Publication) -> int:  # noqa: ARG002 - whatever it is
        """The best."""
        return layers.HIGHEST

    def receives(self, publication: Publication) -> bool:  # noqa: ARG002
        """Whatever it is attached to."""
        return True

    def round_trip_of(self, publication: Publication) -> float | None:  # noqa: ARG002
        """No way at all."""
        return 0.0

    def fraction_lost_of(self, publication: Publication) -> float:  # noqa: ARG002
        """Nothing."""
        return 0.0

    def deliver(
        self,
        packet: models.DataPacket,
        encoded: bytes,  # noqa: ARG002 - it takes the message
        reliable: bool,
    ) -> None:
        """See Participant."""
        if not self.gone:
            self._listener.on_data(packet, reliable)
