"""One connection to an upstream server of the chat protocol, as its client.

Binary messages, the first byte says the kind: 0 handshake (the model takes sound now), 1 a piece of
an Ogg Opus stream (both ways), 2 a piece of the AI's words, 3 control, 4 metadata, 5 an error,
6 ping. Such servers hold one conversation and let a second client wait without a word.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ogg_opus import PAGE, OpusStreamReader, OpusStreamWriter
from greenroom.duplex.personaplex.query import shown
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.errors import CapacityExceeded, InvalidInput, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0
"""Seconds to reach a server."""
HANDSHAKE_TIMEOUT = 20.0
"""Seconds until the model takes sound: it reads its prompts before."""
ANSWER_TIMEOUT = 10.0
"""Seconds of the user's sound without any message: these models answer each frame."""
MAX_UNSENT = 180 * DUPLEX_RATE
"""Samples that wait to be sent; what was said early comes at once, and may be a minute."""
CLOSE_TIMEOUT = 1.0
MAX_MESSAGE = 1_000_000

# The library logs requests at the level of debugging; a prompt, or a key, may be in them.
_wire = logging.getLogger(f"{__name__}.wire")
_wire.setLevel(logging.INFO)

_REFUSED = frozenset({401, 403, 404})


class Kind(IntEnum):
    """The first byte of a message."""

    HANDSHAKE = 0
    AUDIO = 1
    TEXT = 2
    CONTROL = 3
    METADATA = 4
    ERROR = 5
    PING = 6


class Control(IntEnum):
    """The second byte of a control message."""

    START = 0
    END_TURN = 1
    PAUSE = 2
    RESTART = 3


class Voice(NamedTuple):
    """The AI's next sound."""

    pcm: Pcm


class Words(NamedTuple):
    """The AI's next words."""

    text: str


class UpstreamBusy(Exception):
    """The server has not begun within the time for it."""


Event: TypeAlias = Voice | Words
_Outgoing: TypeAlias = Pcm | Control


class Upstream:
    """A conversation with a server, after its handshake; made by `open_upstream`."""

    def __init__(self, socket: ClientConnection, name: str, clock: Clock) -> None:
        self._socket = socket
        self._name = name
        self._clock = clock
        self._reader = OpusStreamReader()
        self._writer = OpusStreamWriter()
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._unsent: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._unsent_samples = 0
        self._unanswered_since: float | None = None
        self._error: ProviderFailed | None = None

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound. Never blocks; a server that has stopped is noticed here."""
        now = self._clock.time()
        if self._unanswered_since is None:
            self._unanswered_since = now
        self._unsent_samples += len(pcm)
        if now - self._unanswered_since > ANSWER_TIMEOUT:
            self._break(f"does not answer for {ANSWER_TIMEOUT:g} s")
        elif self._unsent_samples > MAX_UNSENT:
            self._break("does not take sound")
        else:
            for at in range(0, len(pcm), PAGE):
                self._unsent.put_nowait(pcm[at : at + PAGE])

    def control(self, control: Control) -> None:
        """Tell it, behind the sound that was heard before."""
        self._unsent.put_nowait(control)

    async def wait_handshake(self) -> None:
        """Return when the model takes sound. Raises ProviderFailed."""
        while True:
            kind, payload = await self._receive()
            if kind == Kind.HANDSHAKE:
                return
            self._check(kind, payload)

    async def events(self) -> AsyncIterator[Event]:
        """What the AI says, until the server ends the talk. Raises ProviderFailed."""
        while True:
            try:
                kind, payload = await self._receive()
            except _Ended:
                return
            self._unanswered_since = None
            self._check(kind, payload)
            if kind == Kind.AUDIO and len(pcm := await self._decode(payload)):
                yield Voice(pcm)
            elif kind == Kind.TEXT and (text := self._text.decode(payload)):
                yield Words(text)

    async def send(self) -> None:
        """Send what is heard, for as long as the connection lives."""
        try:
            while True:
                outgoing = await self._unsent.get()
                if isinstance(outgoing, Control):
                    await self._socket.send(bytes((Kind.CONTROL, outgoing)))
                    continue
                self._unsent_samples -= len(outgoing)
                if pages := self._writer.write(outgoing):
                    await self._socket.send(bytes((Kind.AUDIO,)) + pages)
                await asyncio.sleep(0)  # a minute that was kept is not coded in one turn
        except ConnectionClosed:
            return  # which `events` tells

    def _break(self, why: str) -> None:
        if self._error is None:
            self._error = ProviderFailed(self._name, why)
            self._socket.transport.abort()

    async def _receive(self) -> tuple[int, bytes]:
        """The next message. Raises _Ended for a clean end, ProviderFailed."""
        try:
            message = await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            if self._error is not None:
                raise self._error from closed
            if closed.rcvd is not None and closed.rcvd.code == 1000:
                raise _Ended(self._name, "has closed the connection") from closed
            raise ProviderFailed(self._name, "the connection is lost") from closed
        if not message:
            return Kind.PING, b""
        return message[0], message[1:]

    def _check(self, kind: int, payload: bytes) -> None:
        if kind == Kind.ERROR:
            log.warning("%s: %r", self._name, payload[:200].decode(errors="replace"))
            raise ProviderFailed(self._name, "the model's server has reported an error")

    async def _decode(self, payload: bytes) -> Pcm:
        try:
            if self._reader.is_quick(payload):
                return self._reader.read(payload)
            return await asyncio.to_thread(self._reader.read, payload)
        except (InvalidInput, CapacityExceeded) as error:
            raise ProviderFailed(self._name, f"sends no sound: {error}") from error


class _Ended(ProviderFailed):
    """The server has closed the connection as one does it when all is said."""


@asynccontextmanager
async def open_upstream(
    url: str,
    clock: Clock,
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
) -> AsyncIterator[Upstream]:
    """Connect to a talk's `url` and wait for its handshake; closed at the end.

    Raises ProviderFailed, UpstreamBusy.
    """
    name = shown(url)
    socket = await _connect(url, name, clock, connect_timeout)
    sending: asyncio.Task[None] | None = None
    try:
        upstream = Upstream(socket, name, clock)
        try:
            async with Deadline(clock, handshake_timeout):
                await upstream.wait_handshake()
        except TimeoutError:
            raise UpstreamBusy from None
        sending = asyncio.get_running_loop().create_task(upstream.send())
        yield upstream
    finally:
        try:
            if sending is not None:
                sending.cancel()
                await asyncio.wait((sending,))
        finally:
            await socket.close()


async def _connect(url: str, name: str, clock: Clock, timeout: float) -> ClientConnection:
    try:
        async with Deadline(clock, timeout):
            return await connect(
                url,
                compression=None,
                proxy=None,
                open_timeout=None,
                close_timeout=CLOSE_TIMEOUT,
                max_size=MAX_MESSAGE,
                logger=_wire,
            )
    except TimeoutError:
        raise ProviderFailed(name, f"can't be reached within {timeout:g} s") from None
    except InvalidStatus as error:
        status = error.response.status_code
        raise ProviderFailed(
            name,
            f"refuses the talk (HTTP {status})",
            retryable=status not in _REFUSED,
            retry_after=_seconds(error.response.headers.get("Retry-After")),
        ) from None
    except (OSError, EOFError, InvalidHandshake) as error:
        raise ProviderFailed(name, f"can't be reached ({type(error).__name__})") from None


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
