"""Contract 004's errors: every failure becomes one of its codes, here and nowhere else."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch
from typing import Any

from greenroom.api.http import Headers, MethodNotAllowed, UnknownPath
from greenroom.api.limits import RateLimited
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    Forbidden,
    InvalidInput,
    ProductNotFound,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
    Unauthorized,
)
from greenroom.rooms.errors import RoomsFailed

log = logging.getLogger(__name__)


class Code(StrEnum):
    """The contract's codes. The last is sent on the WebSocket only."""

    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    SHOPIFY_API_ERROR = "SHOPIFY_API_ERROR"
    LIVEKIT_ERROR = "LIVEKIT_ERROR"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    AUDIO_PROCESSING_ERROR = "AUDIO_PROCESSING_ERROR"


_STATUS = {
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.VALIDATION_ERROR: 400,
    Code.SHOPIFY_API_ERROR: 502,
    Code.LIVEKIT_ERROR: 502,
    Code.RATE_LIMIT_EXCEEDED: 429,
    Code.INTERNAL_ERROR: 500,
    Code.AUDIO_PROCESSING_ERROR: 400,
}


_SHOWN = 128
"""Characters of what a client sent that an answer repeats."""


class AudioUndecodable(ClientError):
    """Audio that is well-formed as a message, but not as sound."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a client sees it."""

    code: Code
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    headers: Headers = ()

    @property
    def http_status(self) -> int:
        """The code's own status, unless this error has another."""
        return self.status or _STATUS[self.code]

    def body(self) -> dict[str, Any]:
        """The body of a REST answer."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


@singledispatch
def wire_error(error: Exception) -> WireError:
    """What a client is told. What is not the client's doing is logged, and not told."""
    log.error("a request failed", exc_info=error)
    return WireError(Code.INTERNAL_ERROR, "Something went wrong on the server")


@wire_error.register
def _(error: ProviderFailed) -> WireError:
    log.warning("%s", error)
    return WireError(Code.SHOPIFY_API_ERROR, "The shop's catalogue does not answer")


@wire_error.register
def _(error: RoomsFailed) -> WireError:
    log.warning("%s", error)
    return WireError(Code.LIVEKIT_ERROR, "LiveKit could not be reached")


@wire_error.register
def _(error: Unauthorized) -> WireError:
    challenge = [(b"www-authenticate", b"Bearer")]
    return WireError(Code.UNAUTHORIZED, error.why, headers=challenge)


@wire_error.register
def _(error: Forbidden) -> WireError:
    return WireError(Code.FORBIDDEN, error.why)


@wire_error.register
def _(error: SessionNotFound) -> WireError:
    details = {"session_id": error.session_id[:_SHOWN]}
    return WireError(Code.NOT_FOUND, "Session not found", details)


@wire_error.register
def _(error: ProductNotFound) -> WireError:
    details = {"product_id": error.product_id[:_SHOWN]}
    return WireError(Code.NOT_FOUND, "Product not found", details)


@wire_error.register
def _(error: UnknownPath) -> WireError:
    details = {"path": error.path[:_SHOWN]}
    return WireError(Code.NOT_FOUND, "Nothing is served at this path", details)


@wire_error.register
def _(error: MethodNotAllowed) -> WireError:
    allowed = ", ".join(error.allowed)
    return WireError(
        Code.VALIDATION_ERROR,
        f"Method not allowed; allowed: {allowed}",
        {"field": "method", "problem": f"is {error.method}", "allowed": allowed},
        status=405,
        headers=[(b"allow", allowed.encode())],
    )


@wire_error.register
def _(error: InvalidInput) -> WireError:
    details = {"field": error.field, "problem": error.problem}
    if error.allowed:
        details["allowed"] = error.allowed
    return WireError(Code.VALIDATION_ERROR, str(error), details)


@wire_error.register
def _(error: SessionEnded) -> WireError:
    details = {"field": "session_id", "problem": f"the session has ended ({error.reason})"}
    return WireError(Code.VALIDATION_ERROR, "The session has ended", details)


@wire_error.register
def _(error: AudioUndecodable) -> WireError:
    details = {"field": "data.audio", "problem": error.problem}
    message = f"Failed to process audio input: {error.problem}"
    return WireError(Code.AUDIO_PROCESSING_ERROR, message, details)


@wire_error.register
def _(error: RateLimited) -> WireError:
    details = {"limit": error.allowance.limit, "retry_after": error.allowance.retry_after}
    return WireError(Code.RATE_LIMIT_EXCEEDED, f"Too many requests: {error}", details)


@wire_error.register
def _(error: CapacityExceeded) -> WireError:
    details = {"limit": error.limit}
    return WireError(Code.RATE_LIMIT_EXCEEDED, f"Too much at once: {error}", details)
