"""Remote calls between participants, version 1 of LiveKit's protocol, both ways.

A request is acknowledged at once and answered later. Payloads are UTF-8 of at most 15 KiB.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from livekit.protocol.models import DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.errors import RpcFailed
from greenroom.rooms.ports import RpcHandler

_log = logging.getLogger(__name__)

MAX_PAYLOAD_BYTES = 15 * 1024
MAX_MESSAGE_BYTES = 256
"""Of an error's message; its data may be as long as a payload."""
ACK_TIMEOUT = 7.0
"""Seconds until a request is acknowledged; a participant's first packet may wait for its data
channel. LiveKit's clients wait as long."""
DEFAULT_TIMEOUT = 10.0
"""Seconds that a handler may take for a caller that doesn't say how long it waits."""
VERSION = 1

UNSUPPORTED_METHOD = 1400
RECIPIENT_NOT_FOUND = 1401
REQUEST_TOO_LARGE = 1402
UNSUPPORTED_VERSION = 1404
APPLICATION_ERROR = 1500
CONNECTION_TIMEOUT = 1501
RESPONSE_TIMEOUT = 1502
RECIPIENT_DISCONNECTED = 1503
RESPONSE_TOO_LARGE = 1504

MESSAGES = {
    UNSUPPORTED_METHOD: "Method not supported at destination",
    RECIPIENT_NOT_FOUND: "Recipient not found",
    REQUEST_TOO_LARGE: "Request payload too large",
    UNSUPPORTED_VERSION: "Unsupported RPC version",
    APPLICATION_ERROR: "Application error in method handler",
    CONNECTION_TIMEOUT: "Connection timeout",
    RESPONSE_TIMEOUT: "Response timeout",
    RECIPIENT_DISCONNECTED: "Recipient disconnected",
    RESPONSE_TOO_LARGE: "Response payload too large",
}


def rpc_failed(code: int) -> RpcFailed:
    """One of LiveKit's own errors."""
    return RpcFailed(code, MESSAGES[code])


def _cut(text: str, limit: int) -> str:
    data = text.encode("utf-8", "replace")
    return data[:limit].decode("utf-8", "ignore")


@dataclass(slots=True)
class _Call:
    identity: str
    answer: asyncio.Future[str]
    ack: Timer
    end: Timer

    def stop(self) -> None:
        self.ack.cancel()
        self.end.cancel()

    def fail(self, code: int) -> None:
        if not self.answer.done():
            self.answer.set_exception(rpc_failed(code))


class Rpc:
    """The calls of one participant.

    `send` sends a reliable packet to whom it names and never raises; `present` tells whether an
    identity is in the room. At most `max_running` handlers run for one caller, four times as many
    for all; more are refused as an application error.
    """

    def __init__(
        self,
        send: Callable[[DataPacket], None],
        present: Callable[[str], bool],
        clock: Clock,
        *,
        max_running: int = 16,
    ) -> None:
        self._send, self._present, self._clock = send, present, clock
        self._max_running = max_running
        self._handlers: dict[str, RpcHandler] = {}
        self._calls: dict[str, _Call] = {}
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._closed = False

    @property
    def running(self) -> int:
        """Handlers that have not answered."""
        return len(self._running)

    def handle(self, method: str, handler: RpcHandler) -> None:
        """Answer calls of `method`; the last handler counts."""
        self._handlers[method] = handler

    async def call(self, identity: str, method: str, payload: str, timeout: float) -> str:
        """Call, and wait for the answer. Raises RpcFailed."""
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            raise rpc_failed(REQUEST_TOO_LARGE)
        if self._closed:
            raise rpc_failed(RECIPIENT_DISCONNECTED)
        if not self._present(identity):
            raise rpc_failed(RECIPIENT_NOT_FOUND)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        now = self._clock.time()
        number = str(uuid.uuid4())
        call = _Call(
            identity,
            answer,
            self._clock.call_at(
                now + min(ACK_TIMEOUT, timeout), lambda: call.fail(CONNECTION_TIMEOUT)
            ),
            self._clock.call_at(now + timeout, lambda: call.fail(RESPONSE_TIMEOUT)),
        )
        self._calls[number] = call
        try:
            request = RpcRequest(
                id=number,
                method=method,
                payload=payload,
                response_timeout_ms=round(timeout * 1000),
                version=VERSION,
            )
            self._send(DataPacket(destination_identities=[identity], rpc_request=request))
            return await answer
        finally:
            call.stop()
            del self._calls[number]

    def on_request(self, identity: str, request: RpcRequest) -> None:
        """Somebody calls."""
        key = identity, request.id
        if self._closed or not identity or key in self._running:
            return
        self._send(
            DataPacket(destination_identities=[identity], rpc_ack=RpcAck(request_id=request.id))
        )
        handler = self._handlers.get(request.method)
        if request.version != VERSION:
            self._refuse(identity, request.id, rpc_failed(UNSUPPORTED_VERSION))
        elif len(request.payload.encode()) > MAX_PAYLOAD_BYTES:
            self._refuse(identity, request.id, rpc_failed(REQUEST_TOO_LARGE))
        elif handler is None:
            self._refuse(identity, request.id, rpc_failed(UNSUPPORTED_METHOD))
        elif (
            len(self._running) >= 4 * self._max_running
            or sum(caller == identity for caller, _ in self._running) >= self._max_running
        ):
            self._refuse(identity, request.id, RpcFailed(APPLICATION_ERROR, "too many calls"))
        else:
            task = asyncio.get_running_loop().create_task(self._run(identity, request, handler))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))

    def on_ack(self, identity: str, ack: RpcAck) -> None:
        """Somebody has got a call of ours."""
        call = self._calls.get(ack.request_id)
        if call is not None and call.identity == identity:
            call.ack.cancel()

    def on_response(self, identity: str, response: RpcResponse) -> None:
        """Somebody answers a call of ours."""
        call = self._calls.get(response.request_id)
        if call is None or call.identity != identity or call.answer.done():
            return
        if response.HasField("error"):
            error = response.error
            call.answer.set_exception(RpcFailed(error.code, error.message, error.data))
        else:
            call.answer.set_result(response.payload)

    def left(self, identity: str) -> None:
        """Somebody has gone: what was asked of them fails, what they asked is given up."""
        for call in self._calls.values():
            if call.identity == identity:
                call.fail(RECIPIENT_DISCONNECTED)
        for (caller, _), task in list(self._running.items()):
            if caller == identity:
                task.cancel()

    def cancel(self) -> None:
        """Calls fail, handlers are cancelled, and no more begin. `close` follows."""
        self._closed = True
        for call in self._calls.values():
            call.fail(RECIPIENT_DISCONNECTED)
        for task in self._running.values():
            task.cancel()

    async def close(self) -> None:
        """As `cancel`, and wait until the handlers have ended. Harmless twice."""
        self.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, identity: str, request: RpcRequest, handler: RpcHandler) -> None:
        task = asyncio.current_task()
        late = False

        def expire() -> None:
            nonlocal late
            late = True
            if task is not None:
                task.cancel()

        seconds = request.response_timeout_ms / 1000 or DEFAULT_TIMEOUT
        timer = self._clock.call_at(self._clock.time() + seconds, expire)
        try:
            answer = await handler(identity, request.payload)
        except RpcFailed as error:
            self._refuse(identity, request.id, error)
        except asyncio.CancelledError:
            if not late:
                raise
            self._refuse(identity, request.id, rpc_failed(RESPONSE_TIMEOUT))
        except Exception:  # noqa: BLE001 - a handler is code of others
            _log.exception("the handler of the remote method %r failed", request.method)
            self._refuse(identity, request.id, rpc_failed(APPLICATION_ERROR))
        else:
            if len(answer.encode()) > MAX_PAYLOAD_BYTES:
                self._refuse(identity, request.id, rpc_failed(RESPONSE_TOO_LARGE))
            else:
                self._respond(identity, RpcResponse(request_id=request.id, payload=answer))
        finally:
            timer.cancel()

    def _refuse(self, identity: str, number: str, error: RpcFailed) -> None:
        self._respond(
            identity,
            RpcResponse(
                request_id=number,
                error=RpcError(
                    code=error.code,
                    message=_cut(error.message, MAX_MESSAGE_BYTES),
                    data=_cut(error.data, MAX_PAYLOAD_BYTES),
                ),
            ),
        )

    def _respond(self, identity: str, response: RpcResponse) -> None:
        self._send(DataPacket(destination_identities=[identity], rpc_response=response))
