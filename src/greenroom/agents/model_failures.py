"""What a model's error says about its provider."""

from __future__ import annotations

import logging
import traceback

from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UserError,
)

from greenroom.errors import ProviderFailed

log = logging.getLogger(__name__)

_PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may go well."""

_OF_THE_REQUEST = frozenset({400, 413, 422})
"""Statuses that another request may well not get."""


def as_failure(provider: str, error: Exception) -> ProviderFailed | None:
    """`error` as a failure of `provider`, without anything that the provider or the user wrote.

    None where it is no failure of the provider, so that another would not do better: the request
    was made wrongly, or the run has reached a limit.
    """
    if isinstance(error, UnexpectedModelBehavior):
        return ProviderFailed(provider, "gave no usable answer")
    if isinstance(error, UserError) or (
        isinstance(error, AgentRunError) and not isinstance(error, ModelAPIError)
    ):
        return None
    if not isinstance(error, ModelAPIError):
        return unexpected(provider, error)
    return ProviderFailed(
        provider, _why(error), retryable=_is_passing(error), retry_after=error.retry_after
    )


def unexpected(provider: str, error: Exception) -> ProviderFailed:
    """The failure that an error of another's code is. Its frames are logged.

    Its message is not: that may hold what the user said, or a key.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s failed: %s\n%s", provider, type(error).__name__, frames)
    return ProviderFailed(provider, f"unexpected {type(error).__name__}")


def is_of_the_request(error: Exception) -> bool:
    """Whether a provider that is well refused this one request: it was too long for it, say."""
    if isinstance(error, ContentFilterError):
        return True
    if isinstance(error, ModelAuthenticationError | ModelNotFoundError):
        return False
    return isinstance(error, ModelRequestRejectedError) or (
        isinstance(error, ModelHTTPError) and error.status_code in _OF_THE_REQUEST
    )


def _is_passing(error: ModelAPIError) -> bool:
    if isinstance(error, ModelQuotaExceededError):
        return False
    if isinstance(error, ModelHTTPError):
        return error.status_code in _PASSING or error.status_code >= 500
    return not isinstance(error, ModelRequestRejectedError)


def _why(error: ModelAPIError) -> str:
    match error:
        case ModelHTTPError(status_code=status):
            return f"HTTP status {status}"
        case ModelTimeoutError() | ModelRequestTimeout():
            return "no answer in time"
        case ModelConnectionError():
            return "no connection, or it broke"
        case _:
            return type(error).__name__
