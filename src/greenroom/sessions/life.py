"""What every session that lives on a node has in common, whatever happens in it.

It is held, it has timers, it is told once how it ends, and then it is recorded and let go of. The
owner has one task that runs the session and winds it up (`SessionLife.live`); whatever else ends it
only says how.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from greenroom.errors import GreenroomError, ProviderFailed, SessionEnded
from greenroom.providers.clock import Clock, Timer
from greenroom.sessions.holders import Stop
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.service import SessionService

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended. `detail` is safe to show to its client."""

    status: Status
    reason: EndReason
    detail: str = ""

    @classmethod
    def of(cls, session: Session | None, meant: Ended | None) -> Ended | None:
        """How it has ended, as `record` returned it; None where it lives on elsewhere.

        As it was meant to end (None: not at all), where the database does not say.
        """
        if session is None or session.end_reason is None:
            return meant
        detail = meant.detail if meant is not None and meant.reason is session.end_reason else ""
        return cls(session.status, session.end_reason, detail)


class SessionLife:
    """One live session of this node, held from now until `let_go`.

    `stop` is what `SessionService.hold` wants; without it the session is ended as STOPPED, and let
    go of where another node has it. `what` it is, where its own fault is told to a client.
    """

    def __init__(
        self,
        sessions: SessionService,
        session_id: str,
        clock: Clock,
        *,
        stop: Stop | None = None,
        what: str = "session",
    ) -> None:
        self.id = session_id
        self.failure: GreenroomError | None = None
        """What keeps it from going on, for those who wait for it to begin."""
        self.gone = asyncio.Event()
        """Set when everything is recorded and the session is let go of."""
        self._sessions = sessions
        self._clock = clock
        self._what = what
        self._timers: dict[str, Timer] = {}
        self._ending: asyncio.Future[Ended | None] = asyncio.get_running_loop().create_future()
        self._release = sessions.hold(session_id, stop or self._stop)

    @property
    def ending(self) -> bool:
        """Whether it is being wound up, or is gone."""
        return self._ending.done()

    def end(self, ended: Ended | None) -> None:
        """Wind it up; None: another node has it, let go only. The first call counts."""
        if not self._ending.done():
            self._ending.set_result(ended)

    def require_live(self) -> None:
        """Raise SessionEnded where it is being wound up."""
        if self._ending.done():
            ended = self._ending.result()
            raise SessionEnded(self.id, ended.reason if ended else EndReason.REPLACED)

    async def live(
        self,
        course: Callable[[], Awaitable[object]],
        wind_up: Callable[[Ended | None], Awaitable[None]],
    ) -> None:
        """All of it: `course`, which returns when it is to end, then `wind_up`, without timers.

        What the course raises is a failure, and ends it so. It has drained where this is cancelled.
        """
        try:
            await course()
        except GreenroomError as error:
            _log.warning("session %s can't go on: %s", self.id, error)
            self._fail(error, error.why if isinstance(error, ProviderFailed) else str(error))
        except Exception:  # noqa: BLE001 - its client is told, and the others live on
            _log.exception("session %s: a defect", self.id)
            why = "internal error"
            self._fail(ProviderFailed(self._what, why, retryable=False), why)
        finally:
            self.end(Ended(Status.STOPPED, EndReason.DRAINED))
            self.stop_timers()
            await wind_up(self._ending.result())

    def _fail(self, error: GreenroomError, why: str) -> None:
        self.failure = error
        self.end(Ended(Status.FAILED, EndReason.AGENT_FAILED, why))

    async def wait_ending(self) -> Ended | None:
        """Return how it is to end, once that is known."""
        return await asyncio.shield(self._ending)

    async def unless_ending(self, work: Coroutine[Any, Any, object]) -> None:
        """Do `work` unless it is to end before that is done. Raises what `work` raises."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task, self._ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.wait((task,))
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._ending.done():
            raise error

    def after(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, in the place of what was to come by this `name`; never once it ends."""
        self.cancel(name)
        if not self._ending.done():
            when = self._clock.time() + max(seconds, 0.0)
            self._timers[name] = self._clock.call_at(when, callback)

    def cancel(self, name: str) -> None:
        """The call of this name won't be made."""
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()

    def stop_timers(self) -> None:
        """No call will be made any more: the first thing when it is wound up."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def record(self, ended: Ended | None) -> Session | None:
        """End it in the database; return it as it has ended, None where it lives on elsewhere.

        None also where the database does not answer: upkeep ends it later, as one that nobody
        holds.
        """
        try:
            if ended is None:
                session = await self._sessions.get(self.id)
            else:
                session = await self._sessions.end(
                    self.id, ended.status, ended.reason, ended.detail
                )
        except GreenroomError as error:
            _log.warning("session %s could not be ended: %s", self.id, error)
            return None
        return session if session.ended else None

    def let_go(self) -> None:
        """Hold it no more: the last thing when it is wound up."""
        self._release()
        self.gone.set()

    def _stop(self, reason: EndReason) -> None:
        self.end(None if reason is EndReason.REPLACED else Ended(Status.STOPPED, reason))
