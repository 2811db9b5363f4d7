"""Queries to Shopify's Admin GraphQL API: costs, throttling, retries, and errors with a reason."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import orjson

from greenroom.commerce.shopify.throttle import Cost, Throttle
from greenroom.errors import ProviderFailed
from greenroom.sessions.clock import Clock

MAX_ATTEMPTS = 5
"""Requests for one query, the first included."""

MAX_ANSWER = 30_000_000
"""Bytes of one answer."""

FIRST_PAUSE = 0.5
"""Seconds before the second attempt; each pause is twice the one before."""

_BIG = (
    50_000  # bytes of JSON that are read in a thread: more would take the loop over a millisecond
)
_PIECE = 256 * 1024  # bytes of a file at once
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_REFUSALS = {
    400: "the request was not understood",
    401: "the access token was refused: set SHOPIFY_ACCESS_TOKEN to the token of an app that is"
    " installed in this shop",
    402: "the shop is frozen until its bill is paid",
    403: "the access token may not do this, or the shop is closed",
    404: "there is no such shop, or no such version of the API: see providers.catalogue",
    423: "the shop is locked",
}


class TooCostly(ProviderFailed):
    """A query that could cost more than Shopify allows for one: ask for less at once."""


class _Again(Exception):
    """This attempt failed; another may not. `pause` is in seconds, where the server said it."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        self.why, self.pause = why, pause
        super().__init__(why)


class ShopifyClient:
    """One shop's API. Connections are kept; `close` ends them.

    `name` is what errors call the shop; they hold neither the token nor a query.
    """

    def __init__(self, *, name: str, endpoint: str, token: str, clock: Clock) -> None:
        self._name, self._endpoint, self._token, self._clock = name, endpoint, token, clock
        self._throttle = Throttle(clock)
        self._costs: dict[str, float] = {}
        self._http: httpx.AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def query(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        time_limit: float,
        spare: float = 0.0,
    ) -> dict[str, Any]:
        """The `data` of the answer, within `time_limit` seconds, waits and attempts included.

        `spare` is the share of the bucket of points that is left to others. Raises ProviderFailed,
        and TooCostly where the query asks for too much.
        """
        why, pause = "no answer", None
        body = orjson.dumps({"query": document, "variables": variables or {}})
        try:
            async with asyncio.timeout(time_limit):
                for attempt in range(MAX_ATTEMPTS):
                    await self._throttle.take(self._costs.get(document, 0.0), spare)
                    try:
                        return self._data(document, await self._ask(body))
                    except _Again as error:
                        why, pause = error.why, error.pause
                        if pause is not None and pause >= time_limit:
                            break
                        if attempt < MAX_ATTEMPTS - 1:
                            await self._clock.sleep(_pause(attempt) if pause is None else pause)
        except TimeoutError:
            raise ProviderFailed(self._name, f"{why} within {time_limit:g} s") from None
        raise ProviderFailed(self._name, f"{why} (asked {attempt + 1} times)", retry_after=pause)

    async def download(self, url: str) -> AsyncGenerator[bytes, None]:
        """The pieces of a file that Shopify has made, without showing the key to who keeps it.

        Raises ProviderFailed.
        """
        if not url.startswith(("https://", str(httpx.URL(self._endpoint).copy_with(path="/")))):
            raise ProviderFailed(self._name, "a file at an address that is not https")
        http = await self._connected()
        try:
            async with http.stream("GET", url) as response:
                if response.status_code != 200:
                    raise ProviderFailed(self._name, f"HTTP {response.status_code} for a file")
                async for piece in response.aiter_bytes(_PIECE):
                    yield piece
        except httpx.HTTPError as error:
            why = f"a file broke off ({type(error).__name__})"
            raise ProviderFailed(self._name, why) from error

    def cost_of(self, document: str) -> float:
        """Points that the last query of this text could have cost; 0 before the first."""
        return self._costs.get(document, 0.0)

    async def close(self) -> None:
        """End the connections. Harmless twice."""
        self._closed = True
        async with self._connecting:
            if self._http is not None:
                await self._http.aclose()

    async def _ask(self, body: bytes) -> dict[str, Any]:
        """One request. Raises _Again or ProviderFailed."""
        http = await self._connected()
        headers = {"X-Shopify-Access-Token": self._token, "Content-Type": "application/json"}
        try:
            async with http.stream(
                "POST", self._endpoint, content=body, headers=headers
            ) as response:
                self._refuse(response)
                pieces, size = [], 0
                async for piece in response.aiter_bytes():
                    size += len(piece)
                    if size > MAX_ANSWER:
                        raise ProviderFailed(self._name, f"an answer of over {MAX_ANSWER} bytes")
                    pieces.append(piece)
        except httpx.HTTPError as error:
            raise _Again(f"no answer ({type(error).__name__})") from error
        return await self._read(b"".join(pieces))

    async def _connected(self) -> httpx.AsyncClient:
        async with self._connecting:
            if self._closed:
                raise ProviderFailed(self._name, "the catalogue is closed", retryable=False)
            if self._http is None:
                # Reading the machine's certificates takes tens of milliseconds.
                self._http = await asyncio.to_thread(self._connect)
            return self._http

    def _connect(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Accept": "application/json", "User-Agent": "Greenroom"},
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            # A proxy of the machine must not be asked for a server on the machine.
            trust_env=self._endpoint.startswith("https://"),
        )

    def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status == 429:
            raise _Again("too many requests", _seconds(response.headers.get("Retry-After")))
        if status >= 500:
            raise _Again(f"HTTP {status}", _seconds(response.headers.get("Retry-After")))
        why = _REFUSALS.get(status, "an answer that no one asked for")
        raise ProviderFailed(self._name, f"HTTP {status}: {why}", retryable=False)

    async def _read(self, body: bytes) -> dict[str, Any]:
        try:
            if len(body) > _BIG:
                answer = await asyncio.to_thread(orjson.loads, body)
            else:
                answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise _Again("an answer that is no JSON") from error
        if not isinstance(answer, dict):
            raise _Again("an answer that is no object")
        return answer

    def _data(self, document: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer's data. Raises _Again or ProviderFailed for an answer with errors."""
        cost = Cost.of(answer)
        if cost is not None:
            self._costs[document] = cost.requested
            self._throttle.told(cost)
        errors = answer.get("errors")
        if errors:
            self._fail(errors, cost)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise _Again("an answer without data")
        return data

    def _fail(self, errors: object, cost: Cost | None) -> None:
        first = errors[0] if isinstance(errors, list) else errors
        extensions = first.get("extensions") if isinstance(first, dict) else None
        about: dict[str, Any] = extensions if isinstance(extensions, dict) else {}
        message = _short(first.get("message") if isinstance(first, dict) else first)
        code = about.get("code")
        if code == "THROTTLED" or (code is None and message == "Throttled"):
            # With a known bucket `take` waits for as long as it needs; else the usual pause.
            raise _Again("too many points are asked for", None if cost is None else 0.1)
        if code == "INTERNAL_SERVER_ERROR":
            raise _Again("an error inside Shopify")
        if code == "MAX_COST_EXCEEDED":
            raise TooCostly(self._name, "the query could cost too much", retryable=False)
        if code == "ACCESS_DENIED":
            needed = _short(about.get("requiredAccess")) or message
            why = f"the access token lacks a scope: {needed}"
            raise ProviderFailed(self._name, why, retryable=False)
        raise ProviderFailed(self._name, f"the query was refused: {message}", retryable=False)


def _pause(attempt: int) -> float:
    return FIRST_PAUSE * 2.0**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - to spread retries


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds; Shopify sends a number such as `2.0`."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 3_600 else None


def _short(text: object) -> str:
    return " ".join(str(text or "").split())[:200]
