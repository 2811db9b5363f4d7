"""The voice commerce API as routes for a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from greenroom.api.auth import handshake_token
from greenroom.api.commerce.endpoint import GuardedEdge, OpenEdge, upgrade_required
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.commerce.reference import operations
from greenroom.api.commerce.routes import Routes
from greenroom.api.commerce.socket import VoiceSocket
from greenroom.api.commerce.talks import Talks
from greenroom.api.endpoint import Call, Endpoint, Handler
from greenroom.api.health import Check
from greenroom.api.http import AsgiMethod, HttpRequest
from greenroom.api.live_sockets import LiveSockets
from greenroom.api.reference.document import Operation
from greenroom.errors import ClientError, ServerError

VOICE_PATH = "/ws/voice/session"


class CommerceApi:
    """Contract 004. `sockets` and `talks` are its live ones."""

    def __init__(self, parts: CommerceParts) -> None:
        self._parts = parts
        self._edge = GuardedEdge(parts.authenticator, parts.limits)
        self.sockets = LiveSockets(parts.settings.server.max_sessions, "voice sessions")
        self.talks = Talks()
        self._routes = Routes(parts, self.talks)

    async def drain(self, seconds: float) -> None:
        """Take no more talks, give those that are on `seconds` to end, then end all."""
        await asyncio.gather(self.sockets.drain(seconds), self.talks.drain(seconds))

    def exact_paths(self) -> dict[str, Endpoint]:
        """The paths without parameters."""
        routes = self._routes
        return {
            "/api/sessions": self.endpoint(POST=routes.create_session),
            "/api/products/search": self.endpoint(POST=routes.search_products),
            "/api/analytics/events": self.endpoint(POST=routes.track_event),
            "/api/test/tool-execution": self.endpoint(POST=routes.execute_tool),
            VOICE_PATH: self.endpoint(guarded=False, GET=upgrade_required),
        }

    def routes(self) -> list[BaseRoute]:
        """The paths with parameters, and the WebSocket's."""
        routes = self._routes
        return [
            WebSocketRoute(VOICE_PATH, AsgiMethod(self.voice)),
            Route(
                "/api/sessions/{session_id}",
                self.endpoint(GET=routes.get_session, DELETE=routes.end_session),
            ),
            Route(
                "/api/analytics/sessions/{session_id}",
                self.endpoint(GET=routes.session_analytics),
            ),
        ]

    def fallbacks(self) -> list[BaseRoute]:
        """What is not served under this API's prefixes; add it behind every other API's routes."""
        nothing = self.endpoint()
        return [
            kind(f"{prefix}/{{rest:path}}", nothing)
            for prefix in ("/api", "/ws")
            for kind in (Route, WebSocketRoute)
        ]

    def checks(self) -> dict[str, Check]:
        """What `GET /health` asks. Without a server of its own a part is what stands in for it."""
        parts = self._parts

        async def livekit() -> None:
            parts.livekit.sign("health", "health")
            if parts.rooms is not None:
                await parts.rooms.check()

        async def redis() -> None:
            await asyncio.gather(parts.limits.check(), parts.sessions.bus.check())

        return {
            "api": partial(parts.sessions.list, limit=1),
            "shopify": parts.catalogue.check,
            "livekit": livekit,
            "redis": redis,
        }

    def operations(self) -> Sequence[Operation]:
        """Its REST side, for who reads about it."""
        return operations()

    async def voice(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws/voice/session`."""
        request = HttpRequest(scope, receive)
        call = Call(request, self._parts.settings.server)
        await receive()  # websocket.connect
        try:
            await self._edge.authenticate(call, handshake_token(request))
            socket = VoiceSocket(
                self._parts,
                self.sockets,
                self.talks,
                call.principal,
                request.address,
                receive,
                send,
            )
            self.sockets.add(socket)
        except (ClientError, ServerError) as error:
            await self._edge.refuse(scope, send, error, call)
            return
        try:
            await send({"type": "websocket.accept", "headers": call.headers()})
        except BaseException:
            self.sockets.remove(socket)
            raise
        await socket.run()

    def endpoint(self, *, guarded: bool = True, **handlers: Handler) -> Endpoint:
        """What answers a path with this API's errors, behind its credentials and limits or not."""
        edge = self._edge if guarded else OpenEdge()
        return Endpoint(handlers, edge, self._parts.settings.server)
