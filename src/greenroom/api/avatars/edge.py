"""The edge of the avatar port's HTTP side: errors in the contracts' body."""

from __future__ import annotations

import logging

from starlette.types import Scope, Send

from greenroom.api.avatars.errors import Code, Refused, wire_error
from greenroom.api.endpoint import Call
from greenroom.api.http import send_json

log = logging.getLogger(__name__)

_SHOWN = 64
"""Characters of a path."""


class AvatarEdge:
    """Lets everybody in: which credential a path wants is for its handler to say."""

    async def admit(self, call: Call, *, served: bool) -> None:
        """Everybody."""

    async def refuse(self, scope: Scope, send: Send, error: Exception, call: Call) -> None:
        """Answer with `{"error", "message", "code"}`."""
        wire = wire_error(error)
        path = call.request.path[:_SHOWN]
        log.info("%s %r: %d %s", call.request.method, path, wire.status, wire.code)
        headers = [*wire.headers, *call.headers()]
        await send_json(scope, send, wire.status, wire.body(), headers)


async def upgrade_required(call: Call) -> None:  # noqa: ARG001 - the signature of a handler
    """A plain request to a WebSocket's path."""
    raise Refused(Code.UPGRADE_REQUIRED, "This path is for WebSocket connections")
