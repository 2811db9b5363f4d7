"""The edge of APIs whose error body is one text: who may ask, and what they are told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.types import Scope, Send

from greenroom.api.auth import Principal
from greenroom.api.endpoint import Call
from greenroom.api.http import HttpRequest, send_json
from greenroom.api.text_errors import WireError

log = logging.getLogger(__name__)

_SHOWN = 64
"""Characters of a path."""


class TextEdge:
    """Answers errors with `{field: text}`, as `tell` has it.

    `principal` gives who asks, or raises where they may not; without it everybody is let in.
    """

    def __init__(
        self,
        tell: Callable[[Exception], WireError],
        field: str,
        principal: Callable[[HttpRequest], Awaitable[Principal]] | None = None,
    ) -> None:
        self._tell = tell
        self._field = field
        self._principal = principal

    async def admit(self, call: Call, *, served: bool) -> None:
        """Raises Unauthorized, Forbidden; where nothing is served, anybody may hear that."""
        if served and self._principal is not None:
            call.principal = await self._principal(call.request)

    async def refuse(self, scope: Scope, send: Send, error: Exception, call: Call) -> None:
        """Answer with the text."""
        wire = self._tell(error)
        log.info("%s %r: %d", call.request.method, call.request.path[:_SHOWN], wire.status)
        body = {self._field: wire.message}
        await send_json(scope, send, wire.status, body, [*wire.headers, *call.headers()])
