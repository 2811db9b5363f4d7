"""The edge of this API's HTTP side: credentials, limits, and errors in the contract's body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from greenroom.api.auth import Authenticator, Principal, bearer_token
from greenroom.api.commerce.errors import wire_error
from greenroom.api.commerce.models import invalid
from greenroom.api.http import ClientGone, HttpRequest, MethodNotAllowed, UnknownPath, send_json
from greenroom.api.limits import Allowance, RateLimited, RateLimits
from greenroom.errors import InvalidInput, Unauthorized

REQUESTS = "API requests for one token"

NOBODY = Principal("", "")
"""Who asks, before that is known, or where it does not matter."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Call:
    """One request while it is answered. `allowance` is the limit that the answer's headers show."""

    request: HttpRequest
    max_body: int
    body_time_limit: float
    principal: Principal = NOBODY
    allowance: Allowance | None = None

    async def read(self, model: type[Model], *, limit: int | None = None) -> Model:
        """The body. Raises InvalidInput; an empty body is an empty object."""
        bound = self.max_body if limit is None else min(limit, self.max_body)
        body = await self.request.body(bound, self.body_time_limit)
        try:
            return model.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise invalid(error) from None


Handler = Callable[[Call], Awaitable[Any]]
"""Answers a call with what becomes the JSON body of a 200."""


class Guard:
    """Lets callers in: tells who asks, and counts the request against their limit."""

    def __init__(self, authenticator: Authenticator, limits: RateLimits) -> None:
        self._authenticator = authenticator
        self._limits = limits

    async def admit(self, call: Call, token: str | None) -> None:
        """Raises Unauthorized, RateLimited. Who shows no valid token is counted by address."""
        try:
            call.principal = await self._authenticator.authenticate(token)
        except Unauthorized:
            await self.count(call, f"address:{call.request.address}")
            raise
        await self.count(call, call.principal.identity)

    async def count(self, call: Call, identity: str) -> None:
        """Count a request. Raises RateLimited."""
        call.allowance = await self._limits.hit(self._limits.requests, identity)
        if call.allowance is not None and not call.allowance.allowed:
            raise RateLimited(REQUESTS, call.allowance)


class Endpoint:
    """An ASGI application for one path: a handler for each method.

    `guard` is None where everybody may ask, as often as they like. No handlers: nothing is here.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        guard: Guard | None,
        *,
        max_body: int,
        body_time_limit: float,
        check_token: bool = True,
    ) -> None:
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]
        self._guard = guard
        self._max_body = max_body
        self._body_time_limit = body_time_limit
        self._check_token = check_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse one WebSocket."""
        call = Call(HttpRequest(scope, receive), self._max_body, self._body_time_limit)
        try:
            payload = await self._answer(call)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the edge: whatever happens is answered here
            await send_error(scope, send, error, call)
            return
        headers = call.allowance.headers() if call.allowance is not None else ()
        await send_json(scope, send, 200, payload, headers)

    async def _answer(self, call: Call) -> Any:
        request = call.request
        handler = self._handlers.get(request.method)
        if self._guard is not None:
            if self._check_token and handler is not None:
                await self._guard.admit(call, bearer_token(request))
            else:
                await self._guard.count(call, f"address:{request.address}")
        if not self._handlers:
            raise UnknownPath(request.path)
        if handler is None:
            raise MethodNotAllowed(request.method, sorted(self._handlers))
        return await handler(call)


async def send_error(scope: Scope, send: Send, error: Exception, call: Call) -> None:
    """Answer with the contract's error body."""
    wire = wire_error(error)
    headers = [*wire.headers]
    if call.allowance is not None:
        headers += call.allowance.headers()
    if call.request.closes:
        headers.append((b"connection", b"close"))
    await send_json(scope, send, wire.http_status, wire.body(), headers)


async def upgrade_required(call: Call) -> None:  # noqa: ARG001 - the signature of a handler
    """A plain request to the WebSocket's path."""
    raise InvalidInput("upgrade", "is missing", "a WebSocket handshake: this path is no page")
