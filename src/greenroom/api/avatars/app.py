"""The avatar port: both avatar APIs as one application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from greenroom.api.agora_avatar.routes import WEBSOCKET_PATH, OneStepRoutes
from greenroom.api.anam.routes import TWO_STEP_WEBSOCKET_PATH, TwoStepRoutes
from greenroom.api.auth import bearer_token
from greenroom.api.avatars.access import Access
from greenroom.api.avatars.edge import AvatarEdge, upgrade_required
from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.parts import AvatarParts
from greenroom.api.avatars.socket import AvatarSocket
from greenroom.api.endpoint import Call, Endpoint, Handler
from greenroom.api.http import AsgiMethod, HttpRequest
from greenroom.api.live_sockets import LiveSockets
from greenroom.errors import ClientError, ServerError
from greenroom.sessions.model import Session

DRAIN_SLACK = 2.0
"""Seconds beyond those that sessions are given, for their clients to be told."""


class AvatarApis:
    """Contracts 000 and 002. `sockets` are the live ones."""

    def __init__(self, parts: AvatarParts) -> None:
        self._parts = parts
        self._access = Access(parts)
        self._edge = AvatarEdge()
        self._one_step = OneStepRoutes(parts, self._access)
        self._two_step = TwoStepRoutes(parts, self._access)
        avatar = parts.settings.avatar
        self.sockets = LiveSockets(avatar.max_sessions + avatar.max_waiting, "connections")

    def app(self, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The application, with routes of others before the answer that nothing is there."""
        nothing = self._endpoint()
        rest = [kind("/{rest:path}", nothing) for kind in (Route, WebSocketRoute)]
        return Starlette(routes=[*self._routes(), *extra_routes, *rest])

    async def drain(self, seconds: float) -> None:
        """Take no more, give those that speak `seconds` to finish, then end all."""
        await asyncio.gather(
            self._parts.avatars.drain(seconds), self.sockets.drain(seconds + DRAIN_SLACK)
        )

    def _routes(self) -> list[BaseRoute]:
        one, two = self._one_step, self._two_step
        return [
            Route("/session/start", self._endpoint(POST=one.start)),
            Route("/session/stop", self._endpoint(DELETE=one.stop)),
            Route(WEBSOCKET_PATH, self._endpoint(GET=upgrade_required)),
            WebSocketRoute(WEBSOCKET_PATH, AsgiMethod(self._by_header)),
            Route("/auth/session-token", self._endpoint(POST=two.session_token)),
            Route("/engine/session", self._endpoint(POST=two.start)),
            Route("/engine/session/{session_id}/kill", self._endpoint(POST=two.kill)),
            Route(TWO_STEP_WEBSOCKET_PATH, self._endpoint(GET=upgrade_required)),
            WebSocketRoute(TWO_STEP_WEBSOCKET_PATH, AsgiMethod(self._by_url)),
        ]

    def _endpoint(self, **handlers: Handler) -> Endpoint:
        return Endpoint(handlers, self._edge, self._parts.settings.server)

    async def _by_header(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /v1/websocket`: a browser, which can set no header, may have `token` in the URL."""
        request = HttpRequest(scope, receive)
        token = bearer_token(request) or request.query("token")
        await self._serve(request, token, receive, send)

    async def _by_url(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws`: a header counts only where the URL has no token."""
        request = HttpRequest(scope, receive)
        token = request.query("token") or bearer_token(request)
        await self._serve(request, token, receive, send)

    async def _serve(
        self, request: HttpRequest, token: str | None, receive: Receive, send: Send
    ) -> None:
        await receive()  # websocket.connect
        try:
            session = await self._admit(request, token)
            socket = AvatarSocket(self._parts, self.sockets, session.id, receive, send)
            self.sockets.add(socket)
        except (ClientError, ServerError) as error:
            call = Call(request, self._parts.settings.server)
            await self._edge.refuse(request.scope, send, error, call)
            return
        try:
            await send({"type": "websocket.accept"})
        except BaseException:
            self.sockets.remove(socket)
            raise
        await socket.run()

    async def _admit(self, request: HttpRequest, token: str | None) -> Session:
        """The session that the token names, and the URL if it names one. Raises Refused."""
        if token is None:
            message = "Session token missing: send `Authorization: Bearer <session token>`"
            raise Refused(Code.MISSING_CREDENTIALS, message)
        session = await self._access.session_of(token)
        named = request.query("sessionId")
        if named is not None:
            self._access.require_token_of(named, token)
        return session
