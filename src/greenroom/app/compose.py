"""Chooses the parts and wires them. Everything that is opened here is closed here, in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from greenroom.api.agent_health import AgentHealth
from greenroom.api.main_port import MainPort
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
    from greenroom.app.orchestrator import OrchestratorService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Greenroom:
    """A server's parts, wired and warm."""

    base: Foundation
    main: Starlette | None = None
    """The application of the main port, where one of its APIs is served."""
    commerce: CommerceService | None = None
    orchestrator: OrchestratorService | None = None
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
            *(self.orchestrator.chosen if self.orchestrator else ()),
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
            if self.orchestrator is not None:
                draining.create_task(self.orchestrator.drain(seconds))
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
        engines = commerce = orchestrator = avatars = duplex = None
        # What an API needs is imported only where it is served: each takes up to a second.
        if _talking_apis(settings):
            engines = open_engines(settings, stack, progress)
        if "commerce" in settings.server.apis and engines is not None:
            from greenroom.app.commerce import open_commerce  # noqa: PLC0415

            commerce = await open_commerce(base, engines, stack)
        if "orchestrator" in settings.server.apis:
            orchestrator = await _orchestrator_if_possible(base, engines, stack)
        if "duplex" in settings.server.apis and engines is not None:
            from greenroom.app.duplex import open_duplex  # noqa: PLC0415

            address = page_url(own_address(settings, duplex_port))
            duplex = await open_duplex(base, engines, stack, address)
        if "avatar" in settings.server.apis:
            avatars = await _avatars_if_possible(base, stack, place)
        main = _main_port(base, commerce, orchestrator)
        yield Greenroom(base, main, commerce, orchestrator, avatars, duplex, engines)


def _talking_apis(settings: Settings) -> set[str]:
    """The APIs whose agents hear and speak in this very process."""
    talking = {"commerce", "duplex"}
    if settings.celery_broker_url is None:
        talking.add("orchestrator")
    return talking & set(settings.server.apis)


def _main_port(
    base: Foundation, commerce: CommerceService | None, orchestrator: OrchestratorService | None
) -> Starlette | None:
    apis = [service.api for service in (commerce, orchestrator) if service is not None]
    if not apis:
        return None
    placement = orchestrator.placement if orchestrator is not None else None
    agents = AgentHealth(base.settings, base.rooms.rooms, placement)
    return MainPort(apis, agents).app(base.rooms.routes)


async def _orchestrator_if_possible(
    base: Foundation, engines: Engines | None, stack: AsyncExitStack
) -> OrchestratorService | None:
    """The orchestrator; None where there are no rooms and other APIs are served all the same."""
    from greenroom.app.orchestrator import open_orchestrator  # noqa: PLC0415

    settings, rooms = base.settings, base.rooms.rooms
    if rooms is None:
        if len(settings.server.apis) == 1:
            raise ConfigurationError("rooms.provider", "is off: agents talk in rooms")
        log.warning("there is no orchestrator, since rooms.provider is off")
        return None
    here = engines if settings.celery_broker_url is None else None
    return await open_orchestrator(base, here, rooms, stack)


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
