"""One signalling connection: a WebSocket of protobuf messages between a client and its place.

The room server never waits: what it sends is queued here, within bounds, and one task writes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import LeaveRequest, SignalRequest, SignalResponse
from starlette.types import Message, Receive, Send

from greenroom.rooms.embedded.joining import SignalSession

log = logging.getLogger(__name__)

SEND_TIMEOUT = 10.0
"""Seconds in which a client must take one message."""

FLUSH_TIMEOUT = 2.0
"""Seconds for what is queued, and then for the close, to leave."""

MAX_RATE = 500
"""Messages from a client in one second; what comes on top waits for the next second."""

_LARGE = frozenset({"offer", "answer", "sync_state"})
"""Messages that hold session descriptions."""

_GOODBYE = SignalRequest(leave=LeaveRequest(reason=DisconnectReason.CLIENT_INITIATED))


class SignalSocket:
    """A SignalChannel over an ASGI WebSocket. `run` returns when nothing of it is left.

    `max_message` bounds a message in bytes, `max_description` one that holds a session description,
    `max_unsent` what waits to be sent; `ping_timeout` is in seconds, and counts from the first ping
    of a client on.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        max_message: int,
        max_description: int,
        max_unsent: int,
        ping_timeout: float,
    ) -> None:
        self._receive = receive
        self._send = send
        self._max_message = max_message
        self._max_description = max_description
        self._max_unsent = max_unsent
        self._ping_timeout = ping_timeout
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes | str] = deque()
        self._unsent = 0
        self._wake = asyncio.Event()
        self._closing: str | None = None
        self._over = asyncio.Event()
        self._ping_timer: asyncio.TimerHandle | None = None
        self._json = False
        self._second = 0.0
        self._taken = 0

    # -- SignalChannel -------------------------------------------------------------------------

    def send(self, message: SignalResponse) -> None:
        """Queue a message. A client that has not taken more than `max_unsent` is given up."""
        if self._closing is not None or self._over.is_set():
            return
        if self._json:
            frame: bytes | str = json_format.MessageToJson(message, indent=None)
        else:
            frame = message.SerializeToString()
        self._unsent += len(frame)
        self._queue.append(frame)
        if self._unsent > self._max_unsent:
            log.info("a signalling client does not read: %d bytes wait", self._unsent)
            self._queue.clear()
            self._over.set()
        self._wake.set()

    def close(self, reason: str) -> None:
        """Send what is queued, then close with `reason`."""
        if self._closing is None:
            self._closing = reason
            self._wake.set()

    # -- the connection ------------------------------------------------------------------------

    async def run(self, session: SignalSession) -> None:
        """Serve the accepted WebSocket until either side ends it."""
        reader = self._loop.create_task(self._read(session))
        writer = self._loop.create_task(self._write())
        over = self._loop.create_task(self._over.wait())
        try:
            await asyncio.wait({reader, writer, over}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and self._closing is not None:
                # What explains the end is still to be sent.
                await asyncio.wait({writer}, timeout=FLUSH_TIMEOUT)
        finally:
            self._over.set()
            if self._ping_timer is not None:
                self._ping_timer.cancel()
            session.lost()
            for task in (reader, writer, over):
                task.cancel()
            failures = await asyncio.gather(reader, writer, return_exceptions=True)
        for failure in failures:
            # uvicorn says by an OSError that the client has gone.
            if isinstance(failure, Exception) and not isinstance(failure, OSError):
                log.error("a signalling connection failed", exc_info=failure)

    async def _read(self, session: SignalSession) -> None:
        while not self._over.is_set():
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._closing is not None:
                continue  # only the client's close is of interest now
            request = self._request(message)
            if request is None:
                session.receive(_GOODBYE)
                return
            self._expect_ping(request)
            session.receive(request)
            await self._pace()

    def _request(self, message: Message) -> SignalRequest | None:
        """What a frame holds; None where the client was told to leave because of it."""
        data = message.get("bytes")
        try:
            if data is not None:
                size = len(data)
                request = SignalRequest.FromString(data) if size <= self._max_description else None
            else:
                text: str = message["text"]
                self._json = True
                size = len(text)
                request = (
                    json_format.Parse(text, SignalRequest(), ignore_unknown_fields=True)
                    if size <= self._max_description
                    else None
                )
        except (DecodeError, json_format.ParseError):
            self._refuse("a message can't be read")
            return None
        if request is None or (
            size > self._max_message and request.WhichOneof("message") not in _LARGE
        ):
            self._refuse("a message is too long")
            return None
        return request

    def _refuse(self, why: str) -> None:
        log.info("a signalling client is sent away: %s", why)
        leave = LeaveRequest(
            reason=DisconnectReason.STATE_MISMATCH, action=LeaveRequest.Action.DISCONNECT
        )
        self.send(SignalResponse(leave=leave))
        self.close(why)

    def _expect_ping(self, request: SignalRequest) -> None:
        if request.WhichOneof("message") not in {"ping", "ping_req"}:
            return
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self._ping_timer = self._loop.call_later(self._ping_timeout, self._ping_missing)

    def _ping_missing(self) -> None:
        log.info("a signalling client sent no ping for %g s", self._ping_timeout)
        self._over.set()

    async def _pace(self) -> None:
        """Let others run, however much a client sends at once."""
        now = self._loop.time()
        if now >= self._second + 1.0:
            self._second, self._taken = now, 0
        self._taken += 1
        if self._taken >= MAX_RATE:
            await asyncio.sleep(self._second + 1.0 - now)
        elif self._taken % 16 == 0:
            await asyncio.sleep(0)

    async def _write(self) -> None:
        """Send until closed; returns when the close was sent too, or the client takes nothing."""
        try:
            while True:
                if self._queue:
                    frame = self._queue.popleft()
                    self._unsent -= len(frame)
                    kind = "text" if isinstance(frame, str) else "bytes"
                    await self._put({"type": "websocket.send", kind: frame}, SEND_TIMEOUT)
                elif self._closing is not None:
                    reason = self._closing[:120]
                    close = {"type": "websocket.close", "code": 1000, "reason": reason}
                    await self._put(close, FLUSH_TIMEOUT)
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            log.info("a signalling client did not take a message in time")

    async def _put(self, message: Message, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self._send(message)
