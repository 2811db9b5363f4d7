"""Celery's own worker, in the main thread: its threads wait for agents that run on another loop.

A task has a thread of Celery's pool for as long as its agent runs, so that Celery itself counts the
agents: it takes no task beyond `concurrency`, shows each as active, and ends when all are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

from celery import Celery, signals
from celery.concurrency.thread import TaskPool
from celery.worker.control import Panel, inspect_command

from greenroom.workers.celery.app import RUN_AGENT

_Result = TypeVar("_Result")


class Agents(Protocol):
    """What tasks run: `workers.celery.agents.LeasedAgents`."""

    @property
    def sessions(self) -> Sequence[str]:
        """Whose agents run now. From any thread."""
        ...

    async def run(self, session_id: str) -> str:
        """Run a session's agent; return, in words, what came of it."""
        ...

    async def drain(self, seconds: float) -> None:
        """Take no more; give talks `seconds` to end, then hand the rest over."""
        ...


class AgentWorker:
    """A Celery worker whose tasks are `agents` on `loop`, which runs in another thread.

    `on_ready` is called in the main thread when it begins to take tasks, `capacity` at once.
    """

    def __init__(
        self,
        app: Celery,
        agents: Agents,
        loop: asyncio.AbstractEventLoop,
        *,
        name: str,
        capacity: int,
        drain_timeout: float,
        on_ready: Callable[[], None],
    ) -> None:
        self._app = app
        self._agents = agents
        self._loop = loop
        self._name = name
        self._capacity = capacity
        self._drain_timeout = drain_timeout
        self._on_ready = on_ready
        self._worker: Any = None
        self._ending = False
        app.task(self._run_agent, name=RUN_AGENT, shared=False)

    @property
    def consuming(self) -> bool:
        """Whether it is connected to the broker and takes tasks. From any thread."""
        consumer = getattr(self._worker, "consumer", None)
        return not self._ending and getattr(consumer, "connection", None) is not None

    def run(self) -> int:
        """Work until SIGTERM, SIGINT or SIGQUIT; return the exit code.

        In the main thread. The first SIGTERM or SIGINT gives talks the time to end, a second one
        hands them over at once, as SIGQUIT does. The code is Celery's: 0, or 1 after a SIGINT.
        """
        with ExitStack() as stack:
            inspect_command(name="agents")(self._inspect)
            stack.callback(Panel.data.pop, "agents", None)
            stack.enter_context(_connected(signals.setup_logging, _keep_logging))
            stack.enter_context(_connected(signals.worker_ready, self._ready))
            stack.enter_context(_connected(signals.worker_shutting_down, self._on_signal))
            self._worker = self._app.Worker(
                hostname=self._name,
                pool_cls=_pool(self),
                concurrency=self._capacity,
                quiet=True,
                # What these two are for, the leases do; mingling takes a second of the start.
                without_mingle=True,
                without_gossip=True,
            )
            self._worker.start()
        # A worker that was terminated has not waited for its agents.
        self._on_loop(self._agents.drain(0))
        return int(self._worker.exitcode or 0)

    def end(self, *, now: bool) -> None:
        """Take no more; give talks the time to end, or hand them over `now`. From any thread."""
        if self._ending and not now:
            return
        self._ending = True
        drained = self._agents.drain(0 if now else self._drain_timeout)
        asyncio.run_coroutine_threadsafe(drained, self._loop)

    def _run_agent(self, session_id: str, attempt: int) -> str:
        """The task; what it returns is shown by monitors."""
        try:
            return self._on_loop(self._agents.run(session_id))
        except CancelledError:
            return f"attempt {attempt} was given up: the agent did not leave"

    def _on_loop(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _inspect(self, state: Any) -> dict[str, Any]:  # noqa: ARG002 - as Celery calls it
        """Sessions whose agents run here."""
        return {"sessions": list(self._agents.sessions)}

    def _ready(self, **_: Any) -> None:
        self._on_ready()

    def _on_signal(self, **_: Any) -> None:
        """Called in Celery's handler of each signal that ends it."""
        self.end(now=self._ending)


def _pool(worker: AgentWorker) -> type[Any]:
    """Celery's threads. They can't be ended from outside, but what they wait for can."""

    class AgentsPool(TaskPool):  # type: ignore[misc] # Celery has no types
        """Ends the agents whenever Celery ends its pool: by a signal, an error, or from remote."""

        def on_stop(self) -> None:
            """Return when all tasks are done."""
            worker.end(now=False)
            super().on_stop()

        def terminate_job(self, pid: int, signal: int | None = None) -> None:  # noqa: ARG002
            """Called for each task at SIGQUIT."""
            worker.end(now=True)

    return AgentsPool


def _keep_logging(**_: Any) -> None:
    """Celery sets up no logging where something listens to this signal."""


@contextmanager
def _connected(signal: Any, receiver: Callable[..., None]) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)
