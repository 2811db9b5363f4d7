"""The edge of this API's HTTP side: credentials, limits, and errors in the contract's body."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import Scope, Send

from greenroom.api.auth import Authenticator, bearer_token
from greenroom.api.commerce.errors import wire_error
from greenroom.api.commerce.models import invalid
from greenroom.api.endpoint import Call
from greenroom.api.http import send_json
from greenroom.api.limits import RateLimited, RateLimits
from greenroom.errors import InvalidInput, Unauthorized

REQUESTS = "API requests for one token"

Model = TypeVar("Model", bound=BaseModel)


async def read(call: Call, model: type[Model], *, limit: int | None = None) -> Model:
    """A call's body. Raises InvalidInput; an empty body is an empty object."""
    body = await call.body(limit=limit)
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise invalid(error) from None


class OpenEdge:
    """An edge of this API where everybody may ask, as often as they like."""

    async def admit(self, call: Call, *, served: bool) -> None:
        """Everybody."""

    async def refuse(self, scope: Scope, send: Send, error: Exception, call: Call) -> None:
        """Answer with the contract's error body."""
        wire = wire_error(error)
        headers = [*wire.headers, *call.headers()]
        await send_json(scope, send, wire.http_status, wire.body(), headers)


class GuardedEdge(OpenEdge):
    """Lets callers in: tells who asks, and counts the request against their limit."""

    def __init__(self, authenticator: Authenticator, limits: RateLimits) -> None:
        self._authenticator = authenticator
        self._limits = limits

    async def admit(self, call: Call, *, served: bool) -> None:
        """Raises Unauthorized, RateLimited. Where nothing is served the address is counted."""
        if served:
            await self.authenticate(call, bearer_token(call.request))
        else:
            await self._count(call, f"address:{call.request.address}")

    async def authenticate(self, call: Call, token: str | None) -> None:
        """Raises Unauthorized, RateLimited. Who shows no valid token is counted by address."""
        try:
            call.principal = await self._authenticator.authenticate(token)
        except Unauthorized:
            await self._count(call, f"address:{call.request.address}")
            raise
        await self._count(call, call.principal.identity)

    async def _count(self, call: Call, identity: str) -> None:
        call.allowance = await self._limits.hit(self._limits.requests, identity)
        if call.allowance is not None and not call.allowance.allowed:
            raise RateLimited(REQUESTS, call.allowance)


async def upgrade_required(call: Call) -> None:  # noqa: ARG001 - the signature of a handler
    """A plain request to the WebSocket's path."""
    raise InvalidInput("upgrade", "is missing", "a WebSocket handshake: this path is no page")
