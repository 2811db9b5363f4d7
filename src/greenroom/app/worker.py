"""The life of a worker process: its agents' loop in one thread, Celery's worker in the main one."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass

from celery import Celery
from celery.utils.nodenames import host_format

from greenroom import __version__
from greenroom.app.agent_host import open_agent_host
from greenroom.app.credentials import worker_credentials
from greenroom.app.engines import open_engines
from greenroom.app.garbage import tune_garbage_collector
from greenroom.app.logs import set_up_logging
from greenroom.app.loop_thread import LoopThread
from greenroom.app.rooms import open_rooms, rooms_provider
from greenroom.app.server import bind
from greenroom.app.worker_health import WorkerHealth, serving
from greenroom.errors import ConfigurationError
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.node import ephemeral_node
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, log_progress
from greenroom.workers.celery.agents import LeasedAgents
from greenroom.workers.celery.app import make_celery_app
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.celery.worker import AgentWorker
from greenroom.workers.lease_keeper import LeaseKeeper
from greenroom.workers.leases import LeaseTerms
from greenroom.workers.ports import WorkerLoad
from greenroom.workers.redis_leases import RedisLeases
from greenroom.workers.supervision import Supervision

AGENTS_PER_CORE = 20
"""Where `workers.capacity` says nothing."""


def run_worker(settings: Settings, progress: Progress = log_progress) -> int:
    """Host agents until SIGTERM or SIGINT; return the exit code. Call it in the main thread.

    Raises ConfigurationError before any work is taken.
    """
    set_up_logging(settings)
    began = time.monotonic()
    worker: AgentWorker | None = None
    with ExitStack() as stack:
        plan = Plan.of(settings, progress, stack, lambda: worker is not None and worker.consuming)
        thread = LoopThread(plan.open)
        with _ends_quietly():
            opened = stack.enter_context(thread)
        worker = AgentWorker(
            plan.app,
            opened.agents,
            thread.loop,
            name=plan.name,
            capacity=plan.capacity,
            drain_timeout=settings.workers.drain_timeout,
            on_ready=lambda: _say(plan, opened, time.monotonic() - began),
        )
        # What is alive now lives as long as the process.
        tune_garbage_collector()
        return worker.run()


@dataclass(frozen=True, slots=True)
class Opened:
    """What works on the agents' loop, and what was chosen for what, in words."""

    agents: LeasedAgents
    chosen: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to be. `consuming` says whether Celery takes tasks here."""

    settings: Settings
    progress: Progress
    app: Celery
    name: str
    capacity: int
    redis_url: str
    health: socket.socket | None
    consuming: Callable[[], bool]

    @classmethod
    def of(
        cls,
        settings: Settings,
        progress: Progress,
        stack: ExitStack,
        consuming: Callable[[], bool],
    ) -> Plan:
        """Read the settings. Raises ConfigurationError."""
        workers = settings.workers
        if settings.redis_url is None:
            raise ConfigurationError(
                "redis_url", "workers and servers find each other by Redis: set REDIS_URL"
            )
        if rooms_provider(settings) != "livekit":
            raise ConfigurationError(
                "livekit_url", "a worker joins rooms of a LiveKit server: set LIVEKIT_URL"
            )
        app = make_celery_app(settings)
        health = None
        if workers.health_port:
            health = bind(workers.health_host, workers.health_port, "workers.health_port")
            stack.callback(health.close)
        return cls(
            settings,
            progress,
            app,
            worker_name(workers.name),
            workers.capacity or AGENTS_PER_CORE * (os.cpu_count() or 1),
            settings.redis_url.get_secret_value(),
            health,
            consuming,
        )

    async def open(self, stack: AsyncExitStack) -> Opened:
        """Make everything ready on this loop, to be ended with `stack`: models are warm, leases are
        renewed, lapsed ones are found."""
        settings = self.settings
        node = ephemeral_node(self.name)
        sessions = await open_sessions(settings, control_url=self.redis_url, node=node)
        stack.push_async_callback(sessions.close)
        rooms = (await open_rooms(settings, worker_credentials(settings), stack, 0)).rooms
        assert rooms is not None  # noqa: S101 - of a LiveKit server
        recordings = Recordings(settings.recording, settings.data_dir)
        stack.push_async_callback(recordings.close)
        engines = open_engines(settings, stack, self.progress)
        host = await open_agent_host(
            settings, sessions, rooms, recordings, engines, stack, capacity=self.capacity
        )
        leases = RedisLeases(self.redis_url, LeaseTerms.of(settings))
        stack.push_async_callback(leases.close)
        tasks = AgentTasks(self.app, settings)
        stack.push_async_callback(tasks.close)

        def load() -> WorkerLoad:
            return WorkerLoad(self.name, host.agents, host.capacity, host.draining)

        keeper = LeaseKeeper(
            leases, node.id, lease=settings.workers.lease, load=load, lost=host.leave
        )
        keeper.start()
        stack.push_async_callback(keeper.close)
        supervision = Supervision(leases, sessions, tasks.send)
        supervision.start()
        stack.push_async_callback(supervision.close)
        agents = LeasedAgents(host, leases, keeper, node.id)
        if self.health is not None:
            health = WorkerHealth(host, leases, tasks, self.consuming)
            await stack.enter_async_context(serving(health, settings.server, self.health))
        return Opened(agents, (*engines.chosen, ("journal", sessions.store.name)))


def worker_name(name: str) -> str:
    """The node name by which Celery and its monitors know a worker.

    Without an `@` it is one on this machine; `%h`, `%n` and `%d` stand for what they do in Celery.
    """
    name = name or "agents"
    return str(host_format(name if "@" in name else f"{name}@%h"))


def _say(plan: Plan, opened: Opened, seconds: float) -> None:
    """Print what runs where."""
    rows: list[tuple[str, str]] = [
        ("worker", plan.name),
        ("agents", f"{plan.capacity} at once"),
        ("queue", plan.settings.workers.queue),
        ("broker", plan.app.connection_for_read().as_uri()),
        ("LiveKit rooms", plan.settings.livekit_url),
    ]
    if plan.health is not None:
        host, port = plan.health.getsockname()[:2]
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        rows.append(("health, metrics", f"http://{where}"))
    rows += opened.chosen
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    ready = f"Ready in {seconds:.1f} s. Ctrl-C ends it."
    sys.stdout.write("\n".join([f"Greenroom worker {__version__}", *lines, ready, ""]))
    sys.stdout.flush()


@contextmanager
def _ends_quietly() -> Iterator[None]:
    """SIGTERM ends the process in good order meanwhile; later on Celery takes it."""

    def end(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
