"""One WebSocket that has started its session, and what its end means."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voice_agent.address import Secret
from voice_agent.errors import (
    SERVICE_RESTART,
    ConnectionFailed,
    SessionEnded,
    UnexpectedAnswer,
    ValidationError,
    VoiceAgentError,
    error_of_answer,
)
from voice_agent.messages import ErrorMessage, SessionReady, parse

if TYPE_CHECKING:
    import ssl

    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one message that are taken; a spoken sentence has some ten thousand."""

PING_INTERVAL, PING_TIMEOUT = 5.0, 10.0
"""Seconds: a dead network is noticed well within the time in which the session waits."""

CLOSE_TIMEOUT = 2.0
"""Seconds for the server to answer a close."""

NORMAL, POLICY, TOO_BIG, DEFECT = 1000, 1008, 1009, 1011
"""WebSocket close codes (RFC 6455, section 7.4.1)."""


class _WireLog(logging.Logger):
    """The WebSocket library's log without its debug lines: those show headers and frames."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return level > logging.DEBUG and super().isEnabledFor(level)


_log = _WireLog("voice_agent.websocket", logging.INFO)
_log.parent = logging.getLogger("voice_agent")


class LinkLost(Exception):
    """The connection is closed. `over` says why the session is too; None: it lives on."""

    def __init__(self, over: SessionEnded | None) -> None:
        self.over = over
        super().__init__(over)


@dataclass(eq=False, slots=True)
class Link:
    """An open WebSocket whose session has started. `stream` is the sound that it carries now."""

    socket: ClientConnection
    ready: SessionReady
    stream: object = None

    async def send(self, text: str) -> None:
        """Send a message; wait while the network is slower. Raises LinkLost."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - imported by now

        try:
            await self.socket.send(text)
        except ConnectionClosed as closed:
            raise LinkLost(ending_of(closed)) from closed

    async def receive(self) -> str | bytes:
        """The next frame. Raises LinkLost."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - as above

        try:
            return await self.socket.recv()
        except ConnectionClosed as closed:
            raise LinkLost(ending_of(closed)) from closed

    async def close(self) -> None:
        """Close, within CLOSE_TIMEOUT."""
        await self.socket.close()

    def abort(self) -> None:
        """Close at once, if it is not closed."""
        self.socket.transport.abort()


async def open_link(
    url: str, token: Secret, start: str, ssl_context: ssl.SSLContext | None, timeout: float
) -> Link:
    """Connect, start the session and wait until it is ready.

    Raises ConnectionFailed, SessionEnded, or the error with which the server refused. Nothing is
    left open then, nor where the caller is cancelled.
    """
    try:
        async with asyncio.timeout(timeout):
            socket = await _connect(url, token, ssl_context)
            try:
                return Link(socket, await _start(socket, start))
            except BaseException:
                socket.transport.abort()
                raise
    except TimeoutError as error:
        raise ConnectionFailed(f"no voice session within {timeout:g} s") from error


async def _connect(url: str, token: Secret, ssl_context: ssl.SSLContext | None) -> ClientConnection:
    from websockets.asyncio.client import connect  # noqa: PLC0415 - REST alone does without
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415 - as above

    secure: dict[str, Any] = {} if ssl_context is None else {"ssl": ssl_context}
    try:
        return await connect(
            url,
            additional_headers={"Authorization": token.bearer},
            compression=None,  # sound does not shrink, it only costs
            open_timeout=None,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_FRAME,
            logger=_log,
            **secure,
        )
    except InvalidStatus as error:
        answer = error.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        raise error_of_answer(answer.status_code, headers, bytes(answer.body or b"")) from None
    except TimeoutError:
        raise
    except (OSError, WebSocketException, EOFError) as error:
        why = str(error) or type(error).__name__
        raise ConnectionFailed(f"{url} can't be reached: {why}") from error


async def _start(socket: ClientConnection, start: str) -> SessionReady:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - as above

    try:
        await socket.send(start)
        first = parse(await socket.recv())
    except ConnectionClosed as closed:
        over = ending_of(closed)
        if over is not None:
            raise over from None
        raise ConnectionFailed("the connection broke before the session was ready") from closed
    match first:
        case SessionReady():
            return first
        case ErrorMessage(data):
            raise _refusal(data.as_exception())
        case _:
            raise UnexpectedAnswer("the server's first message is not session.ready")


def _refusal(error: VoiceAgentError) -> VoiceAgentError:
    """A session that has ended can't be started: the server says so as a VALIDATION_ERROR."""
    problem = str(error.details.get("problem", ""))
    if isinstance(error, ValidationError) and problem.startswith("the session has ended"):
        return SessionEnded(problem.partition("(")[2].rstrip(")") or problem)
    return error


def ending_of(closed: ConnectionClosed) -> SessionEnded | None:
    """What a close means for the session; None: it lives on, and may be started again.

    Only what the server said counts: a connection that broke has no close of the server's.
    """
    frame = closed.rcvd
    if frame is None:
        if closed.sent is not None and closed.sent.code == TOO_BIG:
            return SessionEnded("the server sent a message that is too large", TOO_BIG)
        return None
    final = frame.code in {NORMAL, POLICY, TOO_BIG, SERVICE_RESTART}
    # The server's own words for a defect; with other words it is a proxy, or a ping not answered.
    defect = frame.code == DEFECT and frame.reason == "internal error"
    if not final and not defect:
        return None
    return SessionEnded(frame.reason or f"closed with {frame.code}", frame.code)
