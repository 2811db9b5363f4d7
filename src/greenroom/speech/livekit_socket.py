"""A WebSocket that tells when its server has closed it, that is when all has been said.

Plugins don't tell: Deepgram's stream ends up to five seconds after its server has.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import aiohttp

server_closed: ContextVar[asyncio.Event | None] = ContextVar("server_closed", default=None)
"""Set where a plugin's stream is begun; the tasks that the stream starts inherit it."""

_ENDS = {
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
}


class WatchedSocket(aiohttp.ClientWebSocketResponse):
    """See aiohttp's; made by a session whose `ws_response_class` it is."""

    async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:
        """The next message. All before it have been handled when the end is told."""
        message = await super().receive(timeout)
        closed = server_closed.get()
        if closed is not None and message.type in _ENDS:
            closed.set()
        return message
