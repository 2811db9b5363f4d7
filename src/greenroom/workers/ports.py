"""Where agents run, as those see it who start and end sessions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from greenroom.errors import CapacityExceeded, ServerError
from greenroom.sessions.model import PresenceEntry


class PlacementFailed(ServerError):
    """No agent could be sent for; nothing is left of the attempt. `why` is safe to show."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class NoCapacity(CapacityExceeded):
    """A bound on agents was reached; nothing was allocated. `retry_after` is in seconds."""

    def __init__(self, what: str, limit: int, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(what, limit)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was done when a session's agent was called off.

    `revoked`: its Celery task is over: revoked in the queue, or ended with its agent.
    `stopped`: an agent was running, was told to stop, and is gone. `cleaned`: what the session had
    in Redis is deleted, or was not there any more; false where there is no Redis, or it did not
    answer. `lost`: that an agent did not answer, and when it was last heard of, for the journal.
    `errors` are safe to show.
    """

    revoked: bool = False
    stopped: bool = False
    cleaned: bool = False
    errors: tuple[str, ...] = ()
    lost: PresenceEntry | None = None


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What one worker has reported: `agents` that run of the `capacity` that it has."""

    worker: str
    agents: int
    capacity: int
    draining: bool = False


@dataclass(frozen=True, slots=True)
class PlacementState:
    """Whether agents can be sent for. `redis` and `celery`: is it used, and does it answer;
    of Celery a worker too.

    In the server itself both are false and `ok` is true. `why` is in words where `ok` is false.
    """

    ok: bool
    redis: bool = False
    celery: bool = False
    why: str = ""
    workers: tuple[WorkerLoad, ...] = ()


class Placement(Protocol):
    """Sends for agents: each session gets one, at one place at a time."""

    async def reserve(self, session_id: str, user_name: str) -> None:
        """Count a session that is about to be made.

        Raises NoCapacity, PlacementFailed. What is reserved is given back by `withdraw`.
        """
        ...

    async def place(self, session_id: str) -> None:
        """Send for the agent of a reserved session that waits. Raises PlacementFailed."""
        ...

    async def withdraw(self, session_id: str, *, running: bool) -> Withdrawn:
        """Call the agent off and give back what was reserved; harmless where there is nothing.

        `running`: an agent has the session by now; it is stopped as the client's wish. Returns when
        the agent is gone, or after a bounded time (then with an error). The caller ends the session
        in the database.
        """
        ...

    async def state(self) -> PlacementState:
        """How it is. Bounded in time."""
        ...

    async def live(self) -> Collection[str]:
        """The sessions that are reserved or placed. Raises PlacementFailed."""
        ...

    async def drain(self, seconds: float) -> None:
        """Take no more; let the agents that run in this process end within `seconds`, then end
        them."""
        ...
