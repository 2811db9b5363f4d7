"""Contract 001's errors, `{"detail": text}`: every failure becomes one here and nowhere else."""

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
    ServerError,
    SessionNotFound,
    Unauthorized,
)
from greenroom.rooms.errors import RoomsFailed
from greenroom.sessions.errors import StorageUnavailable
from greenroom.workers.ports import NoCapacity, PlacementFailed

log = logging.getLogger(__name__)

_SHOWN = 128
"""Characters of what a client sent that an answer repeats."""


class InvalidSignature(ClientError):
    """A webhook without a signature that proves who sent it, and all of it."""


class UnreadableEvent(ClientError):
    """A webhook's body that is no event."""


class EndFailed(ServerError):
    """A session could not be ended. `why` is safe to show."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a client sees it."""

    status: int
    detail: str
    headers: Headers = ()

    def body(self) -> dict[str, str]:
        """Of the answer."""
        return {"detail": self.detail}


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
def _(error: UnreadableEvent) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(400, "Invalid JSON payload")


@wire_error.register
def _(error: InvalidSignature) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(401, "Invalid webhook signature")


@wire_error.register
def _(error: Unauthorized) -> WireError:
    return WireError(401, f"Unauthorized: {error.why}", [(b"www-authenticate", b"Bearer")])


@wire_error.register
def _(error: Forbidden) -> WireError:
    return WireError(403, f"Forbidden: {error.why}")


@wire_error.register
def _(error: SessionNotFound) -> WireError:
    return WireError(404, f"Session {error.session_id[:_SHOWN]} not found")


@wire_error.register
def _(error: UnknownPath) -> WireError:
    return WireError(404, f"Nothing is served at {error.path[:_SHOWN]}")


@wire_error.register
def _(error: MethodNotAllowed) -> WireError:
    allowed = ", ".join(error.allowed)
    detail = f"Method {error.method[:_SHOWN]} is not allowed; allowed: {allowed}"
    return WireError(405, detail, [(b"allow", allowed.encode())])


@wire_error.register
def _(error: RoomsFailed) -> WireError:
    log.warning("%s", error)
    return WireError(500, f"LiveKit token generation failed: {error.why}")


@wire_error.register
def _(error: EndFailed) -> WireError:
    log.warning("a session could not be ended: %s", error)
    return WireError(500, f"Failed to end session: {error.why}")


@wire_error.register
def _(error: PlacementFailed) -> WireError:
    log.warning("no agent could be sent for: %s", error)
    return WireError(503, f"Failed to queue voice agent spawn task: {error.why}")


@wire_error.register
def _(error: CapacityExceeded) -> WireError:
    # None at all: the server is about to end.
    what = f"Too much at once: {error}" if error.limit else f"No more {error.what} are taken"
    return WireError(503, f"{what}; try again later")


@wire_error.register
def _(error: NoCapacity) -> WireError:
    seconds = error.retry_after
    detail = f"Too much at once: {error}; try again in {seconds} s"
    return WireError(503, detail, [(b"retry-after", b"%d" % seconds)])


@wire_error.register
def _(error: StorageUnavailable) -> WireError:
    log.warning("%s", error)
    return WireError(503, "The server can't keep sessions now; try again")
