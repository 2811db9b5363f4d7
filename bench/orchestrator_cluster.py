"""A server with its workers, Redis and PostgreSQL, as processes, for the orchestrator's benches.

The server has the embedded rooms, and the workers join them by LiveKit's SDK, as they would join
those of a LiveKit server. Hearing and speaking are scripted and take no time, but for the length
of what is said; what thinks is the offline assistant.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
import room_client as c
from processes import Server
from server import Http

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from services import postgres, redis_server

ANSWER = "Your order is on the way and arrives at your door early tomorrow morning."
MS_PER_CHARACTER = round(2_000 / len(ANSWER), 3)
SCRIPTED = {
    "GREENROOM_PROVIDERS__TRANSCRIBER": "scripted:?text=when+does+my+order+arrive+at+my+door",
    "GREENROOM_PROVIDERS__SYNTHESIZER": f"scripted:?ms_per_character={MS_PER_CHARACTER}",
}
"""A question that the offline assistant answers from its prompt, with the 2 s of sound that the
peers' stand-ins say too."""
PROMPT = f"You are the voice of a shop. {ANSWER}"
ORCHESTRATOR = {
    **SCRIPTED,
    "GREENROOM_SERVER__APIS": "orchestrator",
    "GREENROOM_ROOMS__PROVIDER": "embedded",
    "GREENROOM_ORCHESTRATOR__MAX_SESSIONS_PER_USER": "1000",
    "GREENROOM_AVATAR__READY": "",
    "LIVEKIT_API_KEY": c.KEY,
    "LIVEKIT_API_SECRET": c.SECRET,
}
WORK = "from greenroom.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server that gives its agents to workers; there are none until they are started."""

    server: Server
    folder: Path
    environment: dict[str, str]
    redis_url: str
    database_url: str

    @property
    def rooms_url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"

    @contextlib.asynccontextmanager
    async def worker(self, name: str, capacity: int = 100) -> AsyncIterator[Server]:
        """A `greenroom worker` that takes work, until the end or its death."""
        port = processes.free_port()
        environment = {
            **os.environ,
            "GREENROOM_LOG_LEVEL": "warning",
            **self.environment,
            "GREENROOM_DATA_DIR": str(self.folder / name),
            "GREENROOM_WORKERS__NAME": f"{name}@bench",
            "GREENROOM_WORKERS__CAPACITY": str(capacity),
            "GREENROOM_WORKERS__HEALTH_PORT": str(port),
            "GREENROOM_WORKERS__DRAIN_TIMEOUT": "2",
            "LIVEKIT_URL": self.rooms_url,
        }
        del environment["GREENROOM_ROOMS__PROVIDER"]  # the LiveKit server that LIVEKIT_URL names
        command = [sys.executable, "-c", WORK, "worker"]
        async with processes.started(command, environment, port, self.folder, name) as worker:
            yield worker


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Everything but the workers."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres()).empty_database()
        redis = stack.enter_context(redis_server()).url
        environment = {
            **ORCHESTRATOR,
            "REDIS_URL": redis,
            "CELERY_BROKER_URL": redis,
            "GREENROOM_STORAGE__DATABASE_URL": database,
        }
        data = folder / "server"
        data.mkdir()
        server = await stack.enter_async_context(processes.greenroom(data, environment))
        yield Cluster(server, folder, environment, redis, database)


class Workers:
    """Some workers, by name, each of which can be killed and started again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stacks: dict[str, AsyncExitStack] = {}
        self._running: dict[str, Server] = {}
        self._used = 0.0

    async def start(self, name: str) -> None:
        """Return when it takes work."""
        stack = self._stacks[name] = AsyncExitStack()
        self._running[name] = await stack.enter_async_context(self._cluster.worker(name))

    async def kill(self, name: str) -> float:
        """kill -9; return when that was, by `time.monotonic`."""
        worker = self._running[name]
        self._used += worker.cpu_seconds()
        killed = time.monotonic()
        await worker.kill()
        return killed

    async def stop(self, name: str) -> None:
        """SIGTERM, unless it is dead; whatever it has left running is ended."""
        await self._stacks.pop(name).aclose()

    def cpu_seconds(self) -> float:
        """Of all that have run."""
        return self._used + sum(worker.cpu_seconds() for worker in self._running.values())

    def of(self, node: str | None) -> str:
        """The name of the worker that a session's node is: a part of that."""
        (name,) = [name for name in self._running if name in (node or "")]
        return name


@contextlib.asynccontextmanager
async def workers(cluster: Cluster, *names: str) -> AsyncIterator[Workers]:
    """Workers that all take work."""
    started = Workers(cluster)
    try:
        await asyncio.gather(*[started.start(name) for name in names])
        yield started
    finally:
        await asyncio.gather(*[started.stop(name) for name in names])


@contextlib.asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Server]:
    """A server that runs its agents itself and needs nothing else."""
    async with processes.greenroom(folder, ORCHESTRATOR) as server:
        yield server


@contextlib.asynccontextmanager
async def http(server: Server) -> AsyncIterator[Http]:
    """A connection for some calls; the server closes one that is idle for 5 s."""
    connection = await Http.to(server)
    try:
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to a start."""

    id: str
    url: str
    token: str


async def start(http: Http, user: str, opening: str = "Hello.", prompt: str = PROMPT) -> Started:
    """POST /api/session/start."""
    body = {"userName": user, "openingLine": opening, "systemPrompt": prompt}
    made = await http.ask("POST", "/api/session/start", json.dumps(body).encode())
    return Started(made["sessionId"], made["serverUrl"], made["token"])


async def end(http: Http, session_id: str) -> dict[str, Any]:
    """POST /api/session/end: its `details`."""
    body = json.dumps({"sessionId": session_id}).encode()
    answer = await http.ask("POST", "/api/session/end", body)
    details: dict[str, Any] = answer["details"]
    return details


def say(measure: str, **figures: Any) -> None:
    """One line of JSON."""
    print(json.dumps({"measure": f"orchestrator.{measure}", **figures}), flush=True)


def milliseconds(seconds: Iterable[float]) -> dict[str, float]:
    """p50, p95 and max, in ms."""
    ordered = sorted(seconds)
    if not ordered:
        return {"n": 0}
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered) * 1000, 1),
        "p95": round(p95 * 1000, 1),
        "max": round(ordered[-1] * 1000, 1),
    }
