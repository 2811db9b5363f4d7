"""Agents in the server itself: without Redis, without Celery, without anything else to run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from greenroom.errors import GreenroomError
from greenroom.settings import OrchestratorSettings
from greenroom.workers.host import AgentHost
from greenroom.workers.ports import NoCapacity, PlacementFailed, PlacementState, Withdrawn

_log = logging.getLogger(__name__)


class InlinePlacement:
    """A `workers.ports.Placement` on a host of this process; `drain` ends every agent of it."""

    def __init__(self, host: AgentHost, settings: OrchestratorSettings) -> None:
        self._host = host
        self._settings = settings
        # Whose each live session is. Given back when its agent is gone.
        self._users: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def reserve(self, session_id: str, user_name: str) -> None:
        """Count a session. Raises NoCapacity, and PlacementFailed while the server ends."""
        if self._host.draining:
            raise PlacementFailed("the server is shutting down")
        settings = self._settings
        if len(self._users) >= settings.max_sessions:
            raise NoCapacity("sessions", settings.max_sessions, settings.retry_after)
        of_user = sum(name == user_name for name in self._users.values())
        if of_user >= settings.max_sessions_per_user:
            limit = settings.max_sessions_per_user
            raise NoCapacity("sessions of one user", limit, settings.retry_after)
        self._users[session_id] = user_name

    async def place(self, session_id: str) -> None:
        """Begin the agent, as a task of its own. Raises PlacementFailed while the server ends."""
        if self._host.draining:
            raise PlacementFailed("the server is shutting down")
        task = asyncio.get_running_loop().create_task(self._run(session_id), name=session_id)
        self._tasks[session_id] = task
        task.add_done_callback(lambda _: self._forget(session_id))

    async def withdraw(self, session_id: str, *, running: bool) -> Withdrawn:  # noqa: ARG002
        """Stop the agent, and wait until it is gone; where none is here, only give back."""
        task = self._tasks.get(session_id)
        if task is None:
            self._users.pop(session_id, None)
            return Withdrawn()
        if session_id not in self._host.sessions():
            # It was to begin in just this moment.
            task.cancel()
            await asyncio.wait([task])
            return Withdrawn()
        if await self._host.stop(session_id):
            await asyncio.wait([task])
            return Withdrawn(stopped=True)
        return Withdrawn(errors=("the agent did not stop in time",))

    async def state(self) -> PlacementState:
        """Well, until the server ends."""
        if self._host.draining:
            return PlacementState(ok=False, why="the server is shutting down")
        return PlacementState(ok=True)

    async def live(self) -> Collection[str]:
        """The sessions that are reserved or have an agent here."""
        return list(self._users)

    async def drain(self, seconds: float) -> None:
        """Let agents end for `seconds`, then end them as DRAINED."""
        await self._host.drain(seconds)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, session_id: str) -> None:
        try:
            await self._host.run(session_id)
        except GreenroomError as error:
            # Over before it began; or upkeep ends it, as one that no agent has taken.
            _log.warning("session %s has no agent: %s", session_id, error)

    def _forget(self, session_id: str) -> None:
        del self._tasks[session_id]
        self._users.pop(session_id, None)
