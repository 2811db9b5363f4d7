"""What can go wrong, as exceptions that carry the API's code.

No message, detail or repr holds an API key or a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_MESSAGE = 500
"""Characters of a server's message that are kept."""


class VoiceAgentError(Exception):
    """Base of all errors of this package.

    `code` is the API's error code, or one of this package's own; `details` is what the server says
    beside the message; `status` is the HTTP status, None where there was no HTTP answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        status: int | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.status = status
        super().__init__(code, message, self.details, status)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Unauthorized(VoiceAgentError):
    """The API key or token is missing, wrong, revoked or expired (401)."""


class Forbidden(VoiceAgentError):
    """The token may not do this: a session token is for its own session only (403)."""


class NotFound(VoiceAgentError):
    """There is no such session or path (404)."""


class ValidationError(VoiceAgentError):
    """The request does not fit; `field` names the value (400)."""

    @property
    def field(self) -> str | None:
        """The dotted path of the value, if the server named it."""
        value = self.details.get("field")
        return value if isinstance(value, str) else None


class RateLimitExceeded(VoiceAgentError):
    """Too many requests, or too much at once (429)."""

    @property
    def retry_after(self) -> float | None:
        """Seconds until it may be tried again, if the server said so."""
        return _number(self.details.get("retry_after"))

    @property
    def limit(self) -> float | None:
        """How many are allowed in a window, if the server said so."""
        return _number(self.details.get("limit"))


class ShopifyApiError(VoiceAgentError):
    """The shop's catalogue fails or is too slow (502)."""


class LiveKitError(VoiceAgentError):
    """LiveKit fails (502)."""


class InternalError(VoiceAgentError):
    """Something went wrong on the server (5xx)."""


class AudioProcessingError(VoiceAgentError):
    """Sound could not be decoded, recognised or made."""


class ConnectionFailed(VoiceAgentError):
    """The server can't be reached, does not answer in time, or the connection is lost for good."""

    def __init__(
        self,
        message: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("CONNECTION_FAILED", message, details)
        self.args = (message, self.details)


class UnexpectedAnswer(VoiceAgentError):
    """What answered is not this API: a body or status that its contract does not have."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__("UNEXPECTED_ANSWER", message, None, status)
        self.args = (message, status)


class SessionEnded(VoiceAgentError):
    """The voice session is over.

    `reason` is what the server said; `close_code` is the WebSocket's, None where another connection
    had it.
    """

    def __init__(self, reason: str, close_code: int | None = None) -> None:
        super().__init__("SESSION_ENDED", f"the session is over: {reason}")
        self.reason = reason
        self.close_code = close_code
        self.args = (reason, close_code)

    @property
    def server_restarting(self) -> bool:
        """Whether the server restarts or has crashed: a new session goes on where it is back."""
        return self.close_code == SERVICE_RESTART or self.reason in _LOST_WITH_SERVER


class MicrophoneError(VoiceAgentError):
    """There is no microphone, or the extra `microphone` is not installed."""

    def __init__(self, message: str) -> None:
        super().__init__("MICROPHONE", message)
        self.args = (message,)


SERVICE_RESTART = 1012
"""WebSocket close code (IANA registry)."""

_LOST_WITH_SERVER = frozenset({"drained", "node_lost"})
"""Reasons that a server gives when a session is to be started again after its restart."""

_BY_CODE: dict[str, type[VoiceAgentError]] = {
    "UNAUTHORIZED": Unauthorized,
    "FORBIDDEN": Forbidden,
    "NOT_FOUND": NotFound,
    "VALIDATION_ERROR": ValidationError,
    "RATE_LIMIT_EXCEEDED": RateLimitExceeded,
    "SHOPIFY_API_ERROR": ShopifyApiError,
    "LIVEKIT_ERROR": LiveKitError,
    "INTERNAL_ERROR": InternalError,
    "AUDIO_PROCESSING_ERROR": AudioProcessingError,
}

_BY_STATUS = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMIT_EXCEEDED",
}
"""For answers without the contract's body: a proxy's, say."""


def error_of_code(
    code: str, message: str, details: Mapping[str, Any] | None = None, status: int | None = None
) -> VoiceAgentError:
    """The exception for one of the API's codes; an unknown one is a plain VoiceAgentError."""
    return _BY_CODE.get(code, VoiceAgentError)(code, message[:MAX_MESSAGE], details, status)


def error_of_answer(status: int, headers: Mapping[str, str], body: bytes) -> VoiceAgentError:
    """The exception for an HTTP answer that is no success; `headers` finds lower-case names."""
    error = _from_body(status, body) or _from_status(status)
    wait = headers.get("retry-after", "")
    if isinstance(error, RateLimitExceeded) and error.retry_after is None and wait.isdecimal():
        error.details["retry_after"] = int(wait[:9])
    return error


def _from_body(status: int, body: bytes) -> VoiceAgentError | None:
    try:
        found = json.loads(body)["error"]
        code, message, details = found["code"], found["message"], found.get("details")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    return error_of_code(code, message, details if isinstance(details, dict) else None, status)


def _from_status(status: int) -> VoiceAgentError:
    if status >= 500:
        return InternalError("INTERNAL_ERROR", f"the server answered {status}", None, status)
    code = _BY_STATUS.get(status)
    if code is None:
        return UnexpectedAnswer(f"the server answered {status}", status)
    return error_of_code(code, f"the server answered {status}", None, status)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
