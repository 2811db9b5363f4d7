"""Who asks: the tenant travels with the request, from the port's edge to the handlers."""

from __future__ import annotations

from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from starlette.requests import Request
from starlette.types import Scope

Context = ServerRequestContext[Any, Any]
"""Of one request of the protocol."""


def set_tenant(scope: Scope, tenant: str) -> None:
    """Note for whom the request asks, where the protocol's sessions look for their owner."""
    scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=tenant, scopes=[]))


def tenant_of(context: Context) -> str:
    """For whom the request asks."""
    user: AuthenticatedUser = request_of(context).scope["user"]
    return user.username


def request_of(context: Context) -> Request:
    """The HTTP request that it came by."""
    request: Request | None = context.request
    if request is None:
        raise RuntimeError("the protocol is spoken over HTTP alone")
    return request
