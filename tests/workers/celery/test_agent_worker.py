"""Celery's worker in a thread of this process, and agents that are stand-ins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from celery import Celery
from celery.worker.control import Panel
from redis.asyncio import Redis

from greenroom.workers.celery.app import RUN_AGENT
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.celery.worker import AgentWorker
from support.leases import until

CAPACITY = 2

pytestmark = [
    # Tests may run as root in a container.
    pytest.mark.filterwarnings("ignore::celery.exceptions.SecurityWarning"),
]


class Agents:
    """They run until they are told to end, each by its session."""

    def __init__(self) -> None:
        self.running: dict[str, asyncio.Future[str]] = {}
        self.drains: list[float] = []
        self.changed = asyncio.Event()

    @property
    def sessions(self) -> list[str]:
        return list(self.running)

    async def run(self, session_id: str) -> str:
        ending = self.running[session_id] = asyncio.get_running_loop().create_future()
        self.changed.set()
        try:
            return await ending
        finally:
            del self.running[session_id]
            self.changed.set()

    async def drain(self, seconds: float) -> None:
        self.drains.append(seconds)
        self.changed.set()
        if seconds == 0:
            for ending in self.running.values():
                ending.set_result("handed over")

    def end(self, session_id: str) -> None:
        self.running[session_id].set_result("stopped: client_stopped")

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self.changed.clear()
                await self.changed.wait()


class Working:
    """A worker that takes tasks."""

    def __init__(self, app: Celery, agents: Agents) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready = asyncio.Event()
        self.over: asyncio.Future[int] = self._loop.create_future()
        self.worker = AgentWorker(
            app,
            agents,
            self._loop,
            name="agents@here",
            capacity=CAPACITY,
            drain_timeout=60,
            on_ready=lambda: self._tell(self.ready.set),
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        code = self.worker.run()
        self._tell(lambda: self.over.set_result(code))

    def _tell(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    async def ended(self) -> int:
        async with asyncio.timeout(15):
            code = await self.over
        self._thread.join()
        return code


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
async def working(app: Celery, agents: Agents) -> AsyncIterator[Working]:
    working = Working(app, agents)
    async with asyncio.timeout(15):
        await working.ready.wait()
    yield working
    if not working.over.done():
        working.worker.end(now=True)
        app.control.shutdown()
        await working.ended()


async def asked(app: Celery, ask: Callable[[Any], Any]) -> Any:
    """What the worker answers to a command."""
    inspect = app.control.inspect(timeout=5, limit=1)
    return (await asyncio.to_thread(ask, inspect))["agents@here"]


async def test_agents_have_the_tasks_of_as_many_sessions_as_may_be_at_once(
    working: Working, agents: Agents, tasks: AgentTasks, app: Celery, redis: Redis
) -> None:
    assert working.worker.consuming
    for session in ("r", "s", "t"):
        await tasks.send(session, 1)
    await agents.until(lambda: len(agents.running) == CAPACITY)
    # The third waits where another worker finds it.
    assert await redis.llen("greenroom") == 1
    shown = await asked(app, lambda inspect: inspect._request("agents"))
    assert shown == {"sessions": agents.sessions}
    active = await asked(app, lambda inspect: inspect.active())
    assert {task["id"] for task in active} == {f"{session}-1" for session in agents.sessions}
    assert {task["name"] for task in active} == {RUN_AGENT}
    agents.end(agents.sessions[0])
    await agents.until(lambda: "t" in agents.running)
    assert await redis.llen("greenroom") == 0
    # A remote shutdown gives talks the time to end, and takes nothing more meanwhile.
    app.control.shutdown()
    await agents.until(lambda: agents.drains)
    assert not working.worker.consuming
    await tasks.send("u", 1)
    for session in agents.sessions:
        agents.end(session)
    assert await working.ended() == 0
    assert agents.drains == [60, 0]
    assert await redis.llen("greenroom") == 1
    assert "agents" not in Panel.data


async def test_a_revoked_task_is_not_run(
    working: Working, agents: Agents, tasks: AgentTasks, app: Celery
) -> None:
    await tasks.revoke("revoked")

    async def revoked() -> object:
        return await asked(app, lambda inspect: inspect.revoked())

    await until(revoked)
    await tasks.send("revoked", 1)
    await tasks.send("t", 1)
    await agents.until(lambda: agents.running)
    assert agents.sessions == ["t"]
    agents.end("t")


async def test_whoever_can_not_wait_has_the_agents_hand_over_at_once(
    working: Working, agents: Agents, tasks: AgentTasks, app: Celery
) -> None:
    await tasks.send("s", 1)
    await agents.until(lambda: agents.running)
    working.worker._on_signal()
    await agents.until(lambda: agents.drains == [60])
    assert agents.running
    # The second signal, as Celery's handler tells it.
    working.worker._on_signal()
    await agents.until(lambda: not agents.running)
    app.control.shutdown()
    assert await working.ended() == 0


async def test_a_cold_shutdown_ends_the_tasks_of_threads(
    working: Working, agents: Agents, tasks: AgentTasks
) -> None:
    await tasks.send("s", 1)
    await agents.until(lambda: agents.running)
    consumer = working.worker._worker.consumer
    # What Celery's handler of SIGQUIT does.
    await asyncio.to_thread(consumer.cancel_active_requests)
    await agents.until(lambda: not agents.running)
    assert agents.drains[0] == 0


async def test_a_task_whose_agent_was_given_up_says_so(
    working: Working, agents: Agents, tasks: AgentTasks
) -> None:
    told = asyncio.create_task(asyncio.to_thread(working.worker._run_agent, "s", 2))
    await agents.until(lambda: agents.running)
    agents.running["s"].cancel()
    assert await told == "attempt 2 was given up: the agent did not leave"
