"""The room server: rooms by name, who may join, and what an administrator may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from livekit.protocol import models
from livekit.protocol import room as room_api
from livekit.protocol.webhook import WebhookEvent

from greenroom.providers.clock import Clock
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import (
    IceServer,
    JoinParameters,
    SignalChannel,
    SignalSession,
)
from greenroom.rooms.embedded.local import LocalListener, LocalParticipant
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.settings import RoomSettings


class RoomServer:
    """All rooms of this process. Sans-I/O: sockets belong to peers and channels.

    `new_peer` makes a peer connection that reports to the events given. `ice_servers` tells a
    client of this identity which STUN and TURN servers to use. `on_event` takes webhook events, in
    order, by a plain call that must not raise. `now` is the wall clock, seconds since the epoch.
    `refresh_token` signs a new token for a participant's present grants, sent when they change.
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
        raise NotImplementedError

    def check_join(self, grants: Grants, parameters: JoinParameters) -> None:
        """Raise what `join` would raise, changing nothing: for the answer to an HTTP request.

        Raises Forbidden (no `room_join`), InvalidInput (room or identity empty or too long,
        metadata or attributes too large), CapacityExceeded (rooms, participants).
        """
        raise NotImplementedError

    def join(
        self, grants: Grants, parameters: JoinParameters, channel: SignalChannel
    ) -> SignalSession:
        """Join, or take up a lost place again; the answer goes out on `channel` at once.

        What can only be told by a message (a place that is gone, a bad offer) is sent as `leave`,
        the channel is closed, and the session that is returned ignores everything. Raises as
        `check_join`.
        """
        raise NotImplementedError

    def add_local(
        self, grants: Grants, listener: LocalListener, *, auto_subscribe: bool = True
    ) -> LocalParticipant:
        """Let this process take part in `grants.room`, which is made where it isn't there.

        Raises as `check_join`, but `room_join` is not asked for.
        """
        raise NotImplementedError

    def create_room(self, request: room_api.CreateRoomRequest) -> models.Room:
        """Make a room that waits for participants, or return the one that is there.

        Raises InvalidInput, CapacityExceeded.
        """
        raise NotImplementedError

    def delete_room(self, name: str) -> bool:
        """Send everybody away (ROOM_DELETED) and end the room; False where there is none."""
        raise NotImplementedError

    def list_rooms(self, names: Sequence[str] = ()) -> Sequence[models.Room]:
        """All rooms, or those of these names."""
        raise NotImplementedError

    def list_participants(self, room: str) -> Sequence[models.ParticipantInfo]:
        """Also the hidden ones. Raises NotInRoom where there is no such room."""
        raise NotImplementedError

    def get_participant(self, room: str, identity: str) -> models.ParticipantInfo:
        """Raises NotInRoom."""
        raise NotImplementedError

    def remove_participant(self, room: str, identity: str) -> None:
        """Send somebody away (PARTICIPANT_REMOVED). Raises NotInRoom."""
        raise NotImplementedError

    def mute_track(self, room: str, identity: str, sid: str, muted: bool) -> models.TrackInfo:
        """Mute or unmute a track. Raises NotInRoom."""
        raise NotImplementedError

    def update_participant(
        self, request: room_api.UpdateParticipantRequest
    ) -> models.ParticipantInfo:
        """Change metadata, name, attributes, permission; what is empty or absent stays.

        Raises NotInRoom, InvalidInput.
        """
        raise NotImplementedError

    def update_room_metadata(self, room: str, metadata: str) -> models.Room:
        """Raises NotInRoom, InvalidInput."""
        raise NotImplementedError

    def update_subscriptions(self, request: room_api.UpdateSubscriptionsRequest) -> None:
        """Subscribe a participant to tracks, or unsubscribe it. Raises NotInRoom."""
        raise NotImplementedError

    def send_data(self, request: room_api.SendDataRequest) -> None:
        """Send a user packet of no participant. Raises NotInRoom, InvalidInput."""
        raise NotImplementedError

    def close(self) -> None:
        """Send everybody away (SERVER_SHUTDOWN) and end all rooms. Harmless twice."""
        raise NotImplementedError
