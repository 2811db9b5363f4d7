"""The members of a fallback chain: warmed up before they serve, and closed in the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.health import Attempt, Health, MemberHealth, all_failed
from greenroom.providers.usage import Port

log = logging.getLogger(__name__)


class Member(Protocol):
    """What a transcriber and a synthesizer have in common."""

    uri: str

    async def warm_up(self) -> None:
        """Load models and start helpers. Raises ProviderFailed, ConfigurationError."""
        ...

    async def close(self) -> None:
        """End every helper."""
        ...


M = TypeVar("M", bound=Member)


class Members(Generic[M]):
    """Warms the members, keeps count of their health, hands them out call by call.

    A member that could not be warmed rests like one that failed. Its trial is its warming up,
    behind the calls, which meanwhile go to the others.
    """

    def __init__(
        self,
        port: Port,
        members: Sequence[M],
        *,
        retries: int,
        recovery_interval: float,
        clock: Clock,
    ) -> None:
        if not members:
            raise ValueError("a chain has at least one member")
        self.all = tuple(members)
        self.clock = clock
        self.uri = " → ".join(member.uri for member in members)
        self._port = port
        self._health = Health(
            port,
            [member.uri for member in members],
            clock=clock,
            recovery_interval=recovery_interval,
            retries=retries,
        )
        self._cold: set[int] = set()
        self._warming: set[asyncio.Task[None]] = set()

    def attempts(self) -> Iterator[Attempt]:
        """As `Health.attempts`, without members that are not warm; call it on the event loop."""
        for attempt in self._health.attempts():
            if attempt.member not in self._cold:
                yield attempt
            elif attempt.trial:
                task = asyncio.create_task(self._warm_behind(attempt))
                self._warming.add(task)
                task.add_done_callback(self._warming.discard)
            else:
                attempt.release()

    def snapshot(self) -> tuple[MemberHealth, ...]:
        """How all members do now."""
        return self._health.snapshot()

    async def warm_up(self) -> None:
        """Warm all members at the same time.

        Raises ConfigurationError where the setting of any of them can't be used, and ProviderFailed
        where none could be warmed; a member less is a warning in the log.
        """
        attempts = list(self._health.attempts())
        try:
            outcomes = await asyncio.gather(
                *(self._warm(attempt.member) for attempt in attempts), return_exceptions=True
            )
            errors = [error for error in outcomes if isinstance(error, ProviderFailed)]
            for outcome in outcomes:
                if outcome is not None and outcome not in errors:
                    raise outcome
            if len(errors) == len(attempts):
                raise all_failed(self.uri, errors)
            for attempt, outcome in zip(attempts, outcomes, strict=True):
                if isinstance(outcome, ProviderFailed):
                    self._cold.add(attempt.member)
                    attempt.fail(outcome)
                else:
                    self._cold.discard(attempt.member)
                    attempt.succeed()
        finally:
            for attempt in attempts:
                attempt.release()

    async def close(self) -> None:
        """End all members, also where one can't be ended; its error is raised afterwards."""
        for task in tuple(self._warming):
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        outcomes = await asyncio.gather(
            *(member.close() for member in self.all), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _warm(self, place: int) -> None:
        member = self.all[place]
        try:
            await member.warm_up()
        except (ProviderFailed, ConfigurationError):
            raise
        except Exception as error:
            # A defect of one provider's package must not keep the server from starting with others.
            log.exception("%s %s could not be warmed up", self._port, member.uri)
            raise ProviderFailed(member.uri, f"unexpected {type(error).__name__}") from error

    async def _warm_behind(self, attempt: Attempt) -> None:
        try:
            await self._warm(attempt.member)
        except ProviderFailed as error:
            attempt.fail(error)
        except ConfigurationError as error:
            # It was usable at the start, so what is wrong may change back.
            attempt.fail(ProviderFailed(self.all[attempt.member].uri, error.problem))
        else:
            self._cold.discard(attempt.member)
            attempt.succeed()
        finally:
            attempt.release()
