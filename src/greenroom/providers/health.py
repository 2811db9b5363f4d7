"""Which provider of a fallback chain serves now, and when one that failed is tried again.

A circuit breaker for each member, without I/O and with an injected clock. A member that fails
rests, and calls go to the next one; when its rest is over one call, and only one at a time, is its
trial. If that goes well the member serves again. A call never ends for want of a member: where all
rest, they are tried nonetheless, the one first whose rest is over soonest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.usage import Port

log = logging.getLogger(__name__)

MAX_DOUBLINGS = 4
"""The longest rest is 16 times the recovery interval."""

MAX_RETRY_AFTER = 3_600.0
"""Seconds; a provider that asks for more is tried after this nonetheless."""

QUICK = 1.0
"""Seconds. A call that took longer to fail is not repeated: the next member is the better hope."""

TRIAL_LIMIT = 120.0
"""Seconds after which a trial that was never concluded no longer keeps others from the member."""


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """How a member does, for logs and health checks. `provider` is its URI."""

    provider: str
    well: bool
    serving: bool
    """Whether the next call would go to it."""
    failures: int = 0
    """In a row."""
    why: str = ""
    """Of the last failure; without keys and users' words."""
    failed_seconds_ago: float = 0.0
    retry_in: float = 0.0
    """Seconds until its trial; 0 where it is well or its rest is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    port: Port
    clock: Clock
    recovery_interval: float
    retries: int
    alone: bool


@dataclass(slots=True)
class _Member:
    name: str
    rules: _Rules
    failures: int = 0
    why: str = ""
    failed_at: float = 0.0
    rests_until: float = 0.0
    trial: Attempt | None = None
    epoch: int = 0
    """Counts the changes: a call that began before the last one tells nothing new."""

    def may_serve(self) -> bool:
        """Whether it is well, or a trial of it may begin."""
        now = self.rules.clock.time()
        if self.failures == 0 or now < self.rests_until:
            return self.failures == 0
        return self.trial is None or now - self.trial.began >= TRIAL_LIMIT

    def succeeded(self, epoch: int) -> None:
        """A call that began in `epoch` went well."""
        if self.failures == 0 or epoch != self.epoch:
            return
        self.epoch += 1
        self.failures, self.why, self.rests_until = 0, "", 0.0
        log.info("%s %s is well again", self.rules.port, self.name)

    def failed(self, epoch: int, error: ProviderFailed) -> None:
        """A call that began in `epoch` failed."""
        now = self.rules.clock.time()
        asked = now + min(error.retry_after or 0.0, MAX_RETRY_AFTER)
        if epoch != self.epoch or (self.failures and now < self.rests_until):
            # Another call has told of this trouble, or the member was tried before its time for
            # want of a better one: its rest goes on.
            if self.failures:
                self.rests_until = max(self.rests_until, asked)
            return
        self.epoch += 1
        self.failures += 1
        self.why, self.failed_at = error.why, now
        doublings = min(self.failures - 1, MAX_DOUBLINGS) if error.retryable else MAX_DOUBLINGS
        self.rests_until = max(now + self.rules.recovery_interval * 2**doublings, asked)
        if self.rules.alone:
            log.warning("%s %s failed: %s", self.rules.port, self.name, self.why)
        else:
            log.warning(
                "%s %s failed: %s; it rests for %.0f s",
                self.rules.port,
                self.name,
                self.why,
                self.rests_until - now,
            )


class Attempt:
    """One call's try of the member at place `member`, a `trial` if that has rested.

    Concluded by exactly one of `succeed`, `fail` and `release`; what comes after does nothing.
    """

    __slots__ = ("_epoch", "_member", "_open", "_retries", "_since", "began", "member", "trial")

    def __init__(self, place: int, member: _Member, *, trial: bool) -> None:
        self.member, self.trial = place, trial
        self._member, self._epoch = member, member.epoch
        self._open = True
        self._retries = 0
        self.began = self._since = member.rules.clock.time()

    def await_answer(self) -> None:
        """All is sent and the call waits: from here it is judged whether it fails quickly."""
        self._since = self._member.rules.clock.time()

    def retry(self, error: ProviderFailed) -> bool:
        """Whether the same member is worth another try now, after `error`. Counts the tries."""
        rules = self._member.rules
        quick = rules.clock.time() - self._since <= QUICK
        self.await_answer()
        self._retries += 1
        return (
            self._open
            and not self.trial
            and error.retryable
            and not error.retry_after
            and quick
            and self._retries <= rules.retries
        )

    def succeed(self) -> None:
        """The member has served the call."""
        if self._close():
            self._member.succeeded(self._epoch)

    def fail(self, error: ProviderFailed) -> None:
        """The member could not serve the call."""
        if self._close():
            self._member.failed(self._epoch, error)

    def release(self) -> None:
        """The call ended without telling anything of the member: it was cancelled, say."""
        self._close()

    def _close(self) -> bool:
        was_open, self._open = self._open, False
        if self._member.trial is self:
            self._member.trial = None
        return was_open


class Health:
    """The members of one chain, the preferred one first, by URI.

    `recovery_interval` is in seconds; it doubles with each failed trial, up to 16 times. `retries`
    are those of a call at one member.
    """

    def __init__(
        self,
        port: Port,
        members: Sequence[str],
        *,
        clock: Clock,
        recovery_interval: float,
        retries: int = 0,
    ) -> None:
        self._clock = clock
        rules = _Rules(
            port=port,
            clock=clock,
            recovery_interval=recovery_interval,
            retries=retries,
            alone=len(members) == 1,
        )
        self._members = [_Member(name, rules) for name in members]

    def attempts(self) -> Iterator[Attempt]:
        """The members for one call, each once at most, to be gone through until one succeeds."""
        left = set(range(len(self._members)))
        while left:
            place = self._choose(left)
            left.discard(place)
            member = self._members[place]
            # The only member never rests: there is nobody else to serve meanwhile.
            trial = member.failures > 0 and member.may_serve() and len(self._members) > 1
            attempt = Attempt(place, member, trial=trial)
            if trial:
                member.trial = attempt
            yield attempt

    def snapshot(self) -> tuple[MemberHealth, ...]:
        """How all members do now."""
        now = self._clock.time()
        serving = self._choose(set(range(len(self._members))))
        return tuple(
            MemberHealth(
                member.name,
                member.failures == 0,
                place == serving,
                member.failures,
                member.why,
                now - member.failed_at if member.failures else 0.0,
                max(0.0, member.rests_until - now),
            )
            for place, member in enumerate(self._members)
        )

    def _choose(self, left: set[int]) -> int:
        for place in sorted(left):
            if self._members[place].may_serve():
                return place
        return min(left, key=lambda place: (self._members[place].rests_until, place))


def all_failed(chain: str, errors: Sequence[ProviderFailed]) -> ProviderFailed:
    """The error of a call that no member could serve; `errors` are the members', in order."""
    if len(errors) == 1:
        return errors[0]
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return ProviderFailed(
        chain,
        "; ".join(map(str, errors)) or "no provider is ready",
        retryable=any(error.retryable for error in errors) or not errors,
        retry_after=min(waits, default=None),
    )
