"""What contracts 001 and 003 tell alike of errors: a status, and one text for the body.

Each has a `wire_error` of its own for what its document says otherwise, which comes here for the
rest.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import singledispatch

from greenroom.api.http import BodyTooLong, Headers, MethodNotAllowed, UnknownPath
from greenroom.errors import CapacityExceeded, Forbidden, InvalidInput, Unauthorized
from greenroom.sessions.errors import StorageUnavailable

log = logging.getLogger(__name__)

SHOWN = 128
"""Characters of what a client sent that an answer repeats."""


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a client sees it. `status` is that of an HTTP answer."""

    status: int
    message: str
    headers: Headers = ()


@singledispatch
def common_error(error: Exception) -> WireError:
    """What a client is told. What is not the client's doing is logged, and not told."""
    log.error("a request failed", exc_info=error)
    return WireError(500, "Something went wrong on the server")


@common_error.register
def _(error: InvalidInput) -> WireError:
    allowed = f"; allowed: {error.allowed}" if error.allowed else ""
    return WireError(400, f"{error.field} {error.problem}{allowed}")


@common_error.register
def _(error: BodyTooLong) -> WireError:
    return WireError(413, f"Request body is too large: at most {error.limit} bytes")


@common_error.register
def _(error: Unauthorized) -> WireError:
    return WireError(401, f"Unauthorized: {error.why}", [(b"www-authenticate", b"Bearer")])


@common_error.register
def _(error: Forbidden) -> WireError:
    return WireError(403, f"Forbidden: {error.why}")


@common_error.register
def _(error: UnknownPath) -> WireError:
    return WireError(404, f"Nothing is served at {error.path[:SHOWN]}")


@common_error.register
def _(error: MethodNotAllowed) -> WireError:
    allowed = ", ".join(error.allowed)
    message = f"Method {error.method[:SHOWN]} is not allowed; allowed: {allowed}"
    return WireError(405, message, [(b"allow", allowed.encode())])


@common_error.register
def _(error: CapacityExceeded) -> WireError:
    # None at all: the server is about to end.
    what = f"Too much at once: {error}" if error.limit else f"No more {error.what} are taken"
    return WireError(503, f"{what}; try again later")


@common_error.register
def _(error: StorageUnavailable) -> WireError:
    log.warning("%s", error)
    return WireError(503, "The server can't keep sessions now; try again")
