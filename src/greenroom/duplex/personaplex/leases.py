"""Who talks with which upstream server: one talk at a time each, the others in a queue.

No I/O, and time by an injected clock. A server that fails rests, longer each time in a row, and is
then tried by one real talk. Where all servers that a talk could still try rest, it tries them
nonetheless: it is served or knows soon that it can't be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from greenroom.duplex.personaplex.query import shown
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock, Timer
from greenroom.providers.health import MAX_DOUBLINGS, MAX_RETRY_AFTER

log = logging.getLogger(__name__)

RECOVERY_INTERVAL = 10.0
"""Seconds of the first rest; the longest is 16 times that."""


@dataclass(slots=True, eq=False)
class _Member:
    name: str
    """Its URL as it may be logged."""
    lease: Lease | None = None
    failures: int = 0
    rests_until: float = 0.0
    why: str = ""
    busy_until: float = 0.0
    """Somebody else talks with it, as far as is known."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A talk's place in the queue, which it keeps when it has to ask again.

    `on_lease` is called when it is its turn, `on_position` (1: the next) when its place changes.
    Neither may call back into the leases.
    """

    number: int
    on_lease: Callable[[Lease], None]
    on_position: Callable[[int], None]
    failures: dict[int, ProviderFailed] = field(default_factory=dict)
    """Of the servers that have failed this talk, by their place; it is not sent there again."""
    position: int = 0


class Lease:
    """A server for one talk. Ended by exactly one of `free`, `fail` and `busy`; what comes after
    does nothing.
    """

    __slots__ = ("_leases", "_ticket", "open", "place")

    def __init__(self, leases: Leases, ticket: Ticket, place: int) -> None:
        self._leases, self._ticket, self.place = leases, ticket, place
        self.open = True

    @property
    def member(self) -> str:
        """The server's URL."""
        return self._leases.members[self.place]

    def well(self) -> None:
        """The server has taken the talk."""
        if self.open:
            self._leases.on_well(self)

    def free(self) -> None:
        """The talk is over, or was given up for reasons of its own."""
        if self._close():
            self._leases.on_free(self)

    def fail(self, error: ProviderFailed) -> None:
        """The server has failed the talk."""
        if self._close():
            self._ticket.failures[self.place] = error
            self._leases.on_failed(self, error)

    def busy(self) -> None:
        """The server lets the talk wait without a word: it talks with somebody else."""
        if self._close():
            self._leases.on_busy(self)

    def _close(self) -> bool:
        was_open, self.open = self.open, False
        return was_open


class Leases:
    """The servers `members`, by URL, and the queue of those that wait for one.

    First come, first served; only where a talk has been failed by the server that is free, the next
    one in the queue is served before it.
    """

    def __init__(
        self,
        members: Sequence[str],
        clock: Clock,
        *,
        recovery_interval: float = RECOVERY_INTERVAL,
    ) -> None:
        self.members = tuple(members)
        self._members = [_Member(shown(url)) for url in members]
        self._clock = clock
        self._interval = recovery_interval
        self._numbers = 0
        self._waiting: list[Ticket] = []
        self._timer: Timer | None = None

    def ticket(
        self, on_lease: Callable[[Lease], None], on_position: Callable[[int], None]
    ) -> Ticket:
        """A new place, behind all others; it counts from the first `wait` on."""
        self._numbers += 1
        return Ticket(self._numbers, on_lease, on_position)

    def wait(self, ticket: Ticket) -> None:
        """Ask for a server. Raises ProviderFailed where all of them have failed this talk."""
        if len(ticket.failures) == len(self._members):
            raise next(iter(ticket.failures.values()))
        ticket.position = 0
        self._waiting.append(ticket)
        self._waiting.sort(key=lambda waiting: waiting.number)
        self._serve()

    def leave(self, ticket: Ticket) -> None:
        """Wait no longer. Harmless where it doesn't wait."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._serve()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def trouble(self) -> str:
        """Why no talk could be begun: the last failure, where every server has failed; else ""."""
        if all(member.failures for member in self._members):
            return self._members[0].why
        return ""

    # -- what becomes of leases --------------------------------------------------------------

    def on_well(self, lease: Lease) -> None:
        """See Lease."""
        member = self._members[lease.place]
        if member.failures:
            log.info("%s is well again", member.name)
        member.failures, member.rests_until, member.busy_until = 0, 0.0, 0.0

    def on_free(self, lease: Lease) -> None:
        """See Lease."""
        self._members[lease.place].lease = None
        self._serve()

    def on_failed(self, lease: Lease, error: ProviderFailed) -> None:
        """See Lease."""
        member, now = self._members[lease.place], self._clock.time()
        member.why = error.why
        rest = min(error.retry_after or 0.0, MAX_RETRY_AFTER)
        if now >= member.rests_until:  # else it was tried before its time: its rest goes on
            member.failures += 1
            doublings = (
                min(member.failures - 1, MAX_DOUBLINGS) if error.retryable else MAX_DOUBLINGS
            )
            rest = max(rest, self._interval * 2**doublings)
            log.warning("%s failed: %s; it rests for %.0f s", member.name, error.why, rest)
        member.rests_until = max(member.rests_until, now + rest)
        self.on_free(lease)

    def on_busy(self, lease: Lease) -> None:
        """See Lease."""
        member = self._members[lease.place]
        member.busy_until = self._clock.time() + self._interval
        log.info("%s is busy with somebody else", member.name)
        self.on_free(lease)

    # -- the queue ---------------------------------------------------------------------------

    def _serve(self) -> None:
        """Give out what is free, tell the places that have changed, and come back in time."""
        for ticket in tuple(self._waiting):
            place = self._choose(ticket)
            if place is not None:
                self._waiting.remove(ticket)
                lease = Lease(self, ticket, place)
                self._members[place].lease = lease
                ticket.on_lease(lease)
        for position, ticket in enumerate(self._waiting, 1):
            if ticket.position != position:
                ticket.position = position
                ticket.on_position(position)
        self._set_timer()

    def _choose(self, ticket: Ticket) -> int | None:
        now = self._clock.time()
        left = [place for place in range(len(self._members)) if place not in ticket.failures]
        at_hand = [
            place
            for place in left
            if self._members[place].lease is None and self._members[place].busy_until <= now
        ]
        rested = [place for place in at_hand if self._members[place].rests_until <= now]
        if rested:
            return min(rested, key=lambda place: (self._members[place].failures, place))
        if len(at_hand) == len(left):  # nothing to wait for but rests
            return min(at_hand, key=lambda place: (self._members[place].rests_until, place))
        return None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.time()
        pauses = [
            when
            for member in self._members
            if member.lease is None and (when := max(member.rests_until, member.busy_until)) > now
        ]
        if self._waiting and pauses:
            self._timer = self._clock.call_at(min(pauses), self._serve)
