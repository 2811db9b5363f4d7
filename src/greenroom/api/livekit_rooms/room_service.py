"""LiveKit's RoomService: what an administrator may do with rooms and who is in them."""

from __future__ import annotations

from livekit.protocol import models
from livekit.protocol import room as messages

from greenroom.api.livekit_rooms.twirp import Method, TwirpError
from greenroom.errors import Forbidden, Unauthorized
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.server import RoomServer

PATH = "/twirp/livekit.RoomService"

UNIMPLEMENTED = frozenset({"ForwardParticipant", "MoveParticipant", "PerformRpc"})
"""What a single server has no use for."""


class RoomService:
    """The calls by name, in `methods`. Who lacks the grant is told so with 401, as by LiveKit."""

    def __init__(self, rooms: RoomServer) -> None:
        self._rooms = rooms
        self.methods = {
            "CreateRoom": Method(messages.CreateRoomRequest, self.create_room),
            "ListRooms": Method(messages.ListRoomsRequest, self.list_rooms),
            "DeleteRoom": Method(messages.DeleteRoomRequest, self.delete_room),
            "ListParticipants": Method(messages.ListParticipantsRequest, self.list_participants),
            "GetParticipant": Method(messages.RoomParticipantIdentity, self.get_participant),
            "RemoveParticipant": Method(messages.RoomParticipantIdentity, self.remove_participant),
            "MutePublishedTrack": Method(messages.MuteRoomTrackRequest, self.mute_track),
            "UpdateParticipant": Method(messages.UpdateParticipantRequest, self.update_participant),
            "UpdateSubscriptions": Method(
                messages.UpdateSubscriptionsRequest, self.update_subscriptions
            ),
            "SendData": Method(messages.SendDataRequest, self.send_data),
            "UpdateRoomMetadata": Method(
                messages.UpdateRoomMetadataRequest, self.update_room_metadata
            ),
        }

    def create_room(self, grants: Grants, asked: messages.CreateRoomRequest) -> models.Room:
        """Needs `roomCreate`. A room that is there already is the answer as it is."""
        _require(grants.room_create)
        return self._rooms.create_room(asked)

    def list_rooms(
        self, grants: Grants, asked: messages.ListRoomsRequest
    ) -> messages.ListRoomsResponse:
        """Needs `roomList`."""
        _require(grants.room_list)
        return messages.ListRoomsResponse(rooms=self._rooms.list_rooms(tuple(asked.names)))

    def delete_room(
        self, grants: Grants, asked: messages.DeleteRoomRequest
    ) -> messages.DeleteRoomResponse:
        """Needs `roomCreate`."""
        _require(grants.room_create)
        if not self._rooms.delete_room(asked.room):
            raise NotInRoom("room", asked.room)
        return messages.DeleteRoomResponse()

    def list_participants(
        self, grants: Grants, asked: messages.ListParticipantsRequest
    ) -> messages.ListParticipantsResponse:
        """Needs `roomAdmin`, as all that follow. Nobody is in a room that isn't there."""
        _require_admin(grants, asked.room)
        try:
            found = self._rooms.list_participants(asked.room)
        except NotInRoom:
            found = ()
        return messages.ListParticipantsResponse(participants=found)

    def get_participant(
        self, grants: Grants, asked: messages.RoomParticipantIdentity
    ) -> models.ParticipantInfo:
        """One participant, hidden or not."""
        _require_admin(grants, asked.room)
        return self._rooms.get_participant(asked.room, asked.identity)

    def remove_participant(
        self, grants: Grants, asked: messages.RoomParticipantIdentity
    ) -> messages.RemoveParticipantResponse:
        """Send somebody away; its token stays good."""
        _require_admin(grants, asked.room)
        self._rooms.remove_participant(asked.room, asked.identity)
        return messages.RemoveParticipantResponse()

    def mute_track(
        self, grants: Grants, asked: messages.MuteRoomTrackRequest
    ) -> messages.MuteRoomTrackResponse:
        """Mute a track, or unmute an agent's: nobody's microphone is opened from afar."""
        _require_admin(grants, asked.room)
        try:
            track = self._rooms.mute_track(asked.room, asked.identity, asked.track_sid, asked.muted)
        except Forbidden as error:
            # LiveKit's code for it, where its configuration does not allow it either.
            raise TwirpError("failed_precondition", error.why) from None
        return messages.MuteRoomTrackResponse(track=track)

    def update_participant(
        self, grants: Grants, asked: messages.UpdateParticipantRequest
    ) -> models.ParticipantInfo:
        """Change name, metadata, attributes, permission."""
        _require_admin(grants, asked.room)
        return self._rooms.update_participant(asked)

    def update_subscriptions(
        self, grants: Grants, asked: messages.UpdateSubscriptionsRequest
    ) -> messages.UpdateSubscriptionsResponse:
        """Subscribe a participant to tracks, or unsubscribe it."""
        _require_admin(grants, asked.room)
        self._rooms.update_subscriptions(asked)
        return messages.UpdateSubscriptionsResponse()

    def send_data(
        self, grants: Grants, asked: messages.SendDataRequest
    ) -> messages.SendDataResponse:
        """Send a data packet that comes from no participant."""
        _require_admin(grants, asked.room)
        self._rooms.send_data(asked)
        return messages.SendDataResponse()

    def update_room_metadata(
        self, grants: Grants, asked: messages.UpdateRoomMetadataRequest
    ) -> models.Room:
        """Change what the room tells about itself."""
        _require_admin(grants, asked.room)
        return self._rooms.update_room_metadata(asked.room, asked.metadata)


def _require(granted: bool) -> None:
    if not granted:
        raise Unauthorized("permissions denied")


def _require_admin(grants: Grants, room: str) -> None:
    _require(grants.room_admin and grants.room == room)
