"""uvicorn's protocols with the bounds that they lack.

uvicorn waits for ever for the head of a request, lets it grow without end, and waits for ever for
a client that doesn't read to take what it was sent. Here each of these ends the connection, so that
sockets that were opened and left cost nothing that stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.streams import StreamReader

MAX_HEAD_BYTES = 65_536
"""Of one request: start line and headers. Signalling clients send up to 18 KB in the URL."""

LINGER = 6.0
"""Seconds for a client to take the last of what it was sent, and to answer a close."""

_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose requests must begin and complete their head within `head_timeout` seconds."""

    head_timeout = 10.0

    _head_timer: asyncio.TimerHandle | None = None
    _abort_timer: asyncio.TimerHandle | None = None
    _in_head = False
    _head_bytes = 0

    @classmethod
    def with_head_timeout(cls, seconds: float) -> type[BoundedHttpProtocol]:
        """A class of this kind with another time limit."""
        return type(cls.__name__, (cls,), {"head_timeout": seconds})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request's head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._head_done()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; watch over a head that is not complete."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if self._head_timer is None:
            self._await_head()
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()
            self._abort_later()

    def on_message_begin(self) -> None:
        """A head has begun."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is complete: mostly in the same piece of data in which it began."""
        self._in_head = False
        self._head_done()
        super().on_headers_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close, also when the last answer was not taken."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout, self._head_missing)

    def _head_done(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_missing(self) -> None:
        self._head_timer = None
        self.transport.abort()

    def _abort_later(self) -> None:
        if self._abort_timer is None:
            self._abort_timer = self.loop.call_later(LINGER, self.transport.abort)


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets that end LINGER seconds after the application is done with them."""

    _abort_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = LINGER - 1.0
        # The parser's own bound on a line is 8 KB, and the head has been measured already.
        self.conn.reader = _LongLines()
        self.conn.parser = self.conn.parse()
        next(self.conn.parser)

    def data_received(self, data: bytes) -> None:
        """Parse; answer a handshake that can't be read, on which uvicorn would hang."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
            self._abort_later()

    async def run_asgi(self) -> None:
        """Run the application; then the client has LINGER seconds."""
        await super().run_asgi()
        self._abort_later()

    async def send(self, message: ASGISendEvent) -> None:
        """As uvicorn does it; a handshake that was refused is complete, which uvicorn denies."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = self.handshake_complete or not message.get("more_body", False)

    def keepalive_timeout(self) -> None:
        """A client that does not answer pings won't read what is still to be sent either."""
        super().keepalive_timeout()
        self._abort_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more.

        A connection that broke is told as 1006 (RFC 6455 section 7.1.5); uvicorn says 1005, as of
        one that was closed without a code.
        """
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        if self.conn.close_rcvd is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        super().connection_lost(exc)

    def _abort_later(self) -> None:
        if self._abort_timer is None and not self.disconnected:
            self._abort_timer = self.loop.call_later(LINGER, self.transport.abort)


class _LongLines(StreamReader):
    """Reads lines of up to MAX_HEAD_BYTES: a signalling client's offer stands in its URL."""

    def read_line(
        self, m: int, too_long_exc_type: type[Exception] = RuntimeError
    ) -> Generator[None, None, bytearray]:
        return super().read_line(max(m, MAX_HEAD_BYTES), too_long_exc_type)
