"""The edge of this API: who may ask, and errors in the contract's body."""

from __future__ import annotations

import logging

from starlette.types import Scope, Send

from greenroom.api.access import Access
from greenroom.api.endpoint import Call
from greenroom.api.http import send_json
from greenroom.api.orchestrator.errors import wire_error

log = logging.getLogger(__name__)

_SHOWN = 64
"""Characters of a path."""


class OpenEdge:
    """Lets everybody in."""

    async def admit(self, call: Call, *, served: bool) -> None:
        """Everybody."""

    async def refuse(self, scope: Scope, send: Send, error: Exception, call: Call) -> None:
        """Answer with `{"detail": text}`."""
        wire = wire_error(error)
        log.info("%s %r: %d", call.request.method, call.request.path[:_SHOWN], wire.status)
        headers = [*wire.headers]
        if call.request.closes:
            headers.append((b"connection", b"close"))
        await send_json(scope, send, wire.status, wire.body(), headers)


class GuardedEdge(OpenEdge):
    """Lets those in who may ask for all sessions of a tenant."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def admit(self, call: Call, *, served: bool) -> None:
        """Raises Unauthorized, Forbidden; where nothing is served, anybody may hear that."""
        if served:
            call.principal = await self._access.principal(call.request)
            call.principal.require_api_key()
