"""The rooms of the embedded server, as agents join them."""

from __future__ import annotations

from functools import partial

from greenroom.errors import Forbidden, InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.embedded.agent_room import EmbeddedRoom
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.local import LocalListener, LocalParticipant
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed
from greenroom.rooms.ports import Joining


class EmbeddedRooms:
    """A `rooms.ports.Rooms`. `url` is what clients connect to. Owns neither socket nor server."""

    def __init__(self, server: RoomServer, url: str, clock: Clock) -> None:
        self._server, self._url, self._clock = server, url, clock
        self._closed = False

    @property
    def url(self) -> str:
        """As the port says."""
        return self._url

    async def join(self, agent: Joining) -> EmbeddedRoom:
        """As the port says."""
        await self.check()
        grants = Grants(
            identity=agent.identity,
            name=agent.name,
            kind=agent.kind,
            metadata=agent.metadata,
            attributes=agent.attributes,
            room=agent.room,
            room_join=True,
            can_update_own_metadata=True,
            hidden=agent.hidden,
        )
        try:
            return EmbeddedRoom(partial(self._enter, grants), self._clock)
        except (InvalidInput, Forbidden, RoomIsClosed) as error:
            raise RoomsFailed(str(error), retryable=False) from error

    async def close_room(self, name: str) -> None:
        """As the port says."""
        self._server.delete_room(name)

    async def check(self) -> None:
        """As the port says: only where it is closed."""
        if self._closed:
            raise RoomsFailed("the room server is closed", retryable=False)

    async def close(self) -> None:
        """As the port says."""
        self._closed = True
        self._server.close()

    def _enter(self, grants: Grants, listener: LocalListener) -> LocalParticipant:
        return self._server.add_local(grants, listener)
