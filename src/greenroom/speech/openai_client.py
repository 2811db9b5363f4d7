"""The wire to a server that speaks OpenAI's HTTP API: connections, bounds, troubles.

Many servers speak it, and their answers are believed only as far as they make sense. It is made of
httpx, not of the `openai` package: that reads the environment itself, reads answers without a
bound, follows redirects, and takes a second to import.
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from greenroom.errors import ProviderFailed, ProviderUnavailable
from greenroom.speech.openai_account import Account
from greenroom.speech.openai_refusal import Refused, refusal

_MAX_REFUSAL = 16_384
"""Bytes of a refusal's body that are looked at."""
_REFUSAL_TIME = 2.0
"""Seconds that its body is waited for."""
_DRAIN_TIME = 0.05
"""Seconds that the end of an answer is waited for of which all is known."""
_MAX_LIST = 10_000_000
"""Bytes of a list of models."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that are waited for a server."""

    connect: float = 5.0
    idle: float = 15.0
    """Between two pieces of an answer, and until its first."""
    total: float = 60.0
    """In one exchange. The time in which nobody asks for the next piece does not count."""


PATIENCE = Patience()


class OpenAIClient:
    """Requests of one provider, over connections that are kept. One object for all sessions."""

    def __init__(
        self, provider: str, model: str, account: Account, patience: Patience = PATIENCE
    ) -> None:
        self.provider, self.model = provider, model
        self.account, self.patience = account, patience
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {account.key}"} if account.key else {},
            verify=_tls(),
            timeout=httpx.Timeout(patience.idle, connect=patience.connect, pool=patience.connect),
            # Kept for as long as a user may think between two turns.
            limits=httpx.Limits(
                max_connections=200, max_keepalive_connections=50, keepalive_expiry=90
            ),
        )

    async def warm_up(self, setting: str) -> None:
        """Open a connection and try the key. Raises ProviderUnavailable, ProviderFailed.

        A server need not have a list of models, nor a key the right to read it.
        """
        try:
            async with self._exchange("GET", "models", _MAX_LIST, {}) as answer:
                while await answer.next() is not None:
                    pass
        except Refused as refused:
            if refused.status == 401:
                raise ProviderUnavailable(setting, f"{self.provider}: {refused.why}") from None
            if refused.retryable:
                raise

    async def close(self) -> None:
        """Close the connections; exchanges that go on fail."""
        await self._http.aclose()

    @asynccontextmanager
    async def post(self, path: str, limit: int, **body: Any) -> AsyncIterator[Answer]:
        """One exchange, with an answer of at most `limit` bytes; `body` as httpx takes it.

        Leaving it before the answer's end closes its connection. Raises Refused, ProviderFailed.
        """
        async with self._exchange("POST", path, limit, body) as answer:
            yield answer

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, limit: int, body: dict[str, Any]
    ) -> AsyncIterator[Answer]:
        if self._http.is_closed:
            raise ProviderFailed(self.provider, "is closed", retryable=False)
        wait = _Wait(self)
        request = self._http.build_request(method, f"{self.account.base_url}/{path}", **body)
        response = await wait.until(self._http.send(request, stream=True))
        try:
            if not response.is_success:
                raise await self._refusal(response, wait)
            yield Answer(response, limit, wait)
        finally:
            await response.aclose()

    async def _refusal(self, response: httpx.Response, wait: _Wait) -> Refused:
        answer = Answer(response, _MAX_REFUSAL, wait)
        body = b""
        with suppress(ProviderFailed, TimeoutError):
            async with asyncio.timeout(_REFUSAL_TIME):
                while (piece := await answer.next()) is not None:
                    body += piece
        return refusal(
            self.provider,
            self.account,
            str(response.url),
            self.model,
            status=response.status_code,
            headers=response.headers,
            body=body,
        )


class Answer:
    """The body of an answer, as it comes. For one reader."""

    def __init__(self, response: httpx.Response, limit: int, wait: _Wait) -> None:
        self.kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        """The media type."""
        self._pieces = response.aiter_bytes()
        self._left = limit
        self._wait = wait

    async def next(self) -> bytes | None:
        """The next bytes; None at the end. Raises ProviderFailed."""
        piece = await self._wait.until(anext(self._pieces, None))
        if piece is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise self._wait.failed("the answer is without end")
        return piece

    async def json(self) -> Any:
        """The whole body. Raises ProviderFailed."""
        pieces = []
        while (piece := await self.next()) is not None:
            pieces.append(piece)
        return self._loads(b"".join(pieces))

    async def events(self) -> AsyncGenerator[Any, None]:
        """The JSON of server-sent events until `[DONE]` or the end. Raises ProviderFailed."""
        rest = b""
        while (piece := await self.next()) is not None:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                name, _, value = line.strip().partition(b":")
                if name == b"data" and value.strip() != b"[DONE]":
                    yield self._loads(value)

    async def drain(self) -> None:
        """Take what is left, if it is there: then the connection can be used again."""
        with suppress(ProviderFailed, TimeoutError):
            async with asyncio.timeout(_DRAIN_TIME):
                while await self.next() is not None:
                    pass

    def _loads(self, text: bytes) -> Any:
        try:
            return json.loads(text)  # which takes NaN, as servers written in Python send it
        except (ValueError, RecursionError):
            raise self._wait.failed("the answer is no JSON") from None


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for the process: to read the certificates takes tens of milliseconds."""
    return httpx.create_ssl_context()


class _Wait:
    """Waits for the network, `total` seconds in all, and makes its troubles ProviderFailed."""

    def __init__(self, client: OpenAIClient) -> None:
        self._client = client
        self._left = client.patience.total

    async def until(self, awaitable: Awaitable[T]) -> T:
        """What `awaitable` gives. Raises ProviderFailed."""
        host, patience = self._client.account.host, self._client.patience
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._left):
                return await awaitable
        # Their messages may hold what the server said; the kind says enough.
        except TimeoutError:
            raise self.failed(f"took longer than {patience.total:g} s") from None
        except httpx.PoolTimeout:
            raise self.failed("too many requests at once") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self.failed(f"{host} can't be reached ({type(error).__name__})") from None
        except httpx.TimeoutException:
            raise self.failed(f"{host} sent nothing for {patience.idle:g} s") from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise self.failed(f"the connection broke ({type(error).__name__})") from None
        finally:
            self._left -= clock() - began

    def failed(self, why: str) -> ProviderFailed:
        """The error of this exchange."""
        return ProviderFailed(self._client.provider, why)
