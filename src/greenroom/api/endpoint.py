"""What answers a path: a handler for each method, between one API's admission and its errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from greenroom.api.auth import Principal
from greenroom.api.http import (
    ClientGone,
    Headers,
    HttpRequest,
    MethodNotAllowed,
    UnknownPath,
    send_json,
)
from greenroom.api.limits import Allowance
from greenroom.settings import ServerSettings

NOBODY = Principal("", "")
"""Who asks, before that is known, or where it does not matter."""


@dataclass(slots=True)
class Call:
    """One request while it is answered.

    `server` bounds its body. `allowance` is the limit that the answer's headers show.
    """

    request: HttpRequest
    server: ServerSettings
    principal: Principal = NOBODY
    allowance: Allowance | None = None

    async def body(self, *, limit: int | None = None) -> bytes:
        """The body. Raises InvalidInput where it has more than `limit` bytes, or is too slow."""
        most = self.server.max_body_bytes
        bound = most if limit is None else min(limit, most)
        return await self.request.body(bound, self.server.handshake_timeout)

    def headers(self) -> Headers:
        """Of the answer: the limit, and the end of a connection that can't be used again."""
        headers = self.allowance.headers() if self.allowance is not None else []
        return [*headers, (b"connection", b"close")] if self.request.closes else headers


Handler = Callable[[Call], Awaitable[Any]]
"""Answers a call with what becomes the JSON body of a 200, or with a Response of its own."""


class Edge(Protocol):
    """Where one API's callers are let in, and its errors go out."""

    async def admit(self, call: Call, *, served: bool) -> None:
        """Raise where the caller may not ask. `served`: the path is there and has the method."""
        ...

    async def refuse(self, scope: Scope, send: Send, error: Exception, call: Call) -> None:
        """Answer with the contract's error body."""
        ...


class Endpoint:
    """An ASGI application for one path. No handlers: nothing is here."""

    def __init__(self, handlers: Mapping[str, Handler], edge: Edge, server: ServerSettings) -> None:
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]
        self._edge = edge
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse one WebSocket."""
        call = Call(HttpRequest(scope, receive), self._server)
        try:
            payload = await self._answer(call)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the edge: whatever happens is answered here
            await self._edge.refuse(scope, send, error, call)
            return
        if isinstance(payload, Response):
            await payload(scope, receive, send)
            return
        await send_json(scope, send, 200, payload, call.headers())

    async def _answer(self, call: Call) -> Any:
        request = call.request
        handler = self._handlers.get(request.method)
        await self._edge.admit(call, served=handler is not None)
        if not self._handlers:
            raise UnknownPath(request.path)
        if handler is None:
            raise MethodNotAllowed(request.method, sorted(self._handlers))
        return await handler(call)
