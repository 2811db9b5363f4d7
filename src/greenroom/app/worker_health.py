"""What a worker tells of itself by HTTP: /health for probes, /metrics for an autoscaler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from socket import socket

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from greenroom.app.server import http_server
from greenroom.settings import ServerSettings
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.host import AgentHost
from greenroom.workers.leases import Leases
from greenroom.workers.ports import PlacementFailed


class WorkerHealth:
    """Answers on the agents' own event loop: where that hangs, nobody answers.

    `consuming` says whether Celery takes tasks here.
    """

    def __init__(
        self, host: AgentHost, leases: Leases, tasks: AgentTasks, consuming: Callable[[], bool]
    ) -> None:
        self._host = host
        self._leases = leases
        self._tasks = tasks
        self._consuming = consuming

    def app(self) -> Starlette:
        """The two paths."""
        return Starlette(
            routes=[Route("/health", self._health), Route("/metrics", self._metrics)],
        )

    async def _health(self, _: Request) -> Response:
        """200 while it takes work, 503 when it doesn't; why is in the body."""
        redis, broker = await asyncio.gather(
            _answers(self._leases.loads()), _answers(self._tasks.check())
        )
        consuming = self._consuming()
        if self._host.draining:
            status = "draining"
        elif redis and broker and consuming:
            status = "healthy"
        else:
            status = "degraded"
        body = {
            "status": status,
            "redis": redis,
            "broker": broker,
            "consuming": consuming,
            "agents": self._host.agents,
            "capacity": self._host.capacity,
        }
        return JSONResponse(body, 200 if status == "healthy" else 503)

    async def _metrics(self, _: Request) -> Response:
        """Prometheus' text format, version 0.0.4."""
        agents, capacity = self._host.agents, self._host.capacity
        gauges = (
            ("greenroom_agents", "Agents that run on this worker.", agents),
            ("greenroom_agents_capacity", "Agents that may run on this worker.", capacity),
            ("greenroom_agents_load", "Agents that run, of those that may.", agents / capacity),
        )
        text = "".join(
            f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {value}\n"
            for name, meaning, value in gauges
        )
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _answers(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except PlacementFailed:
        return False
    return True


@asynccontextmanager
async def serving(
    health: WorkerHealth, settings: ServerSettings, listener: socket
) -> AsyncIterator[None]:
    """Answer on `listener` meanwhile."""
    server = http_server(health.app(), settings)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
