"""Contract 003's errors, `{"error": text}`: every failure becomes one here and nowhere else.

The texts are those of error frames too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import singledispatch

from greenroom.api.http import BodyTooLong, Headers, MethodNotAllowed, UnknownPath
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    Forbidden,
    InvalidInput,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
    Unauthorized,
)
from greenroom.sessions.errors import StorageUnavailable

log = logging.getLogger(__name__)

_SHOWN = 128
"""Characters of what a client sent that an answer repeats."""


class AlreadyEnded(ClientError):
    """The session has ended; `status` is how, as it is shown."""

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(f"Session is already {status}")


class NotThere(ClientError):
    """The session or voice is there, but not this of it. `what` is safe to show."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class UpgradeRequired(ClientError):
    """A plain request to the WebSocket's path."""


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a client sees it. `status` is that of an HTTP answer."""

    status: int
    message: str
    headers: Headers = ()

    def body(self) -> dict[str, str]:
        """Of the HTTP answer."""
        return {"error": self.message}


@singledispatch
def wire_error(error: Exception) -> WireError:
    """What a client is told. What is not the client's doing is logged, and not told."""
    log.error("a request failed", exc_info=error)
    return WireError(500, "Something went wrong on the server")


@wire_error.register
def _(error: InvalidInput) -> WireError:
    allowed = f"; allowed: {error.allowed}" if error.allowed else ""
    return WireError(400, f"{error.field} {error.problem}{allowed}")


@wire_error.register
def _(error: BodyTooLong) -> WireError:
    return WireError(413, f"Request body is too large: at most {error.limit} bytes")


@wire_error.register
def _(error: AlreadyEnded) -> WireError:
    return WireError(400, str(error))


@wire_error.register
def _(error: SessionEnded) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(400, "Session has ended")


@wire_error.register
def _(error: SessionNotFound) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(404, "Session not found")


@wire_error.register
def _(error: NotThere) -> WireError:
    return WireError(404, error.what)


@wire_error.register
def _(error: UnknownPath) -> WireError:
    return WireError(404, f"Nothing is served at {error.path[:_SHOWN]}")


@wire_error.register
def _(error: MethodNotAllowed) -> WireError:
    allowed = ", ".join(error.allowed)
    message = f"Method {error.method[:_SHOWN]} is not allowed; allowed: {allowed}"
    return WireError(405, message, [(b"allow", allowed.encode())])


@wire_error.register
def _(error: UpgradeRequired) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(426, "This path is for WebSocket connections")


@wire_error.register
def _(error: Unauthorized) -> WireError:
    return WireError(401, f"Unauthorized: {error.why}", [(b"www-authenticate", b"Bearer")])


@wire_error.register
def _(error: Forbidden) -> WireError:
    return WireError(403, f"Forbidden: {error.why}")


@wire_error.register
def _(error: CapacityExceeded) -> WireError:
    # None at all: the server is about to end.
    what = f"Too much at once: {error}" if error.limit else f"No more {error.what} are taken"
    return WireError(503, f"{what}; try again later")


@wire_error.register
def _(error: StorageUnavailable) -> WireError:
    log.warning("%s", error)
    return WireError(503, "The server can't keep sessions now; try again")


@wire_error.register
def _(error: ProviderFailed) -> WireError:
    log.warning("%s", error)
    return WireError(503, "The model can't be reached")
