"""The avatar APIs' errors: every failure becomes one of these codes, here and nowhere else.

One body for both contracts, `{"error", "message", "code"}`, and the same codes in error frames.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import singledispatch

from greenroom.api.http import BodyTooLong, Headers, MethodNotAllowed, UnknownPath
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    InvalidInput,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
)
from greenroom.sessions.errors import StorageUnavailable

log = logging.getLogger(__name__)

_SHOWN = 128
"""Characters of what a client sent that an answer repeats."""


class Code(StrEnum):
    """The contracts' codes and ours."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    INVALID_JSON = "INVALID_JSON"
    MISSING_API_KEY = "MISSING_API_KEY"
    INVALID_API_KEY = "INVALID_API_KEY"
    MISSING_CREDENTIALS = "MISSING_CREDENTIALS"
    INVALID_SESSION_TOKEN = "INVALID_SESSION_TOKEN"  # noqa: S105 - a code
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UPGRADE_REQUIRED = "UPGRADE_REQUIRED"
    CAPACITY_EXCEEDED = "CAPACITY_EXCEEDED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    AVATAR_FAILED = "AVATAR_FAILED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    # In frames of the WebSocket only.
    BINARY_FRAME = "BINARY_FRAME"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    NOT_INITIALIZED = "NOT_INITIALIZED"
    SESSION_MISMATCH = "SESSION_MISMATCH"
    INVALID_AUDIO = "INVALID_AUDIO"
    AUDIO_QUEUE_FULL = "AUDIO_QUEUE_FULL"
    INIT_TIMEOUT = "INIT_TIMEOUT"
    CONNECTION_SILENT = "CONNECTION_SILENT"
    CONNECTION_REPLACED = "CONNECTION_REPLACED"
    CONNECTION_REFUSED = "CONNECTION_REFUSED"
    SERVER_RESTARTING = "SERVER_RESTARTING"


_INVALID = (400, "Invalid request")
_STATUS = {
    Code.INVALID_API_KEY: (401, "Unauthorized"),
    Code.MISSING_CREDENTIALS: (401, "Unauthorized"),
    Code.INVALID_SESSION_TOKEN: (401, "Unauthorized"),
    Code.MISSING_API_KEY: (403, "Forbidden"),
    Code.SESSION_NOT_FOUND: (404, "Not found"),
    Code.ENDPOINT_NOT_FOUND: (404, "Not Found"),
    Code.METHOD_NOT_ALLOWED: (405, "Method Not Allowed"),
    Code.PAYLOAD_TOO_LARGE: (413, "Payload Too Large"),
    Code.UPGRADE_REQUIRED: (426, "Upgrade Required"),
    Code.CAPACITY_EXCEEDED: (503, "Service Unavailable"),
    Code.SERVICE_UNAVAILABLE: (503, "Service Unavailable"),
    Code.AVATAR_FAILED: (503, "Service Unavailable"),
    Code.INTERNAL_ERROR: (500, "Internal Server Error"),
}
"""The HTTP status of a code, and the words for it, as the contract writes them."""


class Refused(ClientError):
    """The client's mistake, with the code and the words that it is answered with.

    `event_id` is that of the frame where it was made.
    """

    def __init__(self, code: Code, message: str, event_id: str | int | None = None) -> None:
        self.code, self.message, self.event_id = code, message, event_id
        super().__init__(f"{code}: {message}")


class MissingFields(ClientError):
    """Fields that a request must have. `fields` are the wire's dotted paths."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        super().__init__(", ".join(fields))


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a client sees it."""

    code: Code
    message: str
    headers: Headers = ()

    @property
    def status(self) -> int:
        """Of the HTTP answer."""
        return _STATUS.get(self.code, _INVALID)[0]

    def body(self) -> dict[str, str]:
        """Of the HTTP answer."""
        title = _STATUS.get(self.code, _INVALID)[1]
        return {"error": title, "message": self.message, "code": self.code}


@singledispatch
def wire_error(error: Exception) -> WireError:
    """What a client is told. What is not the client's doing is logged, and not told."""
    log.error("a request failed", exc_info=error)
    return WireError(Code.INTERNAL_ERROR, "Something went wrong on the server")


@wire_error.register
def _(error: Refused) -> WireError:
    bearer = error.code in (Code.MISSING_CREDENTIALS, Code.INVALID_SESSION_TOKEN)
    headers = [(b"www-authenticate", b"Bearer")] if bearer else []
    return WireError(error.code, error.message, headers)


@wire_error.register
def _(error: MissingFields) -> WireError:
    fields = "field" if len(error.fields) == 1 else "fields"
    names = ", ".join(error.fields)
    return WireError(Code.VALIDATION_ERROR, f"Missing required {fields}: {names}")


@wire_error.register
def _(error: InvalidInput) -> WireError:
    allowed = f"; must be one of: {error.allowed}" if error.allowed else ""
    message = f"Invalid value for {error.field}: {error.problem}{allowed}"
    return WireError(Code.VALIDATION_ERROR, message)


@wire_error.register
def _(error: BodyTooLong) -> WireError:
    return WireError(
        Code.PAYLOAD_TOO_LARGE, f"Request body is too large: at most {error.limit} bytes"
    )


@wire_error.register(SessionNotFound)
@wire_error.register(SessionEnded)
def _(error: SessionNotFound | SessionEnded) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(Code.SESSION_NOT_FOUND, "Session not found or already terminated")


@wire_error.register
def _(error: UnknownPath) -> WireError:
    return WireError(Code.ENDPOINT_NOT_FOUND, f"Nothing is served at {error.path[:_SHOWN]}")


@wire_error.register
def _(error: MethodNotAllowed) -> WireError:
    allowed = ", ".join(error.allowed)
    return WireError(
        Code.METHOD_NOT_ALLOWED,
        f"Method {error.method[:_SHOWN]} is not allowed; allowed: {allowed}",
        [(b"allow", allowed.encode())],
    )


@wire_error.register
def _(error: CapacityExceeded) -> WireError:
    # None at all: the server is about to end.
    what = f"Too much at once: {error}" if error.limit else f"No more {error.what} are taken"
    return WireError(Code.CAPACITY_EXCEEDED, f"{what}; try again later")


@wire_error.register
def _(error: StorageUnavailable) -> WireError:
    log.warning("%s", error)
    return WireError(Code.SERVICE_UNAVAILABLE, "The server can't keep sessions now; try again")


@wire_error.register
def _(error: ProviderFailed) -> WireError:
    log.warning("%s", error)
    return WireError(Code.AVATAR_FAILED, "The avatar can't be shown")
