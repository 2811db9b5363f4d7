"""What the errors and log lines of LiveKit's plugins come to in Greenroom.

Their messages may hold what a user said or what a server sent, so none of it is repeated.
"""

from __future__ import annotations

import logging

from greenroom.errors import ProviderFailed

_REFUSED_KEY = {401, 403, 3000, 3003}
_PASSES = {408, 425, 429, 499}
"""Of the 4xx those that another attempt may get past."""
_REFUSED_CLOSE = {1003, 1007, 1008}
"""Close codes of a WebSocket that say that the request was wrong (RFC 6455, section 7.4.1)."""
_DEPTH = 8
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class NoDetails(logging.Filter):
    """Lets a plugin's log lines pass without payloads and tracebacks, which hold users' words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Strip `record`; it is logged all the same."""
        record.exc_info = record.exc_text = record.stack_info = None
        for name in vars(record).keys() - _STANDARD:
            del record.__dict__[name]
        return True


def as_failure(provider: str, error: Exception, wait: float | None = None) -> ProviderFailed:
    """The ProviderFailed for what a plugin raised; `wait` are seconds, if it is rate limiting."""
    from livekit.agents import (  # noqa: PLC0415 - heavy, and loaded by now
        APIConnectionError,
        APIError,
        APIStatusError,
        APITimeoutError,
    )

    if not isinstance(error, APIStatusError) and (status := _status_below(error)):
        return _for_status(provider, status, wait)
    why, retryable = f"failed ({type(error).__name__})", True
    match error:
        case APIStatusError(status_code=code) if code > 0:
            return _for_status(provider, code, wait)
        case APIStatusError(__cause__=APIError() as cause):
            return as_failure(provider, cause, wait)  # ElevenLabs' wraps what it was told
        case APITimeoutError() | TimeoutError():
            why = "did not answer in time"
        case APIConnectionError() | APIStatusError():
            why, retryable = "lost the connection", error.retryable
        case APIError():
            why, retryable = "reported an error", error.retryable
    return ProviderFailed(provider, why, retryable=retryable)


def is_lost_connection(error: Exception) -> bool:
    """Whether a connection that was kept for reuse may simply have been dropped by the server."""
    from livekit.agents import (  # noqa: PLC0415
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
    )

    if isinstance(error, APIStatusError):
        return error.status_code not in range(400, 600)
    return (
        isinstance(error, APIConnectionError)
        and not isinstance(error, APITimeoutError)
        and _status_below(error) is None
    )


def _status_below(error: BaseException) -> int | None:
    """The HTTP status that a plugin has wrapped as something else, if there is one.

    The errors of aiohttp have a `status`; those of websockets and httpx a `response`.
    """
    below: BaseException | None = error
    for _ in range(_DEPTH):
        below = below and (below.__cause__ or below.__context__)
        answer = getattr(below, "response", below)
        status = getattr(answer, "status_code", None) or getattr(answer, "status", None)
        if isinstance(status, int) and 400 <= status < 600:
            return status
    return None


def _for_status(provider: str, code: int, wait: float | None) -> ProviderFailed:
    """`code` is of HTTP, or from 1000 on a WebSocket's close code."""
    if code in _REFUSED_KEY:
        return ProviderFailed(provider, f"refused the key ({code})", retryable=False)
    if code == 429:
        return ProviderFailed(provider, "is asked too often (429)", retry_after=wait)
    if code >= 1000:
        return ProviderFailed(
            provider, f"closed the connection ({code})", retryable=code not in _REFUSED_CLOSE
        )
    if 400 <= code < 500 and code not in _PASSES:
        return ProviderFailed(provider, f"refused the request ({code})", retryable=False)
    return ProviderFailed(provider, f"answered with status {code}")
