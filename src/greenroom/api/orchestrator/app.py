"""The orchestrator's API as routes for a server."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route, WebSocketRoute

from greenroom.api.endpoint import Endpoint, Handler
from greenroom.api.health import Check
from greenroom.api.orchestrator.edge import OPEN, guarded_edge
from greenroom.api.orchestrator.parts import OrchestratorParts
from greenroom.api.orchestrator.reference import operations
from greenroom.api.orchestrator.routes import Routes
from greenroom.api.reference.document import Operation


class OrchestratorApi:
    """Contract 001."""

    def __init__(self, parts: OrchestratorParts) -> None:
        self._parts = parts
        self._routes = Routes(parts)
        self._edge = guarded_edge(parts.access)

    def exact_paths(self) -> dict[str, Endpoint]:
        """The paths; none of them has a parameter."""
        routes = self._routes
        return {
            "/": self.endpoint(guarded=False, GET=routes.root),
            "/api/session/start": self.endpoint(POST=routes.start),
            "/api/session/end": self.endpoint(POST=routes.end),
            # Its signature is its credential.
            "/webhook/livekit": self.endpoint(guarded=False, POST=routes.room_event),
        }

    def routes(self) -> list[BaseRoute]:
        """The paths with parameters, and WebSockets: none."""
        return []

    def fallbacks(self) -> list[BaseRoute]:
        """Whatever is not served; add it behind every other API's routes."""
        nothing = self.endpoint()
        return [kind("/{rest:path}", nothing) for kind in (Route, WebSocketRoute)]

    def checks(self) -> dict[str, Check]:
        """What `GET /health` asks."""
        return dict(self._parts.checks)

    def operations(self) -> Sequence[Operation]:
        """All that it serves, for who reads about it."""
        return operations(self._parts.settings.orchestrator)

    def endpoint(self, *, guarded: bool = True, **handlers: Handler) -> Endpoint:
        """What answers a path, with this API's errors; none but those who may ask, if `guarded`."""
        edge = self._edge if guarded else OPEN
        return Endpoint(handlers, edge, self._parts.settings.server)
