"""The duplex port: contract 003's REST and its WebSocket as one application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from greenroom.api.duplex.edge import OPEN, guarded_edge, upgrade_required
from greenroom.api.duplex.errors import AlreadyEnded
from greenroom.api.duplex.models import PersonaFields, read_query
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.routes import Routes
from greenroom.api.duplex.socket import ChatSocket
from greenroom.api.duplex.views import CHAT_PATH
from greenroom.api.endpoint import Call, Endpoint, Handler
from greenroom.api.health import Health
from greenroom.api.http import AsgiMethod, HttpRequest
from greenroom.api.live_sockets import LiveSockets
from greenroom.duplex.ports import SessionOrder
from greenroom.errors import ClientError, ServerError
from greenroom.sessions.model import Session

DRAIN_SLACK = 2.0
"""Seconds beyond those that sessions are given, for their clients to be told."""


class DuplexApi:
    """Contract 003. `sockets` are the live ones."""

    def __init__(self, parts: DuplexParts) -> None:
        self._parts = parts
        self._edge = guarded_edge(parts.access)
        self._routes = Routes(parts)
        self._health = Health(parts.checks)
        # A session may have two for a moment: one that is lost, and one that takes over.
        self.sockets = LiveSockets(2 * parts.settings.duplex.max_sessions, "connections")

    def app(self, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The application, with routes of others before the answer that nothing is there."""
        nothing = self._endpoint()
        rest = [kind("/{rest:path}", nothing) for kind in (Route, WebSocketRoute)]
        return Starlette(routes=[*self._own_routes(), *extra_routes, *rest])

    async def drain(self, seconds: float) -> None:
        """Take no more, give those that talk `seconds` to finish, then end all."""
        await asyncio.gather(
            self._parts.sessions.drain(seconds), self.sockets.drain(seconds + DRAIN_SLACK)
        )

    def _own_routes(self) -> list[BaseRoute]:
        routes, session = self._routes, "/api/sessions/{session_id}"
        return [
            # POST alone: by GET "start" would be a session's id, and there is none of that name.
            Route("/api/sessions/start", self._endpoint(POST=routes.start)),
            Route("/api/sessions", self._endpoint(GET=routes.list)),
            Route(session, self._endpoint(GET=routes.get)),
            Route(f"{session}/stop", self._endpoint(POST=routes.stop)),
            Route(f"{session}/transcript", self._endpoint(GET=routes.transcript)),
            Route(f"{session}/messages", self._endpoint(POST=routes.write)),
            Route(f"{session}/recording", self._endpoint(GET=routes.recording)),
            Route("/api/voices", self._endpoint(GET=routes.voices)),
            Route("/api/voices/{name}/sample", self._endpoint(GET=routes.sample)),
            Route("/health", self._endpoint(guarded=False, GET=self._answer_health)),
            Route(CHAT_PATH, self._endpoint(guarded=False, GET=upgrade_required)),
            WebSocketRoute(CHAT_PATH, AsgiMethod(self._chat)),
        ]

    async def _answer_health(self, call: Call) -> dict[str, object]:  # noqa: ARG002 - a handler
        return await self._health.answer()

    def _endpoint(self, *, guarded: bool = True, **handlers: Handler) -> Endpoint:
        edge = self._edge if guarded else OPEN
        return Endpoint(handlers, edge, self._parts.settings.server)

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /api/chat`."""
        request = HttpRequest(scope, receive)
        await receive()  # websocket.connect
        try:
            session = await self._admit(request)
            socket = ChatSocket(self._parts, self.sockets, session, receive, send)
            self.sockets.add(socket)
        except (ClientError, ServerError) as error:
            call = Call(request, self._parts.settings.server)
            await self._edge.refuse(scope, send, error, call)
            return
        try:
            await send({"type": "websocket.accept"})
        except BaseException:
            self.sockets.remove(socket)
            raise
        await socket.run()

    async def _admit(self, request: HttpRequest) -> Session:
        """The session that the query names; a new one where it names none.

        Who named one has said at its start what else the query holds. Raises Unauthorized,
        Forbidden, InvalidInput, SessionNotFound, AlreadyEnded, CapacityExceeded.
        """
        principal = await self._parts.access.chat_principal(request)
        sessions, settings = self._parts.sessions, self._parts.settings.duplex
        asked = read_query(request, PersonaFields, voice_prompt=settings.default_voice)
        persona = asked.persona(sessions.voices, settings.max_prompt)
        session_id = request.query("session_id")
        if session_id is None:
            principal.require_api_key()
            tracked = await sessions.create(SessionOrder(persona), tenant=principal.tenant)
            return tracked.session
        principal.require_session(session_id)
        tracked = await sessions.get(session_id, tenant=principal.tenant)
        if tracked.session.ended:
            raise AlreadyEnded(tracked.status)
        return tracked.session
