"""What every API stands on: sessions, credentials, rooms, recordings."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

from greenroom.app.credentials import Credentials, resolve_credentials
from greenroom.app.rooms import RoomsService, open_rooms, own_address
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.node import NOWHERE, Place
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings


@dataclass(frozen=True, slots=True)
class Foundation:
    """Shared by all APIs of a server, and ended after them."""

    settings: Settings
    credentials: Credentials
    sessions: SessionService
    keys: ApiKeys
    rooms: RoomsService
    recordings: Recordings

    @property
    def redis_url(self) -> str | None:
        """Redis, where this server shares state with others."""
        return redis_url(self.settings)


def place_of(settings: Settings, port: int) -> Place:
    """Where clients of this server's avatar APIs connect, with the labels it goes by."""
    avatar = settings.avatar
    if "avatar" not in settings.server.apis:
        return NOWHERE
    address = avatar.public_url.rstrip("/") or own_address(settings, port)
    return Place(address, avatar.cluster, avatar.pod)


async def lay_foundation(
    settings: Settings, stack: AsyncExitStack, *, rooms_port: int = 0, place: Place = NOWHERE
) -> Foundation:
    """Make it ready, to be ended with `stack`. Raises ConfigurationError, StorageUnavailable.

    `rooms_port` is where rooms' signalling listens (0: nowhere of its own).
    """
    _bound_default_threads(stack)
    sessions = await open_sessions(settings, control_url=redis_url(settings), place=place)
    stack.push_async_callback(sessions.close)
    keys = ApiKeys(sessions.store)
    stored = any(key.revoked_at is None for key in await keys.list())
    credentials = resolve_credentials(settings, has_stored_keys=stored)
    rooms = await open_rooms(settings, credentials, stack, rooms_port)
    recordings = Recordings(settings.recording, settings.data_dir)
    stack.push_async_callback(recordings.close)
    return Foundation(settings, credentials, sessions, keys, rooms, recordings)


def redis_url(settings: Settings) -> str | None:
    """Redis, as the settings name it."""
    return settings.redis_url.get_secret_value() if settings.redis_url else None


def _bound_default_threads(stack: AsyncExitStack) -> None:
    """Codecs and look-ups run in the loop's default threads: as many as there is work for."""
    threads = ThreadPoolExecutor((os.cpu_count() or 1) + 2, thread_name_prefix="greenroom")
    stack.callback(threads.shutdown, wait=True, cancel_futures=True)
    asyncio.get_running_loop().set_default_executor(threads)
