"""Why a chat's WebSocket ends, and what its client is told: an error frame, or metadata."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.api.duplex import protocol
from greenroom.api.duplex.errors import wire_error
from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.sessions.model import EndReason

NORMAL = 1000
GOING_AWAY = 1001
NO_CODE = 1005
"""The client closed without a code, as browsers do by default."""
POLICY = 1008
FAILURE = 1011
RESTART = 1012
TRY_LATER = 1013
TAKEN_OVER = 4001
"""Ours: don't come back with this session, another connection has it."""

FINISHED_CODES = (NORMAL, GOING_AWAY, NO_CODE)
"""With which a client closes when all is said; by any other it may come back."""


@dataclass(frozen=True, slots=True)
class Ending:
    """See `message_socket.SocketEnding`."""

    code: int
    why: str
    farewell: bytes | None = None


HUNG_UP = Ending(NORMAL, "")
"""The client closed, or its connection broke."""

REPLACED = Ending(
    TAKEN_OVER,
    "replaced",
    protocol.error("Another connection has taken the session over"),
)
DEFECT = Ending(FAILURE, "internal error", protocol.error("Something went wrong on the server"))
DRAINED = Ending(RESTART, "the server is restarting", protocol.error("The server is restarting"))


def broke_bound(why: str) -> Ending:
    """The client does not read, or makes too many mistakes."""
    return Ending(POLICY, why, protocol.error(f"The connection is closed: {why}"))


def not_entered(error: Exception) -> Ending:
    """The session could not begin."""
    match error:
        case SessionNotFound() | SessionEnded():
            code, why = POLICY, "the session has ended"
        case CapacityExceeded():
            code, why = TRY_LATER, "too many sessions"
        case _:
            code, why = FAILURE, "the session could not begin"
    return Ending(code, why, protocol.error(wire_error(error).message))


def over(session_id: str, reason: str, detail: str) -> Ending:
    """The session has ended: by error where that was nobody's wish, else with metadata."""
    match reason:
        case EndReason.DRAINED:
            return DRAINED
        case EndReason.AGENT_FAILED | EndReason.NODE_LOST:
            return Ending(FAILURE, reason, protocol.error(detail or "The model failed"))
        case _:
            facts = {"session_id": session_id, "end_reason": reason}
            return Ending(NORMAL, reason, protocol.metadata(**facts))
