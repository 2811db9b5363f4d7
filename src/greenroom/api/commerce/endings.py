"""Why a socket of the voice API ends, and what its client and its session are told."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.api.commerce.errors import Code, WireError
from greenroom.api.commerce.protocol import error_message
from greenroom.sessions.model import EndReason, Status


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` and `why` close the WebSocket; `tell` is said before.

    `status` and `reason` are the session's, None where it lives on and its client may come back.
    `replaced`: somebody else has the session now.
    """

    code: int
    why: str
    status: Status | None = None
    reason: EndReason | None = None
    replaced: bool = False
    tell: WireError | None = None

    @property
    def farewell(self) -> str | None:
        """What is said, as a message."""
        return None if self.tell is None else error_message(self.tell)


HUNG_UP = Ending(1000, "")
"""The client closed, or its connection broke."""

ENDED_BY_CLIENT = Ending(1000, "session ended", Status.COMPLETED, EndReason.CLIENT_STOPPED)

NOT_STARTED = Ending(
    1008,
    "no session.start in time",
    tell=WireError(
        Code.VALIDATION_ERROR,
        "session.start did not come in time",
        {"field": "session.start", "problem": "did not come in time"},
    ),
)

DEFECT = Ending(
    1011,
    "internal error",
    Status.FAILED,
    EndReason.AGENT_FAILED,
    tell=WireError(Code.INTERNAL_ERROR, "Something went wrong on the server"),
)

NOBODY_THERE = Ending(1000, "", Status.STOPPED, EndReason.DISCONNECTED)
"""Without a socket, and its room was left by everybody, or closed."""

_REPLACED = Ending(1008, "replaced: the session is used by another connection", replaced=True)
_DRAINED = Ending(1012, "drained: the server is restarting", Status.STOPPED, EndReason.DRAINED)


def hung_up_on(why: str) -> Ending:
    """The client broke a bound."""
    return Ending(1008, why)


def stopped(reason: EndReason) -> Ending:
    """Somebody stops the session. REPLACED leaves it to whoever has taken it."""
    match reason:
        case EndReason.REPLACED:
            return _REPLACED
        case EndReason.DRAINED:
            return _DRAINED
        case _:
            return Ending(1000, reason.value, Status.STOPPED, reason)
