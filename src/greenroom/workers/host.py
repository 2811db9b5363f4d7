"""Hosts the agents of one process, many on one event loop: in a server, or on a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from greenroom.errors import CapacityExceeded
from greenroom.providers.deadline import Deadline
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason
from greenroom.workers.agent import LINE_LOST, AgentParts, RunningAgent

__all__ = ["LINE_LOST", "AgentHost", "AgentParts"]

GONE_WITHIN = 8.0
"""Seconds for agents that were told to end: to hear the last words, leave the room, record it."""


class AgentHost:
    """Up to `capacity` agents at once. To be drained at the end, which ends all of them.

    For its event loop only, as everything that the parts have.
    """

    def __init__(self, parts: AgentParts, capacity: int) -> None:
        self.capacity = capacity
        self._parts = parts
        self._agents: dict[str, RunningAgent] = {}
        self._changed = asyncio.Event()
        self._draining = False

    @property
    def agents(self) -> int:
        """How many there are."""
        return len(self._agents)

    @property
    def draining(self) -> bool:
        """Whether no more are taken."""
        return self._draining

    def sessions(self) -> Collection[str]:
        """The ids of the sessions whose agents are here."""
        return list(self._agents)

    async def run(self, session_id: str, opening: str | None = None) -> Ended | None:
        """Be the session's agent until its end, and return how it has ended.

        None: the session goes on without this agent, which was replaced, or told to leave. An
        agent that was here for the session before is replaced. `opening`: what is said first where
        this agent takes the place of one that was lost (LINE_LOST); a word on how to go on is
        added.

        Raises CapacityExceeded before anything is allocated; SessionNotFound, SessionEnded and
        StorageUnavailable with nothing left behind. All else that fails ends the session as FAILED.
        Cancelled, it ends the session as DRAINED.
        """
        before = self._agents.get(session_id)
        if self._draining or (before is None and self.agents >= self.capacity):
            raise CapacityExceeded("agents", 0 if self._draining else self.capacity)
        agent = RunningAgent(self._parts, session_id, opening)
        self._agents[session_id] = agent
        try:
            return await agent.run(after=before.gone if before is not None else None)
        finally:
            if self._agents.get(session_id) is agent:
                del self._agents[session_id]
            self._changed.set()

    def leave(self, session_id: str) -> None:
        """The session is another's: its agent, if it is here, leaves without ending it."""
        if (agent := self._agents.get(session_id)) is not None:
            agent.leave()

    async def hand_over(self, session_id: str) -> bool:
        """Have the agent leave in good order, so that another may take the session up.

        Returns when it is gone; False where there was none, or it doesn't go in time.
        """
        agent = self._agents.get(session_id)
        if agent is None:
            return False
        agent.leave()
        return await self._gone(agent)

    async def stop(self, session_id: str, reason: EndReason = EndReason.CLIENT_STOPPED) -> bool:
        """End the session. Returns as `hand_over` does."""
        agent = self._agents.get(session_id)
        if agent is None:
            return False
        agent.stop(reason)
        return await self._gone(agent)

    async def drain(self, seconds: float, *, hand_over: bool = False) -> None:
        """Take no more; after `seconds` end those that are left as DRAINED, or have them leave.

        Returns when all are gone, or some time (GONE_WITHIN) after they should be.
        """
        self._draining = True
        if await self._empty(seconds):
            return
        for agent in list(self._agents.values()):
            if hand_over:
                agent.leave()
            else:
                agent.stop(EndReason.DRAINED)
        await self._empty(GONE_WITHIN)

    async def _gone(self, agent: RunningAgent) -> bool:
        with suppress(TimeoutError):
            async with Deadline(self._parts.clock, GONE_WITHIN):
                await agent.gone.wait()
        return agent.gone.is_set()

    async def _empty(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with Deadline(self._parts.clock, seconds):
                while self._agents:
                    self._changed.clear()
                    await self._changed.wait()
        return not self._agents
