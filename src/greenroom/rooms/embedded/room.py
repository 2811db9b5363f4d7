"""A room: who is in it, what they publish, and who is told what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livekit.protocol import models
from livekit.protocol.webhook import WebhookEvent

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.embedded import wire_info
from greenroom.rooms.embedded.conditions import ActiveSpeakers
from greenroom.rooms.embedded.events import event
from greenroom.rooms.embedded.participant import Participant, State
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.rtc.levels import SpeakerLevels

SPEAKERS_INTERVAL = 0.4
"""Seconds between looks at who is speaking."""

QUALITY_LOOKS = 12
"""Connection qualities are told at every so many looks at who is speaking: about five seconds."""

COUNT_DELAY = 1.0
"""Seconds in which changes of the number of participants are told together."""


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """How a room was asked for. Timeouts in seconds; `max_participants` 0: no bound of its own."""

    empty_timeout: float
    departure_timeout: float
    max_participants: int
    metadata: str = ""


class Room:
    """Holds participants under their identities; tells each what it may know.

    `on_closed` is called once, when the room has ended, however it ended. `max_message_bytes`
    bounds the payload of a data packet.
    """

    def __init__(
        self,
        name: str,
        options: RoomOptions,
        clock: Clock,
        now: Callable[[], float],
        on_event: Callable[[WebhookEvent], None],
        on_closed: Callable[[Room], None],
        max_message_bytes: int,
    ) -> None:
        self.name = name
        self.max_message_bytes = max_message_bytes
        self.sid = wire_info.new_id("RM_")
        self.options = options
        self.metadata = options.metadata
        self.clock = clock
        self.now = now
        self.closed = False
        self.speakers = ActiveSpeakers()
        self._levels = SpeakerLevels(clock)
        self._on_event = on_event
        self._on_closed = on_closed
        self._created = now()
        self._participants: dict[str, Participant] = {}
        self._tracks: dict[str, Publication] = {}
        self._occupied = False
        self._idle: Timer | None = None
        self._look: Timer | None = None
        self._looks = 0
        self._count: Timer | None = None
        self._emit("room_started")
        self._watch_emptiness()

    @property
    def info(self) -> models.Room:
        """What clients are told."""
        visible = [item for item in self._participants.values() if not item.hidden]
        return models.Room(
            sid=self.sid,
            name=self.name,
            empty_timeout=int(self.options.empty_timeout),
            departure_timeout=int(self.options.departure_timeout),
            max_participants=self.options.max_participants,
            creation_time=int(self._created),
            creation_time_ms=int(self._created * 1000),
            enabled_codecs=wire_info.codecs(),
            metadata=self.metadata,
            num_participants=len(visible),
            num_publishers=sum(bool(item.publications) for item in visible),
        )

    def members(self) -> list[Participant]:
        """Everybody who is here, also the hidden; a copy."""
        return list(self._participants.values())

    def get(self, identity: str) -> Participant | None:
        """By identity."""
        return self._participants.get(identity)

    def visible_to(self, participant: Participant) -> list[models.ParticipantInfo]:
        """The others whom a participant is told of."""
        return [
            other.info
            for other in self._participants.values()
            if other is not participant and not other.hidden
        ]

    def find_track(self, sid: str) -> Publication | None:
        """A track of whoever publishes it."""
        return self._tracks.get(sid)

    def add(self, participant: Participant) -> None:
        """Take somebody in; others are told when it is `announce`d."""
        self._participants[participant.identity] = participant
        self._watch_emptiness()
        self._count_changed()
        if self._look is None:
            self._look = self.clock.call_at(self.clock.time() + SPEAKERS_INTERVAL, self._look_round)

    def announce(self, participant: Participant) -> None:
        """Tell everybody of a participant as it is now; of a hidden one only itself."""
        if participant.hidden:
            participant.tell(participant)
            return
        for other in self.members():
            other.tell(participant)

    def activate(self, participant: Participant) -> None:
        """Media can flow to somebody."""
        again = participant.was_active
        participant.set_state(State.ACTIVE)
        self.announce(participant)
        if not again:
            self._emit("participant_joined", participant=participant.info)

    def subscribe_to_all(self, participant: Participant) -> None:
        """Give somebody the tracks that are there, as it wants and may."""
        for other in self.members():
            for publication in list(other.publications.values()):
                participant.subscriptions.review(publication)

    def remove(self, participant: Participant, reason: models.DisconnectReason) -> None:
        """Somebody has left: its tracks end, and the others are told. Harmless twice."""
        if self._participants.get(participant.identity) is not participant:
            return
        for publication in list(participant.publications.values()):
            self._end_track(publication)
        participant.subscriptions.close()
        del self._participants[participant.identity]
        participant.disconnect_reason = reason
        participant.set_state(State.DISCONNECTED)
        self.speakers.forget(participant.identity)
        if not participant.hidden:
            for other in self.members():
                other.tell(participant)
        self._emit(
            "participant_left" if participant.was_active else "participant_connection_aborted",
            participant=participant.info,
        )
        if not self.closed:
            self._count_changed()
            self._watch_emptiness()

    def publish(self, publication: Publication) -> None:
        """A track is there: tell of it first, then hand it out."""
        publisher = publication.publisher
        publisher.publications[publication.sid] = self._tracks[publication.sid] = publication
        publisher.changed()
        if not publication.is_video:
            self._levels.add(publisher.identity, publication.source)
        self.announce(publisher)
        for participant in self.members():
            participant.subscriptions.review(publication)
        self.watched(publication)
        self._emit("track_published", participant=publisher.info, track=publication.info)
        self._count_changed()

    def unpublish(self, publication: Publication) -> None:
        """A track has ended. Harmless twice."""
        publisher = publication.publisher
        if publisher.publications.get(publication.sid) is not publication:
            return
        self._end_track(publication)
        publisher.changed()
        self.announce(publisher)
        self._count_changed()

    def _end_track(self, publication: Publication) -> None:
        publisher = publication.publisher
        for participant in self.members():
            participant.subscriptions.end(publication)
        del publisher.publications[publication.sid], self._tracks[publication.sid]
        if not publication.is_video:
            self._levels.remove(publisher.identity, publication.source)
        self._emit("track_unpublished", participant=publisher.info, track=publication.info)

    def review(self, publication: Publication) -> None:
        """Permissions have changed: start and stop a track where they say so."""
        for participant in self.members():
            participant.subscriptions.review(publication)

    def track_changed(self, publication: Publication) -> None:
        """A track was muted or is described otherwise: tell of it."""
        publication.publisher.changed()
        self.announce(publication.publisher)
        for participant in list(publication.subscribers):
            participant.refresh(publication)

    def watched(self, publication: Publication) -> None:
        """Somebody began or ceased to get a track, or wants another quality of it."""
        if publication.is_video and not publication.publisher.gone:
            publication.publisher.tell_watched(publication)

    def set_metadata(self, metadata: str) -> None:
        """Change the metadata and tell."""
        self.metadata = metadata
        self._tell_room()

    def _tell_room(self) -> None:
        info = self.info
        for participant in self.members():
            participant.tell_room(info)

    def _count_changed(self) -> None:
        if self._count is None and not self.closed:
            self._count = self.clock.call_at(self.clock.time() + COUNT_DELAY, self._tell_count)

    def _tell_count(self) -> None:
        self._count = None
        self._tell_room()

    def _look_round(self) -> None:
        self._look = None
        if not self._participants:
            return
        self._look = self.clock.call_at(self.clock.time() + SPEAKERS_INTERVAL, self._look_round)
        changes = self.speakers.update(self._levels.speakers())
        if changes:
            told = {
                identity: models.SpeakerInfo(sid=speaker.sid, level=level, active=level > 0)
                for identity, level in changes.items()
                if (speaker := self._participants.get(identity)) is not None
            }
            for participant in self.members():
                participant.tell_speakers(told)
        self._looks += 1
        if self._looks % QUALITY_LOOKS == 0:
            qualities = [item for item in self.members() if item.judge_connection()]
            for participant in self.members():
                participant.tell_qualities(qualities)

    def _watch_emptiness(self) -> None:
        held = any(not item.is_dependent for item in self._participants.values())
        self._occupied = self._occupied or held
        if held or self.closed:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
        elif self._idle is None:
            wait = self.options.departure_timeout if self._occupied else self.options.empty_timeout
            self._idle = self.clock.call_at(self.clock.time() + wait, self._expire)

    def _expire(self) -> None:
        self._idle = None
        self.close(models.DisconnectReason.ROOM_CLOSED, models.RoomEndReason.ROOM_END_IDLE_TIMEOUT)

    def close(self, reason: models.DisconnectReason, why: models.RoomEndReason) -> None:
        """Send everybody away and end. Harmless twice."""
        if self.closed:
            return
        self.closed = True
        for participant in self.members():
            participant.dismiss(reason)
        for timer in (self._idle, self._look, self._count):
            if timer is not None:
                timer.cancel()
        self._idle = self._look = self._count = None
        self._emit("room_finished", why=why)
        self._on_closed(self)

    def _emit(
        self,
        name: str,
        *,
        participant: models.ParticipantInfo | None = None,
        track: models.TrackInfo | None = None,
        why: models.RoomEndReason = models.RoomEndReason.ROOM_END_UNKNOWN,
    ) -> None:
        self._on_event(
            event(
                name,
                self.now(),
                self.info,
                participant=participant,
                track=track,
                room_end_reason=why,
            )
        )
