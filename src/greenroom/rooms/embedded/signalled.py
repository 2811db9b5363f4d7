"""What a client is told on its signalling connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livekit.protocol import models, rtc

from greenroom.rooms.embedded.conditions import score
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import SignalChannel
from greenroom.rooms.embedded.participant import Participant
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.embedded.room import Room

MAX_MISSED = 256
"""Departures that a client without signalling connection is told of when it is back."""


class SignalledParticipant(Participant):
    """A participant that hears of the room by LiveKit's messages on a channel, while it has one."""

    def __init__(self, room: Room, grants: Grants, *, auto_subscribe: bool) -> None:
        super().__init__(room, grants, room.now(), auto_subscribe=auto_subscribe)
        self.channel: SignalChannel | None = None
        self._missed: dict[str, models.ParticipantInfo] = {}

    def signal(self, message: rtc.SignalResponse) -> None:
        """Send to the client; lost while its connection is."""
        if self.channel is not None:
            self.channel.send(message)

    def tell(self, participant: Participant) -> None:
        """See Participant."""
        info = participant.info
        if self.channel is None:
            if participant.gone:
                self._missed[info.sid] = info
                if len(self._missed) > MAX_MISSED:
                    del self._missed[next(iter(self._missed))]
            return
        self.signal(rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[info])))

    def tell_room(self, room: models.Room) -> None:
        """See Participant."""
        self.signal(rtc.SignalResponse(room_update=rtc.RoomUpdate(room=room)))

    def tell_everything(self) -> None:
        """Who has gone unheard, who is there, and how the room is, to a client that is back."""
        everybody = [*self._missed.values(), *self.room.visible_to(self), self.info]
        self._missed.clear()
        self.signal(rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=everybody)))
        self.tell_room(self.room.info)

    def tell_allowed(self, publication: Publication, allowed: bool) -> None:
        """See Participant."""
        update = rtc.SubscriptionPermissionUpdate(
            participant_sid=publication.publisher.sid, track_sid=publication.sid, allowed=allowed
        )
        self.signal(rtc.SignalResponse(subscription_permission_update=update))

    def tell_received(self, publication: Publication) -> None:
        """See Participant. As LiveKit does, of each track once."""
        if publication.was_received:
            return
        publication.was_received = True
        self.signal(
            rtc.SignalResponse(track_subscribed=rtc.TrackSubscribed(track_sid=publication.sid))
        )

    def tell_muted(self, publication: Publication) -> None:
        """See Participant."""
        mute = rtc.MuteTrackRequest(sid=publication.sid, muted=publication.info.muted)
        self.signal(rtc.SignalResponse(mute=mute))

    def tell_unpublished(self, publication: Publication) -> None:
        """See Participant."""
        gone = rtc.TrackUnpublishedResponse(track_sid=publication.sid)
        self.signal(rtc.SignalResponse(track_unpublished=gone))

    def _knows(self, identity: str) -> bool:
        return identity == self.identity or any(
            publication.publisher.identity == identity for publication in self.subscriptions.active
        )

    def tell_speakers(self, changes: Mapping[str, models.SpeakerInfo]) -> None:
        """See Participant. It is told of itself and of those whom it hears."""
        speakers = [info for identity, info in changes.items() if self._knows(identity)]
        if speakers:
            self.signal(rtc.SignalResponse(speakers_changed=rtc.SpeakersChanged(speakers=speakers)))

    def tell_qualities(self, participants: Sequence[Participant]) -> None:
        """See Participant. It is told of itself and of those whom it may know."""
        updates = [
            rtc.ConnectionQualityInfo(
                participant_sid=item.sid, quality=item.quality, score=score(item.quality)
            )
            for item in participants
            if item is self or not item.hidden
        ]
        if updates:
            self.signal(
                rtc.SignalResponse(connection_quality=rtc.ConnectionQualityUpdate(updates=updates))
            )
