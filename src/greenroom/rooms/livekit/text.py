"""Texts and remote calls in a LiveKit room, with this project's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from livekit import rtc

from greenroom.rooms.errors import RoomIsClosed, RpcFailed
from greenroom.rooms.ports import RpcHandler

MAX_RUNNING = 64
"""Remote calls that are answered at a time."""


class LiveKitTextWriter:
    """A `rooms.ports.TextWriter`."""

    def __init__(self, writer: rtc.TextStreamWriter, room: str) -> None:
        self._writer, self._room = writer, room
        self._closed = False

    async def write(self, text: str) -> None:
        """As the port says; nothing after `close`. Raises RoomIsClosed."""
        if not self._closed and text:
            await self._try(self._writer.write(text))

    async def close(self, attributes: Mapping[str, str] | None = None) -> None:
        """As the port says; harmless twice. Raises RoomIsClosed."""
        if not self._closed:
            self._closed = True
            await self._try(self._writer.aclose(attributes=dict(attributes or {})))

    async def _try(self, call: Awaitable[None]) -> None:
        try:
            await call
        except (rtc.StreamError, RuntimeError) as error:
            raise RoomIsClosed(self._room, str(error)) from error


def answering(
    handler: RpcHandler, running: set[str]
) -> Callable[[rtc.RpcInvocationData], Awaitable[str]]:
    """`handler` as the SDK calls it. `running` holds the calls of all handlers of a room."""

    async def answer(call: rtc.RpcInvocationData) -> str:
        if len(running) >= MAX_RUNNING:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.APPLICATION_ERROR, "too many calls")
        running.add(call.request_id)
        try:
            return await handler(call.caller_identity, call.payload)
        except RpcFailed as error:
            raise rtc.RpcError(error.code, error.message, error.data) from error
        finally:
            running.discard(call.request_id)

    return answer
