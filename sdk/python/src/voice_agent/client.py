"""The clients: `VoiceAgentClient` for code that blocks, `AsyncVoiceAgentClient` for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, TypeVar

from voice_agent import requests
from voice_agent.address import Secret, read_address, read_secret
from voice_agent.errors import ConnectionFailed
from voice_agent.models import (
    EndedSession,
    Health,
    SearchResult,
    Session,
    SessionAnalytics,
    SessionDetails,
    ToolResult,
    TrackedEvent,
)
from voice_agent.requests import Answer, Outcome, Request, exchange
from voice_agent.start import AudioFormat, StartOptions
from voice_agent.voice import VoiceConnection

if TYPE_CHECKING:
    import ssl

DEFAULT_URL = "http://localhost:8000"
DEFAULT_TIMEOUT = 20.0

T = TypeVar("T")


class _Client:
    """What both clients share: checked settings, voice connections, how to make requests."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = DEFAULT_URL,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = 2,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is sent yet.

        `timeout` is in seconds, for each attempt; `retries` says how often a request that may be
        repeated is repeated. `ssl_context` is for servers with a certificate of their own.
        Raises ValueError for an unfit value; it does not show the key.
        """
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}; it is seconds, more than 0")
        if retries < 0:
            raise ValueError(f"retries is {retries}; it is a number of repetitions, 0 or more")
        self._key = read_secret(api_key, "api_key")
        self._address = read_address(base_url)
        self._timeout = timeout
        self._retries = retries
        self._ssl = ssl_context
        self._open()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._address.base_url!r})"

    def connect_voice(
        self,
        token: str,
        *,
        session_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        voice: str | None = None,
        audio_format: AudioFormat = "mp3",
        sample_rate: int | None = None,
        interim: bool = False,
        events: Sequence[str] = (),
        reconnect_for: float = 30.0,
        max_ahead: float = 30.0,
    ) -> VoiceConnection:
        """A live voice session; use it by `async with`.

        `token` is the session's (or an API key: then `session_id` names a session, or a new one is
        made). `context` has `store_id` and `preferences`, `voice` is one of its preferences.
        `sample_rate` (Hz) is of the agent's voice with `audio_format="pcm16"`. `interim` asks for
        partial transcriptions; `events` for any of `agent.interrupted`, `playback`, `reconnected`.
        `reconnect_for` is how many seconds a broken connection is tried to be made again, 0: never.
        `max_ahead` is how many seconds sent audio may run ahead of real time; the server's bound is
        60. Raises ValueError for an unfit value.
        """
        return VoiceConnection(
            self._address.voice_url,
            read_secret(token, "token"),
            StartOptions(
                session_id=session_id,
                context=context,
                user_id=user_id,
                voice=voice,
                audio_format=audio_format,
                sample_rate=sample_rate,
                interim=interim,
                events=tuple(events),
            ),
            ssl_context=self._ssl,
            open_timeout=self._timeout,
            reconnect_for=reconnect_for,
            max_ahead=max_ahead,
        )

    def _open(self) -> None:
        """Make the HTTP client."""
        raise NotImplementedError

    def _url(self, request: Request[T]) -> str:
        return self._address.base_url + request.path

    def _headers(self, request: Request[T]) -> dict[str, str]:
        return _headers(None if request.public else self._key, has_body=request.body is not None)

    def _verify(self) -> ssl.SSLContext | bool:
        # For plain http the certificates of this machine need not be read: that takes long.
        return self._ssl or self._address.base_url.startswith("https:")


class VoiceAgentClient(_Client):
    """The API for code that blocks. `connect_voice` is for asyncio in both clients.

    Threads may share it. Close it, or use it by `with`. All methods raise VoiceAgentError.
    """

    def _open(self) -> None:
        import httpx  # noqa: PLC0415 - slow to import, and not all who import this make a client

        self._http = httpx.Client(verify=self._verify(), timeout=self._timeout)

    def create_session(
        self, user_id: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Session:
        """Make a session. `user_id` has at most 256 characters, all of it 16 KiB."""
        return self._send(requests.create_session(user_id, metadata))

    def get_session(self, session_id: str) -> SessionDetails:
        """What was said in a session, and its cart."""
        return self._send(requests.get_session(session_id))

    def end_session(self, session_id: str) -> EndedSession:
        """End a session; the second time says the same."""
        return self._send(requests.end_session(session_id))

    def search_products(
        self,
        query: str,
        *,
        category: str | None = None,
        min_price: Decimal | float | None = None,
        max_price: Decimal | float | None = None,
        size: str | None = None,
        limit: int = 10,
    ) -> SearchResult:
        """Search the catalogue. `limit` is 1 to 100."""
        request = requests.search_products(
            query,
            category=category,
            min_price=min_price,
            max_price=max_price,
            size=size,
            limit=limit,
        )
        return self._send(request)

    def track_event(
        self,
        session_id: str,
        event_type: str,
        data: Mapping[str, Any] | None = None,
        *,
        event_key: str | None = None,
    ) -> TrackedEvent:
        """Record what a user did, once: `event_key` (else a new one) tells repetitions apart."""
        return self._send(requests.track_event(session_id, event_type, data, event_key))

    def session_analytics(self, session_id: str) -> SessionAnalytics:
        """Figures of a session."""
        return self._send(requests.session_analytics(session_id))

    def health(self) -> Health:
        """The server's state; needs no valid key."""
        return self._send(requests.health())

    def run_tool(
        self,
        tool: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        session_id: str | None = None,
    ) -> ToolResult:
        """Run one of the agent's tools, for testing; with `session_id` in that session's cart."""
        return self._send(requests.run_tool(tool, parameters, session_id))

    def close(self) -> None:
        """Close connections. Live voice sessions are closed by themselves."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: Request[T]) -> T:
        steps = exchange(request, self._retries)
        try:
            wait = next(steps)
            while True:
                if wait:
                    time.sleep(wait)
                wait = steps.send(self._attempt(request))
        except StopIteration as done:
            result: T = done.value
            return result

    def _attempt(self, request: Request[T]) -> Outcome:
        import httpx  # noqa: PLC0415 - as above

        try:
            answer = self._http.request(
                request.method,
                self._url(request),
                content=request.body,
                headers=self._headers(request),
            )
        except httpx.HTTPError as error:
            return _failed(request, error)
        return Answer(answer.status_code, answer.headers, answer.content)


class AsyncVoiceAgentClient(_Client):
    """The API for asyncio, with the methods of `VoiceAgentClient`. For one event loop.

    Close it by `close`, or use it by `async with`. All methods raise VoiceAgentError.
    """

    def _open(self) -> None:
        import httpx  # noqa: PLC0415 - slow to import, and not all who import this make a client

        self._http = httpx.AsyncClient(verify=self._verify(), timeout=self._timeout)

    async def create_session(
        self, user_id: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Session:
        """Make a session. `user_id` has at most 256 characters, all of it 16 KiB."""
        return await self._send(requests.create_session(user_id, metadata))

    async def get_session(self, session_id: str) -> SessionDetails:
        """What was said in a session, and its cart."""
        return await self._send(requests.get_session(session_id))

    async def end_session(self, session_id: str) -> EndedSession:
        """End a session; the second time says the same."""
        return await self._send(requests.end_session(session_id))

    async def search_products(
        self,
        query: str,
        *,
        category: str | None = None,
        min_price: Decimal | float | None = None,
        max_price: Decimal | float | None = None,
        size: str | None = None,
        limit: int = 10,
    ) -> SearchResult:
        """Search the catalogue. `limit` is 1 to 100."""
        request = requests.search_products(
            query,
            category=category,
            min_price=min_price,
            max_price=max_price,
            size=size,
            limit=limit,
        )
        return await self._send(request)

    async def track_event(
        self,
        session_id: str,
        event_type: str,
        data: Mapping[str, Any] | None = None,
        *,
        event_key: str | None = None,
    ) -> TrackedEvent:
        """Record what a user did, once: `event_key` (else a new one) tells repetitions apart."""
        return await self._send(requests.track_event(session_id, event_type, data, event_key))

    async def session_analytics(self, session_id: str) -> SessionAnalytics:
        """Figures of a session."""
        return await self._send(requests.session_analytics(session_id))

    async def health(self) -> Health:
        """The server's state; needs no valid key."""
        return await self._send(requests.health())

    async def run_tool(
        self,
        tool: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        session_id: str | None = None,
    ) -> ToolResult:
        """Run one of the agent's tools, for testing; with `session_id` in that session's cart."""
        return await self._send(requests.run_tool(tool, parameters, session_id))

    async def close(self) -> None:
        """Close connections. Live voice sessions are closed by themselves."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, request: Request[T]) -> T:
        steps = exchange(request, self._retries)
        try:
            wait = next(steps)
            while True:
                if wait:
                    await asyncio.sleep(wait)
                wait = steps.send(await self._attempt(request))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _attempt(self, request: Request[T]) -> Outcome:
        import httpx  # noqa: PLC0415 - as above

        try:
            answer = await self._http.request(
                request.method,
                self._url(request),
                content=request.body,
                headers=self._headers(request),
            )
        except httpx.HTTPError as error:
            return _failed(request, error)
        return Answer(answer.status_code, answer.headers, answer.content)


def _failed(request: Request[Any], error: Exception) -> ConnectionFailed:
    """What becomes of an error of the HTTP library's."""
    why = str(error) or type(error).__name__
    failure = ConnectionFailed(f"{request.method} {request.path}: {why}")
    failure.__cause__ = error
    return failure


def _headers(key: Secret | None, *, has_body: bool) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = key.bearer
    if has_body:
        headers["Content-Type"] = "application/json"
    return headers
