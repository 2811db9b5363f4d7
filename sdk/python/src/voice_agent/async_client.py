"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self, TypeVar

from voice_agent import requests
from voice_agent.base import BaseClient, failed
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

T = TypeVar("T")


class AsyncVoiceAgentClient(BaseClient):
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
            return failed(request, error)
        return Answer(answer.status_code, answer.headers, answer.content)
