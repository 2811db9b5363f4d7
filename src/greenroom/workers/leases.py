"""Leases: which process runs a session's agent, known to all, so that it is never run by two.

A session is offered when it is made, acquired by the worker that takes it, renewed while its agent
runs, and released at its end. What is not acquired, or not renewed, in time has lapsed: it is
offered again, by whoever finds that first, and another worker takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from greenroom.workers.ports import WorkerLoad


@dataclass(frozen=True, slots=True)
class Acquired:
    """A lease that was got. `attempt` is 1 for the first worker that was sent for.

    `last_seen` is when the agent before was last heard of, in seconds since 1970 by the clock of
    the leases; None: there was none. `handed_over`: it has left by itself.
    """

    attempt: int
    last_seen: float | None = None
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A lease that has lapsed, and was offered again as `attempt`. `last_seen` as for Acquired."""

    session_id: str
    attempt: int
    last_seen: float | None


class Leases(Protocol):
    """Shared by servers and workers. Every call is bounded in time and raises PlacementFailed
    where the leases can't be reached."""

    async def offer(self, session_id: str, user_name: str) -> None:
        """Reserve and offer a new session. Raises NoCapacity too, with nothing left behind."""
        ...

    async def acquire(self, session_id: str, owner: str) -> Acquired | None:
        """Take an offered session; None where it is held by another, or is over."""
        ...

    async def renew(
        self, owner: str, sessions: Collection[str], load: WorkerLoad
    ) -> Collection[str]:
        """Say that all these agents run, and how full this worker is; return those lost.

        A lease that has vanished (the store was emptied) is made anew.
        """
        ...

    async def hand_over(self, session_id: str, owner: str) -> bool:
        """Offer a session of this owner to others at once; False where it isn't the owner's."""
        ...

    async def release(self, session_id: str) -> bool:
        """The session is over: delete all that is kept of it; whether there was anything."""
        ...

    async def claim_lapsed(self) -> Sequence[Lapsed]:
        """Offer again what has lapsed, and return it: each lapse to one caller alone."""
        ...

    async def held(self, session_id: str) -> bool:
        """Whether a worker has it now."""
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
