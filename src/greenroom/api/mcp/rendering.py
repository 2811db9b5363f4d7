"""Sessions as agents are shown them: what REST shows, with links that work from anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from greenroom.api.access import Access
from greenroom.api.duplex.routes import INLINE_ENTRIES
from greenroom.api.duplex.views import session_body
from greenroom.duplex.ports import TrackedSession


class Renderer:
    """`address` is the http(s) URL by which clients reach this port."""

    def __init__(self, access: Access, address: str) -> None:
        self._access = access
        # http -> ws, https -> wss
        self._address = "ws" + address.removeprefix("http").rstrip("/")

    async def bodies(self, shown: Sequence[TrackedSession]) -> list[dict[str, Any]]:
        """SessionViews; long transcripts are rendered in a thread."""
        if sum(len(tracked.transcript) for tracked in shown) <= INLINE_ENTRIES:
            return [self._body(tracked) for tracked in shown]
        return await asyncio.to_thread(lambda: [self._body(tracked) for tracked in shown])

    def _body(self, tracked: TrackedSession) -> dict[str, Any]:
        body = session_body(tracked, self._access.link_token(tracked.session))
        return body | {"websocket_url": self._address + body["websocket_url"]}
