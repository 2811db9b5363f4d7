"""Leases: which process runs a session's agent, known to all, so that it is never run by two.

A session is offered when it is made, acquired by the worker that takes it, renewed while its agent
runs, and released at its end. What is not acquired, or not renewed, in time has lapsed: it is
offered again, by whoever finds that first, and another worker takes it. What lapses too often, or
is not taken for too long, is given up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from greenroom.sessions.model import PresenceEntry
from greenroom.settings import Settings
from greenroom.workers.ports import WorkerLoad

CLAIMED_AT_ONCE = 100
"""Leases that `claim_lapsed` returns at most."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """What holds for leases. Durations in seconds; all processes should have the same.

    `lease`: an agent that was not heard of for so long is lost; a worker that was not, too.
    `offer`: a worker has so long to take a session before it is sent for again. `start_timeout`: a
    session that no worker takes for so long is given up, as is one that has lost `attempts` agents.
    `max_sessions` live at once, `max_per_user` those of one user; who is refused is told to come
    back in `retry_after`.
    """

    lease: float = 3.0
    offer: float = 2.0
    start_timeout: float = 30.0
    attempts: int = 5
    max_sessions: int = 1_000
    max_per_user: int = 20
    retry_after: int = 5

    @classmethod
    def of(cls, settings: Settings) -> LeaseTerms:
        """What the settings say."""
        orchestrator, workers = settings.orchestrator, settings.workers
        return cls(
            lease=workers.lease,
            start_timeout=orchestrator.start_timeout,
            attempts=workers.attempts,
            max_sessions=orchestrator.max_sessions,
            max_per_user=orchestrator.max_sessions_per_user,
            retry_after=orchestrator.retry_after,
        )


@dataclass(frozen=True, slots=True)
class Acquired:
    """A lease that was got. `attempt` is 1 for the first worker, one more for each that was lost.

    `last_seen` is when the agent before was last heard of, in seconds since 1970 by the clock of
    the leases; None: there was none. It had the lease, and perhaps said nothing yet.
    `handed_over`: it has left by itself.
    """

    attempt: int
    last_seen: float | None = None
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A lease that has lapsed, and was offered again as `attempt`, unless it is `given_up`.

    `last_seen` and `handed_over` as for Acquired; `owner` is who had the lease then, or "". A lease
    that is given up is deleted: no worker can take it any more.
    """

    session_id: str
    attempt: int
    last_seen: float | None = None
    handed_over: bool = False
    owner: str = ""
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Who `holds` a lease, or had it last, and when that one was last heard of, in seconds since
    1970 by the clock of the leases."""

    owner: str
    seen: float
    holds: bool = False

    def lost(self) -> PresenceEntry:
        """That its agent is gone, as the session's journal has it."""
        return PresenceEntry(None, "agent_lost", round(self.seen * 1_000_000), self.owner)


class Leases(Protocol):
    """Shared by servers and workers. Every call is bounded in time and raises PlacementFailed
    where the leases can't be reached."""

    async def offer(self, session_id: str, user_name: str) -> None:
        """Reserve and offer a session; harmless where it is offered or held.

        Raises NoCapacity too, with nothing left behind.
        """
        ...

    async def acquire(self, session_id: str, owner: str) -> Acquired | None:
        """Take an offered session; None where it is held by anybody, or is over.

        Held by this very owner too: of a task that came twice one alone may run.
        """
        ...

    async def renew(
        self, owner: str, sessions: Collection[str], load: WorkerLoad
    ) -> Collection[str]:
        """Say that these agents run, and how full this worker is; return those that it lost.

        A lease that has vanished (the store was emptied) is made anew. Sessions that the owner has
        not acquired, or has handed over or released, are left alone.
        """
        ...

    async def hand_over(self, session_id: str, owner: str) -> bool:
        """Offer a session of this owner to others; False where it isn't the owner's.

        It lapses at once: who claims it sends for the next worker.
        """
        ...

    async def release(self, session_id: str) -> bool:
        """The session is over: delete all that is kept of it; whether there was anything."""
        ...

    async def claim_lapsed(self) -> Sequence[Lapsed]:
        """Offer again what has lapsed, or give it up; return it: each lapse to one caller alone.

        At most CLAIMED_AT_ONCE of them, those first that have lapsed longest; none soon after the
        leases could not be reached, while those who hold them come to renew them.
        """
        ...

    async def held(self, session_id: str) -> bool:
        """Whether a worker has it now."""
        ...

    async def last_holder(self, session_id: str) -> Holder | None:
        """Who has it, or had it last; None: nobody ever, or it is over."""
        ...

    async def live(self) -> Collection[str]:
        """Every session that is offered or held."""
        ...

    async def leave(self, owner: str) -> None:
        """A worker is no more: its load is forgotten."""
        ...

    async def loads(self) -> Sequence[WorkerLoad]:
        """Of the workers that have reported lately."""
        ...
