"""Contract 003's errors, `{"error": text}`: every failure becomes one here and nowhere else.

The texts are those of error frames too.
"""

from __future__ import annotations

import logging
from functools import singledispatch

from greenroom.api.text_errors import WireError, common_error
from greenroom.errors import ClientError, ProviderFailed, SessionEnded, SessionNotFound

log = logging.getLogger(__name__)


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


@singledispatch
def wire_error(error: Exception) -> WireError:
    """What a client is told: here what this contract alone tells, or tells otherwise."""
    return common_error(error)


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
def _(error: UpgradeRequired) -> WireError:  # noqa: ARG001 - told apart by its kind
    return WireError(426, "This path is for WebSocket connections")


@wire_error.register
def _(error: ProviderFailed) -> WireError:
    log.warning("%s", error)
    return WireError(503, "The model can't be reached")
