"""A worker from its start to its end, in a thread of this process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

import services
from greenroom.app import livekit_rooms
from greenroom.app import worker as module
from greenroom.app.credentials import worker_credentials
from greenroom.app.loop_thread import LoopThread
from greenroom.app.worker import run_worker, worker_name
from greenroom.errors import ConfigurationError
from greenroom.settings import ProviderSettings, Settings, WorkerSettings
from greenroom.workers.celery.app import make_celery_app
from support.database import NAME, put_database


@pytest.fixture
def redis() -> Iterator[services.RedisServer]:
    with services.redis_server() as server:
        yield server


@pytest.fixture
def settings(redis: services.RedisServer, data_dir: Path) -> Settings:
    put_database(data_dir / NAME)
    return Settings(
        data_dir=data_dir,
        redis_url=redis.url,
        celery_broker_url=redis.url,
        livekit_url="ws://127.0.0.1:1",
        providers=ProviderSettings(transcriber="scripted:", synthesizer="scripted:"),
        workers=WorkerSettings(name="desk", capacity=4, health_port=services._free_port()),
    )


def in_a_thread(call: Callable[[Settings], int], settings: Settings) -> asyncio.Future[int]:
    """What it returns. Not in the loop's own threads: a failed test would wait for those."""
    loop = asyncio.get_running_loop()
    returned: asyncio.Future[int] = loop.create_future()

    def run() -> None:
        try:
            code = call(settings)
        except Exception as error:  # noqa: BLE001 - it is the test's
            loop.call_soon_threadsafe(returned.set_exception, error)
        else:
            loop.call_soon_threadsafe(returned.set_result, code)

    threading.Thread(target=run, name="worker", daemon=True).start()
    return returned


@pytest.mark.filterwarnings("ignore::celery.exceptions.SecurityWarning")
async def test_a_worker_tells_how_it_is_until_it_ends(
    settings: Settings,
    redis: services.RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The handlers of signals are the main thread's.
    monkeypatch.setattr(module.signal, "signal", lambda *_: signal.SIG_DFL)
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    say = module._say

    def tell(*args: object) -> None:
        say(*args)  # type: ignore[arg-type]
        loop.call_soon_threadsafe(ready.set)

    monkeypatch.setattr(module, "_say", tell)
    monkeypatch.setattr(module, "set_up_logging", lambda _: None)  # the log is this process's
    # Nor is LiveKit's native client the worker's to end here: other tests of this process go on.
    monkeypatch.setattr(livekit_rooms, "end_native_client", lambda: None)
    running = in_a_thread(run_worker, settings)
    async with asyncio.timeout(30):
        await asyncio.wait(
            [asyncio.create_task(ready.wait()), running], return_when=asyncio.FIRST_COMPLETED
        )
    said = capsys.readouterr().out
    (where,) = re.findall(r"health, metrics +(http://\S+)", said)
    assert re.search(r"worker +desk@", said)
    assert re.search(r"agents +4 at once", said)
    async with httpx.AsyncClient(base_url=where) as client, Redis.from_url(redis.url) as watch:
        health = await client.get("/health")
        assert (health.status_code, health.json()) == (
            200,
            {
                "status": "healthy",
                "redis": True,
                "broker": True,
                "consuming": True,
                "agents": 0,
                "capacity": 4,
            },
        )
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        told = dict(line.split() for line in metrics.text.splitlines() if not line.startswith("#"))
        assert told == {
            "greenroom_agents": "0",
            "greenroom_agents_capacity": "4",
            "greenroom_agents_load": "0.0",
        }
        redis.stop()
        away = await client.get("/health")
        assert away.status_code == 503
        assert away.json()["status"] == "degraded"
        assert (away.json()["redis"], away.json()["broker"]) == (False, False)
        redis.start()
        async with asyncio.timeout(20):
            while (await client.get("/health")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        control = make_celery_app(settings).control
        async with asyncio.timeout(20):
            # Told again until it hears: after an outage it listens to this a moment later.
            while not (await asyncio.wait([running], timeout=0.5))[0]:
                await asyncio.to_thread(control.shutdown)
        assert await running == 0
        assert not [key for key in await watch.keys() if b"leases" in key]


@pytest.mark.parametrize(
    ("without", "named"),
    [("redis_url", "redis_url"), ("livekit_url", "livekit_url"), ("celery_broker_url",) * 2],
)
def test_a_worker_says_what_it_needs(
    settings: Settings, without: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The log is this process's.
    monkeypatch.setattr(module, "set_up_logging", lambda _: None)
    default = Settings.model_fields[without].default
    with pytest.raises(ConfigurationError) as refused:
        run_worker(settings.model_copy(update={without: default}))
    assert refused.value.setting == named


def test_the_development_keys_open_rooms_of_this_machine_only() -> None:
    here = worker_credentials(Settings(livekit_url="ws://localhost:7880"))
    assert (here.livekit_key, here.livekit_secret) == ("devkey", "secret")
    with pytest.raises(ConfigurationError, match="LIVEKIT_API_KEY"):
        worker_credentials(Settings(livekit_url="wss://rooms.example.com"))
    with pytest.raises(ConfigurationError, match="together"):
        worker_credentials(Settings(livekit_url="ws://localhost:1", livekit_api_key="k"))
    real = worker_credentials(
        Settings(livekit_url="wss://x.example", livekit_api_key="k", livekit_api_secret="s")
    )
    assert (real.livekit_key, real.livekit_secret) == ("k", "s")


def test_a_worker_is_named_by_its_machine_unless_it_has_a_name() -> None:
    assert worker_name("").startswith("agents@")
    assert len(worker_name("")) > len("agents@")
    assert worker_name("desk") == worker_name("").replace("agents", "desk")
    assert worker_name("desk@hall") == "desk@hall"


async def opened(stack: AsyncExitStack) -> list[str]:
    told = ["opened"]
    stack.callback(told.append, "closed")
    return told


def test_what_is_opened_on_a_loop_thread_is_closed_there() -> None:
    with LoopThread(opened) as told:
        assert told == ["opened"]
    assert told == ["opened", "closed"]


def test_a_loop_thread_passes_failures_on() -> None:
    async def fail(stack: AsyncExitStack) -> None:
        raise ConfigurationError("x", "y")

    with pytest.raises(ConfigurationError), LoopThread(fail):
        pass

    async def fail_later(stack: AsyncExitStack) -> None:
        def close() -> None:
            raise ConfigurationError("x", "y")

        stack.callback(close)

    with pytest.raises(ConfigurationError), LoopThread(fail_later):
        pass


def test_a_signal_while_a_loop_thread_opens_ends_the_opening() -> None:
    cancelled = []

    async def hang(stack: AsyncExitStack) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(SystemExit) as ended, module._ends_quietly(), LoopThread(hang):
        pass
    assert ended.value.code == 0
    assert cancelled == [True]
    assert signal.getsignal(signal.SIGTERM) is not None
