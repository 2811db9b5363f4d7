"""The rooms of a LiveKit server, as agents join them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from greenroom.errors import ConfigurationError
from greenroom.providers.clock import Clock
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.livekit.service import RoomService
from greenroom.rooms.ports import Joining
from greenroom.rooms.tokens import LiveKitTokens

if TYPE_CHECKING:
    from greenroom.rooms.livekit.room import LiveKitRoom

TOPICS = ("lk.chat",)
"""Text streams that agents receive."""
TOKEN_SECONDS = 6 * 3600.0
"""The server renews the token of who is in a room."""


class LiveKitRooms:
    """A `rooms.ports.Rooms`. `url` is the server's, `ws://` or `wss://`; `public_url` is what
    clients reach it by, where that is another.

    The SDK is native and takes a while to load: that happens at the first `join` or `check`, in a
    thread. Raises ConfigurationError there where it isn't installed.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        clock: Clock,
        *,
        public_url: str = "",
        topics: Sequence[str] = TOPICS,
    ) -> None:
        self._url, self._clock, self._topics = url, clock, tuple(topics)
        self._public_url = public_url or url
        self._tokens = LiveKitTokens(key, secret, TOKEN_SECONDS)
        self._service = RoomService(url, self._tokens)
        self._rooms: list[LiveKitRoom] = []
        self._closed = False

    @property
    def url(self) -> str:
        """As the port says."""
        return self._public_url

    async def join(self, agent: Joining) -> LiveKitRoom:
        """As the port says. Raises ConfigurationError too."""
        self._check_open()
        room_class = await _load()
        token = self._tokens.sign(
            agent.room,
            agent.identity,
            name=agent.name,
            kind=agent.kind,
            metadata=agent.metadata,
            attributes=agent.attributes,
            hidden=agent.hidden,
        )
        room = await room_class.join(
            self._url, token, self._clock, name=agent.room, topics=self._topics
        )
        try:
            self._check_open()
        except RoomsFailed:
            await room.close()
            raise
        self._rooms = [*(one for one in self._rooms if not one.left), room]
        return room

    async def close_room(self, name: str) -> None:
        """As the port says. Raises RoomsFailed where the server can't be reached."""
        await self._service.delete(name)

    async def check(self) -> None:
        """As the port says: the SDK is there, the server answers and takes the key."""
        await _load()
        await self._service.check()

    async def close(self) -> None:
        """As the port says: leave every room; the server keeps those that others are in."""
        self._closed = True
        rooms, self._rooms = self._rooms, []
        await asyncio.gather(*(room.close() for room in rooms))
        await self._service.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RoomsFailed("rooms are closed", retryable=False)


async def _load() -> type[LiveKitRoom]:
    try:
        module = await asyncio.to_thread(importlib.import_module, "greenroom.rooms.livekit.room")
    except ImportError as error:
        raise ConfigurationError(
            "rooms.provider",
            "a LiveKit server needs LiveKit's SDK: pip install 'greenroom[livekit]'",
        ) from error
    found: type[LiveKitRoom] = module.LiveKitRoom
    return found
