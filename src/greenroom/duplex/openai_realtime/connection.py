"""One connection to the Realtime API through the official client.

Events are JSON, their fields as in the client's `openai.types.realtime`; they are read here
without its models, which cost a millisecond and let anything pass.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import orjson
from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from greenroom.audio.pcm import Pcm
from greenroom.duplex.openai_realtime.voices import realtime_voice
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.speech.openai_account import Account
from greenroom.speech.openai_refusal import refusal

if TYPE_CHECKING:
    from openai.types.websocket_connection_options import WebSocketConnectionOptions

CONNECT_TIMEOUT = 10.0
"""Seconds until the server has taken the connection."""
BEGIN_TIMEOUT = 10.0
"""Seconds until it has taken the session's settings."""
MAX_UNSENT = 2_000
"""Events that wait to be sent: of sound, more than a minute."""
MAX_EVENT = 4_000_000

# The library logs headers at the level of debugging, the key among them.
_wire = logging.getLogger(f"{__name__}.wire")
_wire.setLevel(logging.INFO)

Event = dict[str, Any]


class Realtime:
    """A session of the API that has taken its settings; made by `open_realtime`."""

    def __init__(self, connection: AsyncRealtimeConnection, provider: str) -> None:
        self._connection = connection
        self._provider = provider
        self._unsent: asyncio.Queue[Event] = asyncio.Queue()
        self._error: ProviderFailed | None = None
        self._closing: asyncio.Task[None] | None = None

    def send(self, kind: str, **fields: Any) -> None:
        """Send an event, behind those before. Never blocks."""
        if self._unsent.qsize() >= MAX_UNSENT:
            self.give_up(ProviderFailed(self._provider, "does not take sound"))
        else:
            self._unsent.put_nowait({"type": kind, **fields})

    def give_up(self, error: ProviderFailed) -> None:
        """Close the connection; `receive` then raises `error`."""
        if self._closing is None:
            self._error = error
            self._closing = asyncio.get_running_loop().create_task(self._connection.close())

    async def close(self) -> None:
        """Close the connection."""
        if self._closing is not None:
            await self._closing
        await self._connection.close()

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound."""
        audio = base64.b64encode(pcm.astype("<i2", copy=False).tobytes()).decode()
        self.send("input_audio_buffer.append", audio=audio)

    async def events(self) -> AsyncIterator[Event]:
        """What the server tells. Raises ProviderFailed; ends by nothing else."""
        while True:
            yield await self.receive()

    async def receive(self) -> Event:
        """The next event, which has a type. Raises ProviderFailed."""
        try:
            event = orjson.loads(await self._connection.recv_bytes())
            if isinstance(event, dict) and isinstance(event.get("type"), str):
                return event
        except ConnectionClosed as closed:
            raise self._error or _loss(self._provider, closed) from None
        except orjson.JSONDecodeError:
            pass
        raise ProviderFailed(self._provider, "sends what is no event")

    def sound_of(self, event: Event) -> Pcm:
        """The samples of a `delta`. Raises ProviderFailed."""
        try:
            data = base64.b64decode(event["delta"], validate=True)
            return np.frombuffer(data, "<i2").astype(np.int16)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise ProviderFailed(self._provider, "sends sound that is none") from None

    async def send_all(self) -> None:
        """Send what is to be sent, for as long as the connection lives."""
        try:
            while True:
                event = await self._unsent.get()
                await self._connection.send_raw(orjson.dumps(event).decode())
        except (ConnectionClosed, OpenAIError):
            return  # which `receive` tells


@asynccontextmanager
async def open_realtime(
    client: AsyncOpenAI,
    account: Account,
    provider: str,
    model: str,
    session: Event,
    clock: Clock,
) -> AsyncIterator[Realtime]:
    """Connect and give it the settings `session`; closed at the end. Raises ProviderFailed."""
    connection = await _connect(client, account, provider, model, clock)
    realtime = Realtime(connection, provider)
    sending = asyncio.get_running_loop().create_task(realtime.send_all())
    try:
        try:
            async with Deadline(clock, BEGIN_TIMEOUT):
                await _begin(realtime, provider, session)
        except TimeoutError:
            raise ProviderFailed(provider, f"does not begin within {BEGIN_TIMEOUT:g} s") from None
        yield realtime
    finally:
        sending.cancel()
        try:
            await asyncio.wait((sending,))
        finally:
            await realtime.close()


async def _begin(realtime: Realtime, provider: str, session: Event) -> None:
    realtime.send("session.update", session=session)
    while (event := await realtime.receive())["type"] != "session.updated":
        if event["type"] == "error":
            raise failure_of(provider, event.get("error"))


async def _connect(
    client: AsyncOpenAI, account: Account, provider: str, model: str, clock: Clock
) -> AsyncRealtimeConnection:
    options: dict[str, Any] = {"max_size": MAX_EVENT, "compression": None, "open_timeout": None}
    options |= {"close_timeout": 1.0, "logger": _wire}
    manager = client.realtime.connect(
        model=model, websocket_connection_options=cast("WebSocketConnectionOptions", options)
    )
    try:
        async with Deadline(clock, CONNECT_TIMEOUT):
            return await manager.enter()
    except TimeoutError:
        why = f"can't be reached within {CONNECT_TIMEOUT:g} s"
        raise ProviderFailed(provider, why) from None
    except InvalidStatus as error:
        response = error.response
        raise refusal(
            provider,
            account,
            f"{account.base_url}/realtime",
            model,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.raw_items()},
            body=bytes(response.body or b""),
        ) from None
    except (OSError, EOFError, InvalidHandshake, OpenAIError) as error:
        raise ProviderFailed(provider, f"can't be reached ({type(error).__name__})") from None


def _loss(provider: str, closed: ConnectionClosed) -> ProviderFailed:
    """A session that has lasted too long is told by an error, or by the reason of the closing."""
    if closed.rcvd is not None and "maximum duration" in closed.rcvd.reason:
        return failure_of(provider, {"code": "session_expired"})
    return ProviderFailed(provider, "the connection is lost")


_FINAL = {
    "session_expired": "the model's session has reached its longest duration",
    "insufficient_quota": "the quota is used up",
    "invalid_api_key": "the key was refused",
    "model_not_found": "the model is unknown",
}
"""Codes of errors after which a session of the API is of no use, and what they say."""


def is_final(error: object) -> bool:
    """Whether the API's `error` ends its session; others leave it open."""
    return isinstance(error, dict) and error.get("code") in _FINAL


def failure_of(provider: str, error: object) -> ProviderFailed:
    """What an `error` of the API means. Its own words may repeat what a user said, or the key."""
    code = error.get("code") if isinstance(error, dict) else None
    plain = code if isinstance(code, str) and code.replace("_", "").isalnum() else "no code"
    retryable = code == "session_expired" or code not in _FINAL
    why = _FINAL.get(str(code), f"the server has reported an error ({plain[:40]})")
    return ProviderFailed(provider, why, retryable=retryable)


def session_of(persona: Persona, transcriber: str) -> Event:
    """The settings of a session. The API takes none of the sampling parameters."""
    pcm = {"type": "audio/pcm", "rate": DUPLEX_RATE}
    session: Event = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": transcriber},
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": pcm, "voice": realtime_voice(persona.voice_prompt)},
        },
    }
    if persona.text_prompt:
        session["instructions"] = persona.text_prompt
    return session


def items_of(said: Sequence[Said]) -> list[Event]:
    """What was said before, as the conversation's items."""
    return [text_item(piece.text, by_user=piece.speaker == "user") for piece in said]


def text_item(text: str, *, by_user: bool) -> Event:
    """A message in writing."""
    kind, role = ("input_text", "user") if by_user else ("output_text", "assistant")
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
