"""What is asked of a LiveKit server by its HTTP interface: RoomService, in Twirp's JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.tokens import LiveKitTokens

TIMEOUT = 10.0
"""Seconds for one request."""

_REFUSED = frozenset({401, 403})


class RoomService:
    """Close it at the end."""

    def __init__(self, url: str, tokens: LiveKitTokens) -> None:
        self._url = "http" + url.removeprefix("ws") if url.startswith("ws") else url
        self._tokens = tokens
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def close(self) -> None:
        """End the connections. Harmless twice."""
        async with self._making:
            client, self._client = self._client, None
            if client is not None:
                await client.aclose()

    async def delete(self, name: str) -> None:
        """Send everybody away; harmless where there is no such room. Raises RoomsFailed."""
        answer = await self._ask("DeleteRoom", {"room": name}, {"roomCreate": True})
        if answer.status_code != httpx.codes.NOT_FOUND or not _is_twirp(answer):
            self._check(answer)

    async def check(self) -> None:
        """Raises RoomsFailed where the server doesn't answer or doesn't take the key."""
        self._check(await self._ask("ListRooms", {"names": ["-"]}, {"roomList": True}))

    async def _ask(
        self, method: str, body: dict[str, Any], grant: dict[str, bool]
    ) -> httpx.Response:
        token = self._tokens.sign_claims({"video": grant})
        client = await self._connected()
        try:
            return await client.post(
                f"{self._url.rstrip('/')}/twirp/livekit.RoomService/{method}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RoomsFailed(f"the server can't be reached ({type(error).__name__})") from error

    async def _connected(self) -> httpx.AsyncClient:
        """One client for all calls: to make one reads the system's certificates for 0.1 s."""
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(httpx.AsyncClient, timeout=TIMEOUT)
            return self._client

    @staticmethod
    def _check(answer: httpx.Response) -> None:
        if not answer.is_success:
            refused = answer.status_code in _REFUSED
            raise RoomsFailed(f"the server answers {answer.status_code}", retryable=not refused)


def _is_twirp(answer: httpx.Response) -> bool:
    # A server that knows nothing of RoomService answers 404 too, but not in Twirp's words.
    try:
        error = answer.json()
    except ValueError:
        return False
    return isinstance(error, dict) and error.get("code") == "not_found"
