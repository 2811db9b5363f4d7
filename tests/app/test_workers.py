"""Agents on workers: a server, two workers, Redis, PostgreSQL, Flower, and LiveKit's client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from livekit import rtc
from redis.asyncio import Redis

import services
from greenroom.workers.celery.app import RUN_AGENT
from greenroom.workers.host import LINE_LOST
from greenroom.workers.lease_scripts import SESSIONS
from support.livekit_client import Client, connected
from support.server import SCRIPTED, ServerProcess, running_server
from support.worker import WorkerProcess, running_worker

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("workers"),
]
OPENING = "Welcome to the workshop."
TAKEN_WITHIN = 10.0
"""Seconds; a bound for a busy machine, no promise."""


@dataclass
class House:
    """Everything, and the workers by name."""

    server: ServerProcess
    client: httpx.AsyncClient
    redis: Redis
    flower: httpx.AsyncClient
    folder: Path
    settings: dict[str, str]
    stack: AsyncExitStack
    workers: dict[str, WorkerProcess] = field(default_factory=dict)

    async def start(self, name: str) -> None:
        worker = running_worker(self.folder, f"{name}@here", "--capacity", "1", **self.settings)
        self.workers[name] = await self.stack.enter_async_context(worker)

    def running(self) -> list[WorkerProcess]:
        return [each for each in self.workers.values() if each.process.returncode is None]

    async def one_worker(self) -> WorkerProcess:
        """The one that another test has left, or a new one: tests may run in any order."""
        if not self.running():
            await self.start("three")
        (worker,) = self.running()
        return worker

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def start_session(self) -> dict[str, Any]:
        return await self.post("/api/session/start", {"userName": "ann", "openingLine": OPENING})

    async def end_session(self, session: dict[str, Any]) -> dict[str, Any]:
        ended = await self.post("/api/session/end", {"sessionId": session["sessionId"]})
        return dict(ended["details"])

    async def holder(self, session_id: str, *but: str) -> str:
        """The name of the worker that has the session."""
        others = [name for name in self.workers if name not in but]

        async def owner() -> str:
            lease = await self.redis.hget(SESSIONS, session_id) or "{}"
            by = json.loads(lease).get("owner", "")
            return next((name for name in others if f"{name}@here" in by), "")

        return str(await until(owner))

    async def events_of(self, session_id: str) -> dict[str, Any]:
        """The session's first task, as Flower shows it."""

        async def task() -> dict[str, Any]:
            shown = await self.flower.get(f"/api/task/info/{session_id}-1")
            return dict(shown.json()) if shown.status_code == 200 else {}

        return dict(await until(task))


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The answer, once it is something."""
    async with asyncio.timeout(TAKEN_WITHIN):
        while not (answer := await ask()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    return answer


class Heard:
    """What the agent in a room has said, by the room's transcription."""

    def __init__(self, client: Client) -> None:
        self.said: list[str] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        client.room.register_text_stream_handler("lk.transcription", self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._read(reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        self.said.append(await reader.read_all())
        self._changed.set()

    async def has(self, words: str) -> None:
        async with asyncio.timeout(TAKEN_WITHIN):
            while not any(words in said for said in self.said):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running_flower(broker: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Flower in a process of its own, once it answers."""
    port = services._free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "celery",
        f"--broker={broker}",
        "flower",
        f"--port={port}",
        "--address=127.0.0.1",
        "--logging=error",
        env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true"},
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def answers() -> bool:
                with suppress(httpx.TransportError):
                    return (await client.get("/healthcheck")).status_code == 200
                return False

            async with asyncio.timeout(30):
                await until(answers)
            yield client
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("workers")
    data = folder / "server"
    data.mkdir()
    async with AsyncExitStack() as stack:
        database = stack.enter_context(services.postgres()).empty_database()
        redis = stack.enter_context(services.redis_server())
        settings = {
            **SCRIPTED,
            "GREENROOM_STORAGE__DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "CELERY_BROKER_URL": redis.url,
            "GREENROOM_SERVER__APIS": "orchestrator",
        }
        flower = await stack.enter_async_context(running_flower(redis.url, folder))
        server = await stack.enter_async_context(
            running_server(data, **settings, GREENROOM_ROOMS__PROVIDER="embedded")
        )
        found = re.search(r"voice assistants +(http://[^/]+)", "".join(server.said))
        assert found is not None, server.said
        client = httpx.AsyncClient(base_url=found[1], timeout=20)
        await stack.enter_async_context(client)
        watch = Redis.from_url(redis.url, decode_responses=True)
        stack.push_async_callback(watch.aclose)
        settings["LIVEKIT_URL"] = server.rooms_url
        settings["GREENROOM_WORKERS__DRAIN_TIMEOUT"] = "0"
        yield House(server, client, watch, flower, folder, settings, stack)


async def test_without_a_worker_a_start_is_refused_and_leaves_nothing(house: House) -> None:
    for worker in house.running():
        await worker.terminate()
    answer = await house.client.post("/api/session/start", json={"userName": "ann"})
    assert answer.status_code == 503
    assert answer.json()["detail"] == (
        "Failed to queue voice agent spawn task: no worker is running"
    )
    assert not await house.redis.exists(SESSIONS)


async def test_a_worker_talks_and_another_takes_the_talk_up_when_it_is_killed(
    house: House,
) -> None:
    for worker in house.running():
        await worker.terminate()
    await asyncio.gather(house.start("one"), house.start("two"))
    session = await house.start_session()
    name = session["roomName"]
    async with connected(session["serverUrl"], session["token"]) as caller:
        heard = Heard(caller)
        await heard.has(OPENING)
        first = await house.holder(name)
        await house.workers[first].kill()
        second = await house.holder(name, first)
        await heard.has(LINE_LOST)
        assert heard.said[0] == OPENING
        agents = list(caller.room.remote_participants.values())
        assert [each.identity for each in agents] == ["agent"]
        # Both workers are full or gone.
        refused = await house.client.post("/api/session/start", json={"userName": "bob"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        task = await house.events_of(name)
        assert task["worker"] == f"{first}@here"
        workers = (await house.flower.get("/api/workers?refresh=1")).json()
        assert RUN_AGENT in workers[f"{second}@here"]["registered"]
        details = await house.end_session(session)
    assert details["process_killed"] is True
    assert details["celery_task_revoked"] is True
    assert details["redis_cleaned"] is True
    assert details["errors"] == []
    assert not await house.redis.exists(SESSIONS)


async def test_a_worker_that_ends_hands_its_talk_over(house: House) -> None:
    worker = await house.one_worker()
    session = await house.start_session()
    async with connected(session["serverUrl"], session["token"]) as caller:
        await Heard(caller).has(OPENING)
        assert await worker.terminate() == 0, "".join(worker.log)
        lease = json.loads(await house.redis.hget(SESSIONS, session["roomName"]) or "{}")
        assert (lease["owner"], lease["handed"]) == ("", True)
        assert not caller.room.remote_participants
        # No worker has taken it up: what the first has recorded counts.
        details = await house.end_session(session)
    assert (details["process_killed"], details["celery_task_revoked"]) == (False, True)
    assert details["redis_cleaned"] is True
    assert not await house.redis.exists(SESSIONS)
    left = {key for key in await house.redis.keys() if not key.startswith("_kombu.")}
    # The queue, if another was sent for by then: its tasks are revoked, and expire.
    assert left <= {"greenroom"}
