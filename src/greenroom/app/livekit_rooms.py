"""Rooms of a LiveKit server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from greenroom.app.credentials import Credentials
from greenroom.app.rooms import RoomsService
from greenroom.rooms.livekit.native import end_native_client
from greenroom.rooms.livekit.rooms import LiveKitRooms
from greenroom.settings import Settings


async def open_rooms(
    settings: Settings,
    credentials: Credentials,
    stack: AsyncExitStack,
    port: int,  # noqa: ARG001 - of the embedded server
) -> RoomsService:
    """Rooms that are joined through LiveKit's SDK. Raises ConfigurationError."""
    stack.callback(end_native_client)
    rooms = LiveKitRooms(
        settings.livekit_url,
        credentials.livekit_key,
        credentials.livekit_secret,
        asyncio.get_running_loop(),
        public_url=settings.rooms.public_url,
    )
    stack.push_async_callback(rooms.close)
    return RoomsService("livekit", rooms)
