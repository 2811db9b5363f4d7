"""An avatar in a room: its voice and its picture are an agent's tracks there."""

from __future__ import annotations

import logging

from greenroom.audio.pcm import Pcm
from greenroom.errors import ServerError
from greenroom.providers.clock import Clock
from greenroom.rooms.in_step import InStep
from greenroom.rooms.ports import EncodedFrame, Joining, Room, RoomClosed, RoomEvent, Rooms
from greenroom.rooms.venue import VENUE_RATE, OnGone, VenuePicture

_log = logging.getLogger(__name__)

AVATAR = "avatar"
"""The avatar's identity in every room, and its picture's name there."""


class RoomVenue:
    """A `rooms.venue.Venue`. Make it with `open`; it ends its room with itself."""

    def __init__(self, rooms: Rooms, room: Room, tracks: InStep, on_gone: OnGone) -> None:
        self._rooms, self._room, self._tracks = rooms, room, tracks
        self._on_gone = on_gone
        self._gone = self._closed = False
        room.listen(self._on_event)

    @classmethod
    async def open(
        cls,
        rooms: Rooms,
        name: str,
        picture: VenuePicture,
        clock: Clock,
        *,
        on_gone: OnGone,
        identity: str = AVATAR,
    ) -> RoomVenue:
        """Join the room `name`, which is made where it isn't there, and publish in it.

        Raises CapacityExceeded, RoomsFailed, RoomIsClosed; the room is left then.
        """
        room = await rooms.join(Joining(name, identity, name="Avatar"))
        try:
            voice = await room.publish_audio(VENUE_RATE)
            video = await room.publish_video(
                picture.codec, picture.width, picture.height, name=AVATAR
            )
        except BaseException:
            await room.close()
            raise
        return cls(rooms, room, InStep(voice, video, clock, rate=VENUE_RATE), on_gone)

    @property
    def name(self) -> str:
        """As the port says."""
        return "room"

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        return self._tracks.keyframe_wanted

    def play(self, pcm: Pcm) -> None:
        """As the port says."""
        self._tracks.play(pcm)

    def show(self, frame: EncodedFrame) -> None:
        """As the port says."""
        self._tracks.show(frame)

    def flush(self) -> None:
        """As the port says."""
        self._tracks.flush()

    async def close(self) -> None:
        """As the port says: everybody there is sent away."""
        if self._closed:
            return
        self._closed = True
        self._tracks.close()
        name = self._room.name
        await self._room.close()
        try:
            await self._rooms.close_room(name)
        except ServerError as error:
            # Its server closes it by itself some time after the last has left.
            _log.warning("room %s could not be closed: %s", name, error)

    def _on_event(self, event: RoomEvent) -> None:
        if isinstance(event, RoomClosed) and not (self._gone or self._closed):
            self._gone = True
            self._tracks.close()
            self._on_gone(f"the room is closed ({event.reason})")
