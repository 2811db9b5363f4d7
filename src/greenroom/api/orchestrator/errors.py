"""Contract 001's errors, `{"detail": text}`: every failure becomes one here and nowhere else."""

from __future__ import annotations

import logging
from functools import singledispatch

from greenroom.api.text_errors import SHOWN, WireError, common_error
from greenroom.errors import ClientError, ServerError, SessionNotFound
from greenroom.rooms.errors import RoomsFailed
from greenroom.workers.ports import NoCapacity, PlacementFailed

log = logging.getLogger(__name__)


class InvalidSignature(ClientError):
    """A webhook without a signature that proves who sent it, and all of it."""


class UnreadableEvent(ClientError):
    """A webhook's body that is no event."""


class EndFailed(ServerError):
    """A session could not be ended. `why` is safe to show."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@singledispatch
def wire_error(error: Exception) -> WireError:
    """What a client is told: here what this contract alone tells, or tells otherwise."""
    return common_error(error)


@wire_error.register
def _(error: UnreadableEvent) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(400, "Invalid JSON payload")


@wire_error.register
def _(error: InvalidSignature) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(401, "Invalid webhook signature")


@wire_error.register
def _(error: SessionNotFound) -> WireError:
    return WireError(404, f"Session {error.session_id[:SHOWN]} not found")


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
def _(error: NoCapacity) -> WireError:
    seconds = error.retry_after
    detail = f"Too much at once: {error}; try again in {seconds} s"
    return WireError(503, detail, [(b"retry-after", b"%d" % seconds)])
