"""The room server: rooms by name, who may join, and what an administrator may do."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from livekit.protocol import models, rtc
from livekit.protocol import room as room_api
from livekit.protocol.webhook import WebhookEvent

from greenroom.errors import CapacityExceeded, Forbidden, InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.embedded import data_routing, limits, wire_info
from greenroom.rooms.embedded.client import ClientParticipant, check_parameters
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters, SignalChannel, SignalSession
from greenroom.rooms.embedded.local import LocalListener, LocalParticipant
from greenroom.rooms.embedded.local_participant import InProcessParticipant
from greenroom.rooms.embedded.participant import Participant
from greenroom.rooms.embedded.room import Room, RoomOptions
from greenroom.rooms.embedded.services import Services
from greenroom.rooms.embedded.session import Session
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.settings import RoomSettings

Reason = models.DisconnectReason
EndReason = models.RoomEndReason


class RoomServer:
    """All rooms of this process. Sans-I/O: sockets belong to peers and channels.

    `new_peer` makes a peer connection that reports to the events given. `ice_servers` tells a
    client of this identity which STUN and TURN servers to use. `on_event` takes webhook events, in
    order, by a plain call that must not raise. `now` is the wall clock, seconds since the epoch.
    `refresh_token` signs a new token for a participant's present grants.
    """

    def __init__(
        self,
        settings: RoomSettings,
        new_peer: Callable[[PeerEvents], Peer],
        clock: Clock,
        *,
        ice_servers: Callable[[str], Sequence[IceServer]] = lambda _: (),
        on_event: Callable[[WebhookEvent], None] = lambda _: None,
        refresh_token: Callable[[Grants], str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._now = now
        self._on_event = on_event
        self._services = Services(settings, clock, new_peer, ice_servers, refresh_token)
        self._rooms: dict[str, Room] = {}
        self._closed = False

    def check_join(self, grants: Grants, parameters: JoinParameters) -> None:
        """Raise what `join` would raise, changing nothing: for the answer to an HTTP request.

        Raises Forbidden (no `room_join`), InvalidInput (room or identity empty or too long,
        metadata or attributes too large), CapacityExceeded (rooms, participants), RoomsFailed
        (closed).
        """
        if not grants.room_join:
            raise Forbidden("the token does not let its bearer join")
        self._check_place(grants)
        check_parameters(grants, parameters)

    def _check_place(self, grants: Grants) -> None:
        if self._closed:
            raise RoomsFailed("the room server is closed", retryable=False)
        limits.check_name("room", grants.room)
        limits.check_name("identity", grants.identity)
        limits.check_length("name", grants.name)
        limits.check_metadata(grants.metadata)
        limits.check_attributes(grants.attributes)
        room = self._rooms.get(grants.room)
        if room is None:
            if len(self._rooms) >= self._settings.max_rooms:
                raise CapacityExceeded("rooms", self._settings.max_rooms)
            return
        others = [item for item in room.members() if item.identity != grants.identity]
        if len(others) >= self._settings.max_participants:
            raise CapacityExceeded("participants", self._settings.max_participants)
        # a room's own bound is for those it was made for, not for its agents and recorders
        own = room.options.max_participants
        people = sum(not (item.grants.is_agent or item.hidden) for item in others)
        if own and not (grants.is_agent or grants.hidden) and people >= own:
            raise CapacityExceeded("participants", own)

    def join(
        self, grants: Grants, parameters: JoinParameters, channel: SignalChannel
    ) -> SignalSession:
        """Join, or take up a lost place again; the answer goes out on `channel` at once.

        What can only be told by a message (a place that is gone, a bad offer) is sent as `leave`,
        the channel is closed, and the session that is returned ignores everything. Raises as
        `check_join`.
        """
        if parameters.reconnect and grants.room_join:
            return self._resume(grants, parameters, channel)
        self.check_join(grants, parameters)
        room = self._room_for(grants)
        client = ClientParticipant(room, grants, parameters, self._services)
        return client.start(parameters, channel)

    def _resume(
        self, grants: Grants, parameters: JoinParameters, channel: SignalChannel
    ) -> SignalSession:
        room = self._rooms.get(grants.room)
        place = room.get(grants.identity) if room is not None else None
        if isinstance(place, ClientParticipant) and place.can_resume(parameters):
            return place.resume(parameters, channel)
        # it is to join anew, by itself; what is left of its place ends then
        channel.send(wire_info.leave(Reason.STATE_MISMATCH, rtc.LeaveRequest.Action.RECONNECT))
        channel.close(wire_info.reason_name(Reason.STATE_MISMATCH))
        return Session(None)

    def add_local(
        self, grants: Grants, listener: LocalListener, *, auto_subscribe: bool = True
    ) -> LocalParticipant:
        """Let this process take part in `grants.room`, which is made where it isn't there.

        Raises as `check_join`, but `room_join` is not asked for.
        """
        self._check_place(grants)
        room = self._room_for(grants)
        participant = InProcessParticipant(
            room, grants, listener, self._settings, auto_subscribe=auto_subscribe
        )
        participant.start()
        return participant

    def _room_for(self, grants: Grants) -> Room:
        room = self._rooms.get(grants.room)
        if room is None:
            return self._open(
                grants.room,
                RoomOptions(self._settings.empty_timeout, self._settings.departure_timeout, 0),
            )
        older = room.get(grants.identity)
        if older is not None:
            older.dismiss(Reason.DUPLICATE_IDENTITY)
        return room

    def _open(self, name: str, options: RoomOptions) -> Room:
        room = Room(
            name,
            options,
            self._clock,
            self._now,
            self._on_event,
            self._room_closed,
            self._settings.max_message_bytes,
        )
        self._rooms[name] = room
        return room

    def _room_closed(self, room: Room) -> None:
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]

    def create_room(self, request: room_api.CreateRoomRequest) -> models.Room:
        """Make a room that waits for participants, or return the one that is there.

        Raises InvalidInput, CapacityExceeded, RoomsFailed.
        """
        if self._closed:
            raise RoomsFailed("the room server is closed", retryable=False)
        limits.check_name("name", request.name)
        limits.check_metadata(request.metadata)
        room = self._rooms.get(request.name)
        if room is None:
            if len(self._rooms) >= self._settings.max_rooms:
                raise CapacityExceeded("rooms", self._settings.max_rooms)
            options = RoomOptions(
                request.empty_timeout or self._settings.empty_timeout,
                request.departure_timeout or self._settings.departure_timeout,
                request.max_participants,
                request.metadata,
            )
            room = self._open(request.name, options)
        return room.info

    def delete_room(self, name: str) -> bool:
        """Send everybody away (ROOM_DELETED) and end the room; False where there is none."""
        room = self._rooms.get(name)
        if room is not None:
            room.close(Reason.ROOM_DELETED, EndReason.ROOM_END_API_DELETE)
        return room is not None

    def list_rooms(self, names: Sequence[str] = ()) -> Sequence[models.Room]:
        """All rooms, or those of these names."""
        return [room.info for name, room in self._rooms.items() if not names or name in names]

    def list_participants(self, room: str) -> Sequence[models.ParticipantInfo]:
        """Also the hidden ones. Raises NotInRoom where there is no such room."""
        return [participant.info for participant in self._room(room).members()]

    def get_participant(self, room: str, identity: str) -> models.ParticipantInfo:
        """Raises NotInRoom."""
        return self._participant(room, identity).info

    def remove_participant(self, room: str, identity: str) -> None:
        """Send somebody away (PARTICIPANT_REMOVED). Raises NotInRoom."""
        self._participant(room, identity).dismiss(Reason.PARTICIPANT_REMOVED)

    def mute_track(self, room: str, identity: str, sid: str, muted: bool) -> models.TrackInfo:
        """Mute a track; what is still sent on it is not forwarded until its owner unmutes it.

        An agent of this process can be unmuted too; as in LiveKit by default, a client can't: a
        microphone is opened by its owner. Raises NotInRoom, Forbidden.
        """
        participant = self._participant(room, identity)
        publication = participant.publications.get(sid)
        if publication is None:
            raise NotInRoom("track", sid)
        if publication.info.muted != muted:
            if not muted and isinstance(participant, ClientParticipant):
                raise Forbidden("a client's track can be unmuted by its owner only")
            publication.info.muted = publication.held = muted
            participant.room.track_changed(publication)
            participant.tell_muted(publication)
        return publication.snapshot()

    def update_participant(
        self, request: room_api.UpdateParticipantRequest
    ) -> models.ParticipantInfo:
        """Change metadata, name, attributes, permission; what is empty or absent stays.

        Who is hidden stays so. Raises NotInRoom, InvalidInput.
        """
        participant = self._participant(request.room, request.identity)
        grants = None
        if request.HasField("permission"):
            grants = _permitted(participant.grants, request.permission)
        participant.update(
            metadata=request.metadata or None,
            name=request.name or None,
            attributes=dict(request.attributes) or None,
            grants=grants,
        )
        if grants is not None:
            for publication in list(participant.publications.values()):
                if not grants.may_publish(wire_info.origin(publication.info.source)):
                    participant.end_track(publication)
            participant.room.subscribe_to_all(participant)
        if isinstance(participant, ClientParticipant):
            participant.renew_token()
        return participant.info

    def update_room_metadata(self, room: str, metadata: str) -> models.Room:
        """Raises NotInRoom, InvalidInput."""
        found = self._room(room)
        limits.check_metadata(metadata)
        found.set_metadata(metadata)
        return found.info

    def update_subscriptions(self, request: room_api.UpdateSubscriptionsRequest) -> None:
        """Subscribe a participant to tracks, or unsubscribe it. Raises NotInRoom."""
        participant = self._participant(request.room, request.identity)
        sids = [*request.track_sids]
        for tracks in request.participant_tracks:
            sids += tracks.track_sids
        for sid in sids[: limits.MAX_CHOICES]:
            participant.subscriptions.choose(sid, request.subscribe)
            publication = participant.room.find_track(sid)
            if publication is not None:
                participant.subscriptions.review(publication)

    def send_data(self, request: room_api.SendDataRequest) -> None:
        """Send a user packet of no participant. Raises NotInRoom, InvalidInput."""
        room = self._room(request.room)
        if len(request.data) > self._settings.max_message_bytes:
            limit = self._settings.max_message_bytes
            raise InvalidInput("data", "is too large", f"at most {limit} bytes")
        packet = models.DataPacket(
            kind=request.kind,
            destination_identities=request.destination_identities,
            user=models.UserPacket(
                payload=request.data,
                topic=request.topic if request.HasField("topic") else None,
                destination_sids=request.destination_sids,
                destination_identities=request.destination_identities,
                nonce=request.nonce,
            ),
        )
        reliable = request.kind == models.DataPacket.Kind.RELIABLE
        data_routing.route(room, None, packet, reliable=reliable)

    def close(self) -> None:
        """Send everybody away (SERVER_SHUTDOWN) and end all rooms. Harmless twice."""
        self._closed = True
        for room in list(self._rooms.values()):
            room.close(Reason.SERVER_SHUTDOWN, EndReason.ROOM_END_SERVER_SHUTDOWN)

    def _room(self, name: str) -> Room:
        room = self._rooms.get(name)
        if room is None:
            raise NotInRoom("room", name)
        return room

    def _participant(self, room: str, identity: str) -> Participant:
        participant = self._room(room).get(identity)
        if participant is None:
            raise NotInRoom("participant", identity)
        return participant


def _permitted(grants: Grants, permission: models.ParticipantPermission) -> Grants:
    sources = frozenset(wire_info.origin(source) for source in permission.can_publish_sources)
    return dataclasses.replace(
        grants,
        can_subscribe=permission.can_subscribe,
        can_publish=permission.can_publish,
        can_publish_data=permission.can_publish_data,
        can_publish_sources=sources or None,
        can_update_own_metadata=permission.can_update_metadata,
        can_subscribe_metrics=permission.can_subscribe_metrics,
        recorder=permission.recorder,
        agent=permission.agent or grants.agent,
    )
