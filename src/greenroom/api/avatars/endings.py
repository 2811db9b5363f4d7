"""Why an avatar's WebSocket ends, and what its client is told.

Clients of these protocols take 1011 and 1012 as a call to connect again, and notice 1000 only with
their next heartbeat.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.protocol import error_frame, session_ended
from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Status

NORMAL = 1000
POLICY = 1008
FAILURE = 1011
RESTART = 1012
TRY_LATER = 1013
TAKEN_OVER = 4001
"""Ours: don't come back with this session, another connection has it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """See `message_socket.SocketEnding`."""

    code: int
    why: str
    farewell: str | None = None


def _told(code: int, why: str, error: Code, message: str) -> Ending:
    return Ending(code, why, error_frame(Refused(error, message)))


HUNG_UP = Ending(NORMAL, "")
"""The client closed, or its connection broke."""

NOT_INITIALIZED = _told(POLICY, "no init in time", Code.INIT_TIMEOUT, "init did not come in time")
SILENT = _told(
    FAILURE,
    "nothing came for too long",
    Code.CONNECTION_SILENT,
    "Nothing came for too long, no heartbeat either",
)
REPLACED = _told(
    TAKEN_OVER,
    "replaced",
    Code.CONNECTION_REPLACED,
    "Another connection has taken the session over",
)
DEFECT = _told(FAILURE, "internal error", Code.INTERNAL_ERROR, "Something went wrong on the server")
DRAINED = _told(
    RESTART, "the server is restarting", Code.SERVER_RESTARTING, "The server is restarting"
)


def broke_bound(why: str) -> Ending:
    """The client does not read, or makes too many mistakes."""
    return _told(POLICY, why, Code.CONNECTION_REFUSED, f"The connection is closed: {why}")


def not_entered(error: Exception) -> Ending:
    """The session could not begin."""
    match error:
        case SessionNotFound() | SessionEnded():
            code, why = POLICY, "the session has ended"
        case CapacityExceeded():
            code, why = TRY_LATER, "too many sessions"
        case _:
            code, why = FAILURE, "the session could not begin"
    return Ending(code, why, error_frame(error))


def over(session_id: str, ended: Ended) -> Ending:
    """The session has ended."""
    if ended.status is Status.FAILED:
        code = FAILURE
    elif ended.reason is EndReason.DRAINED:
        code = RESTART
    else:
        code = NORMAL
    message = ended.detail or _IN_WORDS.get(ended.reason, "The session has ended")
    frame = session_ended(session_id, ended.status, ended.reason, message)
    return Ending(code, ended.reason, frame)


_IN_WORDS = {
    EndReason.CLIENT_STOPPED: "The session was stopped",
    EndReason.IDLE_TIMEOUT: "Nothing was asked of the avatar for too long",
    EndReason.MAX_DURATION: "The session was as long as a session may be",
    EndReason.REPLACED: "A new session was started for the same channel and uid",
    EndReason.DRAINED: "The server is restarting",
    EndReason.AGENT_FAILED: "The avatar failed",
}
