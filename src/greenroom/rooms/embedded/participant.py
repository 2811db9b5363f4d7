"""Somebody in a room: what others are told of it, and what it is told of them."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from livekit.protocol import models

from greenroom.rooms.embedded import limits, wire_info
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.publication import Publication, SubscriptionPermissions
from greenroom.rooms.embedded.subscriptions import Subscriptions

if TYPE_CHECKING:
    from greenroom.rooms.embedded.room import Room

State = models.ParticipantInfo.State


class Participant(ABC):
    """A client or a part of this process. The room holds it under its identity.

    `joined` is the wall clock's time in seconds. `state` goes JOINING, JOINED, ACTIVE (media can
    flow), DISCONNECTED.
    """

    plays_in_step = False
    """Whether receivers play those of its tracks that name the same stream in step."""

    def __init__(self, room: Room, grants: Grants, joined: float, *, auto_subscribe: bool) -> None:
        self.room = room
        self.grants = grants
        self.sid = wire_info.new_id("PA_")
        self.identity = grants.identity
        self.name = grants.name
        self.metadata = grants.metadata
        self.attributes = {key: value for key, value in grants.attributes.items() if value}
        self.joined = joined
        self.state: State = State.JOINING
        self.client_protocol = 0
        self.publications: dict[str, Publication] = {}
        self.permissions = SubscriptionPermissions()
        self.subscriptions = Subscriptions(self, auto=auto_subscribe)
        self.disconnect_reason = models.DisconnectReason.UNKNOWN_REASON
        self.was_active = False
        self.quality = models.ConnectionQuality.EXCELLENT
        self._version = 0
        self._info: models.ParticipantInfo | None = None

    @property
    def hidden(self) -> bool:
        """Whether others are not told of it."""
        return self.grants.hidden

    @property
    def is_dependent(self) -> bool:
        """Whether a room ends although it is there: an agent or recorder that comes from outside.

        What is part of this process has an owner here who ends it.
        """
        return self.grants.kind in {"agent", "egress"} or self.grants.recorder

    @property
    def gone(self) -> bool:
        """Whether it has left."""
        return self.state == State.DISCONNECTED

    @property
    def info(self) -> models.ParticipantInfo:
        """What clients are told now. The message is not changed afterwards."""
        if self._info is None:
            self._info = models.ParticipantInfo(
                sid=self.sid,
                identity=self.identity,
                state=self.state,
                tracks=[publication.info for publication in self.publications.values()],
                metadata=self.metadata,
                joined_at=int(self.joined),
                joined_at_ms=int(self.joined * 1000),
                name=self.name,
                version=self._version,
                permission=wire_info.permission(self.grants),
                is_publisher=bool(self.publications),
                kind=wire_info.kind(self.grants.kind),
                attributes=self.attributes,
                disconnect_reason=self.disconnect_reason,
                client_protocol=self.client_protocol,
            )
        return self._info

    def changed(self) -> None:
        """What clients are told is other than before; the room tells them when asked to."""
        self._version += 1
        self._info = None

    def set_state(self, state: State) -> None:
        """Change the state; nobody is told."""
        self.state = state
        self.was_active = self.was_active or state == State.ACTIVE
        self.changed()

    def update(
        self,
        *,
        metadata: str | None = None,
        name: str | None = None,
        attributes: Mapping[str, str] | None = None,
        grants: Grants | None = None,
    ) -> None:
        """Change what is given, and tell. Raises InvalidInput, changing nothing."""
        if metadata is not None:
            limits.check_metadata(metadata)
        if name is not None:
            limits.check_length("name", name)
        if attributes is not None:
            attributes = limits.merged(self.attributes, attributes)
        if metadata is not None:
            self.metadata = metadata
        if name is not None:
            self.name = name
        if attributes is not None:
            self.attributes = dict(attributes)
        if grants is not None:
            self.grants = grants
        self.grants = dataclasses.replace(
            self.grants, name=self.name, metadata=self.metadata, attributes=self.attributes
        )
        self.changed()
        if self.state != State.JOINING:
            self.room.announce(self)

    @abstractmethod
    def tell(self, participant: Participant) -> None:
        """Somebody, perhaps itself, is other than before, has come or (DISCONNECTED) gone."""

    @abstractmethod
    def tell_room(self, room: models.Room) -> None:
        """The room is other than before."""

    @abstractmethod
    def attach(self, publication: Publication) -> None:
        """Begin to get a track."""

    @abstractmethod
    def detach(self, publication: Publication) -> None:
        """Get a track no more."""

    @abstractmethod
    def refresh(self, publication: Publication) -> None:
        """A track that it gets was muted, held, or let go."""

    @abstractmethod
    def tell_allowed(self, publication: Publication, allowed: bool) -> None:
        """The publisher lets it have a track, or no more."""

    @abstractmethod
    def tell_received(self, publication: Publication) -> None:
        """Somebody who is not hidden begins to receive one of its own tracks."""

    @abstractmethod
    def tell_muted(self, publication: Publication) -> None:
        """An administrator muted or unmuted one of its own tracks."""

    @abstractmethod
    def tell_watched(self, publication: Publication) -> None:
        """Who gets one of its own videos, or in what quality, is other than before."""

    @abstractmethod
    def tell_speakers(self, changes: Mapping[str, models.SpeakerInfo]) -> None:
        """Who began to speak, speaks otherwise, or stopped; by identity, also hidden ones."""

    @abstractmethod
    def judge_connection(self) -> bool:
        """Look at how good its connection is; whether that is other than before."""

    @abstractmethod
    def tell_qualities(self, participants: Sequence[Participant]) -> None:
        """The connections of these are otherwise than before."""

    @abstractmethod
    def wanted_layer(self, publication: Publication) -> int:
        """Of a video that it gets: the simulcast layer that it wants, NONE while it wants none."""

    @abstractmethod
    def receives(self, publication: Publication) -> bool:
        """Whether a track that it gets can reach it as things are."""

    @abstractmethod
    def round_trip_of(self, publication: Publication) -> float | None:
        """Of a track that it gets: seconds to it and back, None: not known."""

    @abstractmethod
    def fraction_lost_of(self, publication: Publication) -> float:
        """Of a track that it gets: 0 to 1, as last reported."""

    @abstractmethod
    def end_track(self, publication: Publication) -> None:
        """One of its own tracks is not allowed any more: end it."""

    @abstractmethod
    def tell_unpublished(self, publication: Publication) -> None:
        """The server ended one of its own tracks."""

    @abstractmethod
    def deliver(self, packet: models.DataPacket, encoded: bytes, reliable: bool) -> None:
        """Take a data packet: the same as message and as bytes."""

    @abstractmethod
    def dismiss(self, reason: models.DisconnectReason, *, comes_back: bool = False) -> None:
        """Send it away: it is told, and its connections are closed.

        `comes_back`: it may join again by itself.
        """
