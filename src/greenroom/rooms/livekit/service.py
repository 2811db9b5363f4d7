"""What is asked of a LiveKit server by its HTTP interface (RoomService)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from livekit import api

from greenroom.rooms.errors import RoomsFailed

TIMEOUT = 10.0
"""Seconds for one request."""


class RoomService:
    """Each call opens a connection of its own, and closes it: they are rare."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._url, self._key, self._secret = url, key, secret

    async def delete(self, name: str) -> None:
        """Send everybody away; harmless where there is no such room. Raises RoomsFailed."""
        async with self._asking() as server:
            try:
                await server.room.delete_room(api.DeleteRoomRequest(room=name))
            except api.TwirpError as error:
                if error.code != api.TwirpErrorCode.NOT_FOUND:
                    raise

    async def check(self) -> None:
        """Raises RoomsFailed where the server doesn't answer or doesn't take the key."""
        async with self._asking() as server:
            await server.room.list_rooms(api.ListRoomsRequest(names=["greenroom-check"]))

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[api.LiveKitAPI]:
        try:
            async with api.LiveKitAPI(
                self._url,
                self._key,
                self._secret,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as server:
                yield server
        except api.TwirpError as error:
            refused = error.code in {
                api.TwirpErrorCode.UNAUTHENTICATED,
                api.TwirpErrorCode.PERMISSION_DENIED,
            }
            raise RoomsFailed(f"the server answers {error.code}", retryable=not refused) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RoomsFailed(f"the server can't be reached ({type(error).__name__})") from error
