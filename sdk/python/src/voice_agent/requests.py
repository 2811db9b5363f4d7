"""The REST requests without I/O: built here, their answers read here, repeated as told from here.

Both clients drive `exchange`; they differ only in how they send and wait.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from voice_agent.backoff import delays
from voice_agent.errors import (
    ConnectionFailed,
    RateLimitExceeded,
    UnexpectedAnswer,
    VoiceAgentError,
    error_of_answer,
)
from voice_agent.fields import Fields, Unreadable
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

MAX_RETRY_WAIT = 10.0
"""Seconds that a repetition may wait; where the server asks for more, its refusal is raised."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One request. `repeatable`: doing it twice is as doing it once. `public`: needs no key."""

    method: str
    path: str
    read: Callable[[Fields], T]
    body: bytes | None = None
    repeatable: bool = True
    public: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` finds lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Outcome: TypeAlias = Answer | ConnectionFailed
"""Of one attempt."""


def exchange(request: Request[T], retries: int) -> Generator[float, Outcome, T]:
    """Yield seconds to wait before each attempt, be sent its outcome, return the answer.

    Raises VoiceAgentError. Repeats only what is repeatable, on a failed connection, 429 and 5xx.
    """
    waits = delays()
    left = retries if request.repeatable else 0
    wait = 0.0
    while True:
        outcome = yield wait
        if isinstance(outcome, Answer) and outcome.status == 200:
            return _read(request, outcome)
        error = outcome if isinstance(outcome, ConnectionFailed) else _error(outcome)
        wait = next(waits)
        if isinstance(error, RateLimitExceeded) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if left == 0 or wait > MAX_RETRY_WAIT or not _passing(error):
            raise error
        left -= 1


def _error(answer: Answer) -> VoiceAgentError:
    return error_of_answer(answer.status, answer.headers, answer.body)


def _passing(error: VoiceAgentError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ConnectionFailed | RateLimitExceeded):
        return True
    return error.status is not None and error.status >= 500


def _read(request: Request[T], answer: Answer) -> T:
    try:
        return request.read(Fields(json.loads(answer.body)))
    except Unreadable as error:
        problem = str(error)
    except (ValueError, RecursionError):
        problem = "the answer is not JSON"
    raise UnexpectedAnswer(f"{request.method} {request.path}: {problem}", answer.status)


def create_session(user_id: str | None, metadata: Mapping[str, Any] | None) -> Request[Session]:
    """`POST /api/sessions`; never repeated, since it would make two."""
    body = _given(user_id=user_id, metadata=metadata)
    return _post("/api/sessions", Session.read, body, repeatable=False)


def get_session(session_id: str) -> Request[SessionDetails]:
    """`GET /api/sessions/:session_id`."""
    return Request("GET", f"/api/sessions/{_segment(session_id)}", SessionDetails.read)


def end_session(session_id: str) -> Request[EndedSession]:
    """`DELETE /api/sessions/:session_id`."""
    return Request("DELETE", f"/api/sessions/{_segment(session_id)}", EndedSession.read)


def search_products(
    query: str,
    *,
    category: str | None,
    min_price: Decimal | float | None,
    max_price: Decimal | float | None,
    size: str | None,
    limit: int,
) -> Request[SearchResult]:
    """`POST /api/products/search`; reads only, so it may be repeated."""
    prices = _given(min=_price(min_price), max=_price(max_price))
    filters = _given(category=category, price_range=prices or None, size=size)
    body = {"query": query, "limit": limit} | ({"filters": filters} if filters else {})
    return _post("/api/products/search", SearchResult.read, body)


def track_event(
    session_id: str, event_type: str, data: Mapping[str, Any] | None, event_key: str | None
) -> Request[TrackedEvent]:
    """`POST /api/analytics/events`; the key makes a repetition the same event."""
    key = event_key if event_key is not None else uuid.uuid4().hex
    body = _given(session_id=session_id, event_type=event_type, data=data, event_key=key)
    return _post("/api/analytics/events", TrackedEvent.read, body)


def session_analytics(session_id: str) -> Request[SessionAnalytics]:
    """`GET /api/analytics/sessions/:session_id`."""
    path = f"/api/analytics/sessions/{_segment(session_id)}"
    return Request("GET", path, SessionAnalytics.read)


def health() -> Request[Health]:
    """`GET /health`."""
    return Request("GET", "/health", Health.read, public=True)


def run_tool(
    tool: str, parameters: Mapping[str, Any] | None, session_id: str | None
) -> Request[ToolResult]:
    """`POST /api/test/tool-execution`; a tool may change the cart, so it is never repeated."""
    body = _given(tool=tool, parameters=parameters, session_id=session_id)
    return _post("/api/test/tool-execution", ToolResult.read, body, repeatable=False)


def _post(
    path: str, read: Callable[[Fields], T], body: Mapping[str, Any], *, repeatable: bool = True
) -> Request[T]:
    text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Request("POST", path, read, text.encode(), repeatable=repeatable)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _price(value: Decimal | float | None) -> float | None:
    return None if value is None else float(value)


def _segment(session_id: str) -> str:
    """An id as one segment of a path, whatever is in it."""
    if not isinstance(session_id, str) or not session_id.strip("."):
        raise ValueError("session_id must be a string that is not empty")
    return quote(session_id, safe="")
