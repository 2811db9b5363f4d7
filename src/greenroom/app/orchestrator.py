"""The orchestrator's API: its agents, in this server or on workers, and its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from greenroom.api.access import Access
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.health import Check
from greenroom.api.orchestrator.app import OrchestratorApi
from greenroom.api.orchestrator.parts import OrchestratorParts
from greenroom.api.orchestrator.signatures import WebhookSignatures
from greenroom.app.engines import Engines
from greenroom.app.foundation import Foundation
from greenroom.errors import ConfigurationError
from greenroom.rooms.ports import Rooms
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.workers.ports import Placement
from greenroom.workers.sessions import AgentSessions


@dataclass(frozen=True, slots=True)
class OrchestratorService:
    """The API, where its agents run, and that in words."""

    api: OrchestratorApi
    placement: Placement
    sessions: AgentSessions
    chosen: tuple[tuple[str, str], ...]

    async def drain(self, seconds: float) -> None:
        """Take no more, give those that talk here `seconds` to end, then end all of them."""
        await self.placement.drain(seconds)
        await self.sessions.close()


async def open_orchestrator(
    base: Foundation, engines: Engines | None, rooms: Rooms, stack: AsyncExitStack
) -> OrchestratorService:
    """Make it ready, to be ended with `stack`. Agents run on workers where there are no `engines`.

    Raises ConfigurationError where a setting doesn't fit.
    """
    settings, credentials = base.settings, base.credentials
    if engines is None:
        placement, where = await _on_workers(base, stack)
    else:
        placement, where = await _in_this_server(base, engines, rooms, stack), "in this server"
    key, secret = credentials.livekit_key, credentials.livekit_secret
    tokens = LiveKitTokens(key, secret, settings.orchestrator.token_ttl)
    sessions = AgentSessions(base.sessions, placement, rooms, tokens)
    session_tokens = SessionTokens(credentials.jwt_secret, settings.auth.session_token_ttl)
    authenticator = Authenticator(credentials.api_keys, base.keys, session_tokens)
    api = OrchestratorApi(
        OrchestratorParts(
            settings=settings,
            sessions=sessions,
            access=Access.to_orchestrator(authenticator, settings),
            signatures=WebhookSignatures({key: secret}),
            checks=_checks(base, rooms),
        )
    )
    return OrchestratorService(api, placement, sessions, (("agents", where),))


async def _in_this_server(
    base: Foundation, engines: Engines, rooms: Rooms, stack: AsyncExitStack
) -> Placement:
    # What agents are made of takes a good part of a second to import.
    from greenroom.app.agent_host import open_agent_host  # noqa: PLC0415
    from greenroom.workers.inline import InlinePlacement  # noqa: PLC0415

    settings = base.settings
    host = await open_agent_host(
        settings,
        base.sessions,
        rooms,
        base.recordings,
        engines,
        stack,
        capacity=settings.orchestrator.max_sessions,
    )
    placement = InlinePlacement(host, settings.orchestrator)
    stack.push_async_callback(placement.drain, 0)
    return placement


async def _on_workers(base: Foundation, stack: AsyncExitStack) -> tuple[Placement, str]:
    """Sends for agents by Celery, and sends again for those that are lost."""
    from greenroom.workers.celery.app import make_celery_app  # noqa: PLC0415
    from greenroom.workers.celery.placement import CeleryPlacement  # noqa: PLC0415
    from greenroom.workers.celery.sender import AgentTasks  # noqa: PLC0415
    from greenroom.workers.leases import LeaseTerms  # noqa: PLC0415
    from greenroom.workers.redis_leases import RedisLeases  # noqa: PLC0415
    from greenroom.workers.supervision import Supervision  # noqa: PLC0415

    settings = base.settings
    if base.redis_url is None:
        raise ConfigurationError(
            "redis_url", "agents on workers have their leases in Redis: set it"
        )
    app = make_celery_app(settings)
    terms = LeaseTerms.of(settings)
    leases = RedisLeases(base.redis_url, terms)
    stack.push_async_callback(leases.close)
    tasks = AgentTasks(app, settings)
    stack.push_async_callback(tasks.close)
    supervision = Supervision(leases, base.sessions, tasks.send)
    supervision.start()
    stack.push_async_callback(supervision.close)
    placement = CeleryPlacement(leases, tasks, base.sessions, settings)
    return placement, f"on Celery workers, by {app.connection_for_write().as_uri()}"


def _checks(base: Foundation, rooms: Rooms) -> Mapping[str, Check]:
    """What `GET /health` asks; without a Redis the bus is this process's own."""
    return {
        "api": partial(base.sessions.list, limit=1),
        "livekit": rooms.check,
        "redis": base.sessions.bus.check,
    }
