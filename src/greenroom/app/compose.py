"""Chooses the parts and wires them. Everything that is opened here is closed here, in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenroom.api.watch.links import page_url
from greenroom.app.engines import Engines, open_engines
from greenroom.app.foundation import Foundation, lay_foundation, place_of
from greenroom.app.rooms import own_address
from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.sessions.node import Place
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, log_progress

if TYPE_CHECKING:
    from greenroom.app.avatars import AvatarService
    from greenroom.app.commerce import CommerceService
    from greenroom.app.duplex import DuplexService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Greenroom:
    """A server's parts, wired and warm."""

    base: Foundation
    commerce: CommerceService | None = None
    avatars: AvatarService | None = None
    duplex: DuplexService | None = None
    engines: Engines | None = None

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """What was chosen for what, in words, for the user."""
        recordings = self.base.recordings
        recorded = self.base.settings.recording.enabled
        return (
            *(self.engines.chosen if self.engines else ()),
            *(self.commerce.chosen if self.commerce else ()),
            *(self.duplex.chosen if self.duplex else ()),
            *(self.avatars.chosen if self.avatars else ()),
            ("journal", self.base.sessions.store.name),
            *([("recordings", str(recordings.directory))] if recorded else []),
        )

    async def drain(self, seconds: float) -> None:
        """Give the talks that are on `seconds` to end, then end them and every other session."""
        async with asyncio.TaskGroup() as draining:
            if self.commerce is not None:
                draining.create_task(self.commerce.api.drain(seconds))
            if self.avatars is not None:
                draining.create_task(self.avatars.api.drain(seconds))
            if self.duplex is not None:
                draining.create_task(self.duplex.drain(seconds))
        await self.base.sessions.drain(0)
        if self.base.rooms.rooms is not None:
            # Before the listeners close: who is left in a room is told why it ends.
            await self.base.rooms.rooms.close()


@asynccontextmanager
async def compose(
    settings: Settings,
    progress: Progress = log_progress,
    *,
    rooms_port: int = 0,
    avatar_port: int = 0,
    duplex_port: int = 0,
) -> AsyncIterator[Greenroom]:
    """Make every part ready, and end every part at the end; `progress` is told of downloads.

    `rooms_port` is where rooms' signalling listens (0: nowhere of its own), `avatar_port`
    and `duplex_port` where those APIs are.

    Raises ConfigurationError where a setting doesn't fit, before anything is served.
    """
    async with AsyncExitStack() as stack:
        place = place_of(settings, avatar_port)
        base = await lay_foundation(settings, stack, rooms_port=rooms_port, place=place)
        engines = commerce = avatars = duplex = None
        # What an API needs is imported only where it is served: each takes up to a second.
        if {"commerce", "duplex"} & set(settings.server.apis):
            engines = open_engines(settings, stack, progress)
        if "commerce" in settings.server.apis and engines is not None:
            from greenroom.app.commerce import open_commerce  # noqa: PLC0415

            commerce = await open_commerce(base, engines, stack)
        if "duplex" in settings.server.apis and engines is not None:
            from greenroom.app.duplex import open_duplex  # noqa: PLC0415

            address = page_url(own_address(settings, duplex_port))
            duplex = await open_duplex(base, engines, stack, address)
        if "avatar" in settings.server.apis:
            avatars = await _avatars_if_possible(base, stack, place)
        yield Greenroom(base, commerce, avatars, duplex, engines)


async def _avatars_if_possible(
    base: Foundation, stack: AsyncExitStack, place: Place
) -> AvatarService | None:
    """The avatar APIs; None where nothing can draw here and other APIs are served all the same."""
    from greenroom.app.avatars import open_avatars  # noqa: PLC0415

    try:
        return await open_avatars(base, stack, place)
    except ProviderFailed as error:
        if len(base.settings.server.apis) == 1:
            raise ConfigurationError("server.apis", f"avatars can't be had: {error.why}") from error
        log.warning("there are no avatars: %s", error.why)
        return None
