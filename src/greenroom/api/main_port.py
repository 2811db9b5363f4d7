"""The APIs of the main port: their paths, one `GET /health`, and the pages that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from greenroom.api.agent_health import AgentHealth
from greenroom.api.endpoint import Call, Endpoint, Handler
from greenroom.api.health import Check, Health
from greenroom.api.http import ExactPaths
from greenroom.api.reference.document import Operation
from greenroom.api.reference.pages import Reference

HEALTH = Operation(
    "GET",
    "/health",
    "Health",
    "Whether the server and what it stands on can do their work",
    {
        "status": "healthy",
        "version": "1.0.0",
        "checks": {"api": "healthy", "livekit": "healthy", "redis": "healthy"},
        "livekit_url": "wss://...",
        "livekit_configured": True,
        "redis_connected": True,
        "celery_available": True,
    },
    credential="none",
)


class PortApi(Protocol):
    """One documented API of the port."""

    def exact_paths(self) -> dict[str, Endpoint]:
        """The paths without parameters."""
        ...

    def routes(self) -> list[BaseRoute]:
        """The paths with parameters, and WebSockets."""
        ...

    def fallbacks(self) -> list[BaseRoute]:
        """The answers that nothing is there."""
        ...

    def checks(self) -> dict[str, Check]:
        """What `GET /health` asks."""
        ...

    def operations(self) -> Sequence[Operation]:
        """What it serves by HTTP, for who reads about it."""
        ...

    def endpoint(self, *, guarded: bool = True, **handlers: Handler) -> Endpoint:
        """What answers a path, with this API's errors, to everybody or to those who may ask."""
        ...


class MainPort:
    """`apis` are those that are served, at least one; where two could answer, the first does."""

    def __init__(self, apis: Sequence[PortApi], agents: AgentHealth) -> None:
        self._apis = tuple(apis)
        checks: dict[str, Check] = {}
        for api in reversed(self._apis):
            checks |= api.checks()
        self.health = Health(checks | agents.checks(), fields=agents.fields)
        """What `GET /health` tells."""
        operations = [operation for api in self._apis for operation in api.operations()]
        self._reference = Reference([*operations, HEALTH])

    def app(self, routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The application of the port; `routes` are others' (rooms'), and come before the rest."""
        paths: dict[str, Endpoint] = {}
        for api in reversed(self._apis):
            paths |= api.exact_paths()
        paths |= self._own_paths()
        own = [route for api in self._apis for route in api.routes()]
        nothing = [route for api in self._apis for route in api.fallbacks()]
        app = Starlette(routes=[*routes, *own, *nothing])
        app.add_middleware(ExactPaths, endpoints=paths)
        return app

    def _own_paths(self) -> dict[str, Endpoint]:
        handlers = {"/health": self._answer_health, **self._reference.handlers()}
        first = self._apis[0]
        return {
            path: first.endpoint(guarded=False, GET=handler) for path, handler in handlers.items()
        }

    async def _answer_health(self, call: Call) -> dict[str, object]:  # noqa: ARG002 - a handler
        return await self.health.answer()
