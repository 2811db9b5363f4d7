"""The main port: two contracts on it, one health, each with its own errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from greenroom import __version__
from greenroom.errors import ProviderFailed
from greenroom.workers.ports import PlacementState
from support.commerce import running_api
from support.orchestrator_api import (
    RunningOrchestrator,
    StatedPlacement,
    StatedRooms,
    running_orchestrator,
)

StartPort = Callable[..., Any]
WORKERS = {"redis_url": "redis://127.0.0.1:1/0", "celery_broker_url": "redis://127.0.0.1:1/1"}


@pytest.fixture
async def start_port(data_dir: Path) -> AsyncIterator[StartPort]:
    """The orchestrator's API, with the commerce API in front of it where a test wants it."""
    async with AsyncExitStack() as stack:

        async def start(*, commerce: bool = False, **options: Any) -> RunningOrchestrator:
            if commerce:
                options["beside"] = [(await stack.enter_async_context(running_api(data_dir))).api]
            return await stack.enter_async_context(running_orchestrator(data_dir, **options))

        yield start


async def health(port: RunningOrchestrator) -> dict[str, Any]:
    answer = await port.client.get("/health")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def fails() -> None:
    raise ProviderFailed("x", "no")


# -- whose answer it is ----------------------------------------------------------------------------


async def test_each_contract_has_its_own_errors(start_port: StartPort) -> None:
    port = await start_port(commerce=True)
    for method, path, status, by in (
        ("POST", "/api/session/start", 400, "detail"),
        ("GET", "/api/session/end", 405, "detail"),
        ("POST", "/webhook/livekit", 401, "detail"),
        ("DELETE", "/", 405, "detail"),
        ("GET", "/nowhere", 404, "detail"),
        ("GET", "/docs/scripts/nothing.js", 404, "detail"),
        ("POST", "/api/sessions", 401, "error"),
        ("GET", "/api/sessions/x", 401, "error"),
        ("GET", "/api/nowhere", 404, "error"),
        ("GET", "/api/session", 404, "error"),
        ("GET", "/ws/nowhere", 404, "error"),
        ("DELETE", "/health", 405, "error"),
    ):
        answer = await port.client.request(method, path)
        assert (answer.status_code, list(answer.json())) == (status, [by]), path
    assert (await port.client.get("/")).json()["version"] == "2.0.0"


async def test_without_the_commerce_api_all_errors_are_the_orchestrators(
    start_port: StartPort,
) -> None:
    port = await start_port()
    for path in ("/api/nowhere", "/api/sessions", "/ws/voice/session", "/nowhere"):
        answer = await port.client.get(path)
        assert answer.json() == {"detail": f"Nothing is served at {path}"}
    assert (await port.client.delete("/health")).json() == {
        "detail": "Method DELETE is not allowed; allowed: GET, HEAD"
    }


# -- health ----------------------------------------------------------------------------------------


async def test_health_has_the_fields_of_both_contracts(start_port: StartPort) -> None:
    port = await start_port(commerce=True)
    assert await health(port) == {
        "status": "healthy",
        "version": __version__,
        "checks": dict.fromkeys(("api", "livekit", "redis", "shopify", "agents"), "healthy"),
        "livekit_url": "ws://127.0.0.1:7880",
        "livekit_configured": True,
        "redis_connected": False,
        "celery_available": False,
    }
    assert (await port.client.head("/health")).status_code == 200


async def test_health_tells_of_each_part_of_workers(start_port: StartPort) -> None:
    for state, checks, redis, celery, status in (
        (PlacementState(ok=True, redis=True, celery=True), {}, True, True, "healthy"),
        (PlacementState(ok=False, redis=False, celery=True), {}, False, True, "degraded"),
        (PlacementState(ok=False, redis=True, why="no broker"), {}, True, False, "degraded"),
        (
            PlacementState(ok=True, redis=True, celery=True),
            {"redis": fails},
            False,
            True,
            "degraded",
        ),
    ):
        placement = StatedPlacement(state)
        body = await health(await start_port(placement=placement, checks=checks, **WORKERS))
        said = (body["redis_connected"], body["celery_available"], body["status"])
        assert said == (redis, celery, status)
        assert body["checks"]["agents"] == ("healthy" if state.ok else "unhealthy")


async def test_redis_is_reported_also_where_agents_run_in_the_server(start_port: StartPort) -> None:
    redis_url = WORKERS["redis_url"]
    assert (await health(await start_port(redis_url=redis_url)))["redis_connected"] is True
    body = await health(await start_port(redis_url=redis_url, checks={"redis": fails}))
    assert (body["redis_connected"], body["status"]) == (False, "degraded")


async def test_redis_answers_where_every_part_that_uses_it_reaches_it(
    start_port: StartPort, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent() -> None:
        raise ConnectionError("not subscribed")

    async with running_api(data_dir) as commerce:  # its limits are in memory
        monkeypatch.setattr(commerce.sessions.bus, "check", silent)
        port = await start_port(beside=[commerce.api], redis_url=WORKERS["redis_url"])
        body = await health(port)
    assert (body["redis_connected"], body["status"]) == (False, "degraded")
    assert body["checks"]["redis"] == "unhealthy"


async def test_without_rooms_livekit_is_not_configured(start_port: StartPort) -> None:
    body = await health(await start_port(stated_rooms=None))
    assert (body["livekit_url"], body["livekit_configured"]) == ("", False)
    elsewhere = StatedRooms("wss://livekit.example.com")
    assert (await health(await start_port(stated_rooms=elsewhere)))["livekit_url"] == elsewhere.url


async def test_what_hangs_is_unhealthy_and_what_was_known_of_it_forgotten(
    start_port: StartPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()
    answers.set()

    async def redis() -> None:
        await answers.wait()

    placement = StatedPlacement(PlacementState(ok=True, redis=True, celery=True))
    port = await start_port(placement=placement, checks={"redis": redis}, **WORKERS)
    assert (await health(port))["celery_available"] is True
    answers.clear()
    placement.now = None
    asked = port.port.health
    assert asked._time_limit < 2  # of all checks, which run at once
    monkeypatch.setattr(asked, "_time_limit", 0.01)
    monkeypatch.setattr(asked, "_until", 0.0)
    body = await health(port)
    assert (body["redis_connected"], body["celery_available"]) == (False, False)
    assert (body["status"], body["checks"]["api"]) == ("degraded", "healthy")
    assert body["checks"]["redis"] == body["checks"]["agents"] == "unhealthy"
