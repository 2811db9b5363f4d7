"""Rate limits: on the wire, in memory, and in a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus

import services
from greenroom.api.limits import BoundedMemoryStorage, Limit, RateLimits
from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.settings import RateSettings
from support.commerce import RunningApi

StartApi = Callable[..., Awaitable[RunningApi]]


@pytest.fixture(scope="module")
def redis_server() -> Iterator[services.RedisServer]:
    with services.redis_server() as server:
        yield server


def shown(answer: httpx.Response) -> tuple[int, int, int]:
    return tuple(  # type: ignore[return-value]
        int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
    )


# -- on the wire -----------------------------------------------------------------------------------


async def test_session_creation_is_limited_for_each_address(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"session_creation": "2/minute"}})
    began = time.time()
    for remaining in (1, 0):
        answer = await api.client.post("/api/sessions")
        assert answer.status_code == 200
        limit, left, reset = shown(answer)
        assert (limit, left) == (2, remaining)
        assert 58 < reset - began < 62
    answer = await api.client.post("/api/sessions")
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["details"] == {"limit": 2, "retry_after": int(answer.headers["retry-after"])}
    assert 0 < error["details"]["retry_after"] <= 60
    assert shown(answer)[:2] == (2, 0)


async def test_requests_are_limited_for_each_token(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"requests": "3/hour"}})
    _, key = await api.keys.create("other")
    created = await api.create()
    path = f"/api/sessions/{created['session_id']}"
    assert shown(await api.client.get(path))[:2] == (3, 1)
    assert shown(await api.client.get("/api/sessions/unknown"))[:2] == (3, 0)
    assert (await api.client.get(path)).status_code == 429
    for token in (key, created["token"]):
        headers = {"Authorization": f"Bearer {token}"}
        assert shown(await api.client.get(path, headers=headers))[:2] == (3, 2)


async def test_who_shows_no_valid_token_is_limited_by_address(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"requests": "3/hour"}})
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
        assert (await client.get("/api/nothing")).status_code == 404
        answer = await client.get("/api/sessions/a", headers={"Authorization": "Bearer guess"})
        assert (answer.status_code, shown(answer)[1]) == (401, 1)
        assert (await client.post("/api/sessions")).status_code == 401
        assert (await client.post("/api/sessions")).status_code == 429
        with pytest.raises(InvalidStatus) as refused:
            async with api.connect("guess"):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["x-ratelimit-remaining"] == "0"
    assert (await api.client.get("/api/sessions/a")).status_code == 404


async def test_health_is_not_limited(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"requests": "1/hour"}})
    for _ in range(3):
        answer = await api.client.get("/health")
        assert answer.status_code == 200
        assert "x-ratelimit-limit" not in answer.headers


async def test_limits_can_be_switched_off(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"session_creation": "1/minute", "enabled": False}})
    for _ in range(3):
        answer = await api.client.post("/api/sessions")
        assert answer.status_code == 200
        assert "x-ratelimit-limit" not in answer.headers


# -- in memory -------------------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_window_begins_with_the_first_hit_and_ends() -> None:
    now = Time()
    limits = RateLimits(RateSettings(requests="2/minute"), now=now)
    hits = []
    for moment in (0, 59, 59.5, 60):
        now.now = 1_000 + moment
        allowance = await limits.hit(limits.requests, "a")
        assert allowance is not None
        hits.append((allowance.allowed, allowance.remaining, allowance.reset))
    assert hits == [(True, 1, 1_060), (True, 0, 1_060), (False, 0, 1_060), (True, 1, 1_120)]


async def test_counters_are_bounded_and_the_ended_are_forgotten() -> None:
    now = Time()
    storage = BoundedMemoryStorage(max_counters=100, now=now)
    for number in range(1_000):
        storage.count(f"m{number}", 60)
    assert len(storage) == 100
    storage.count("hour", 3_600)
    now.now += 61
    storage.count("another", 60)
    assert len(storage) == 2
    assert await storage.get("hour") == 1
    assert await storage.get("m999") == 0


async def test_the_memory_is_a_storage_of_the_library() -> None:
    now = Time()
    storage = BoundedMemoryStorage(now=now)
    assert await storage.incr("a", 60) == 1
    assert await storage.incr("a", 60, amount=2) == 3
    assert await storage.get_expiry("a") == 1_060
    assert await storage.get_expiry("b") == 1_000
    await storage.clear("a")
    assert await storage.get("a") == 0
    await storage.incr("b", 60)
    assert await storage.reset() == 1
    assert await storage.check()


def test_a_limit_that_cannot_be_read_is_named() -> None:
    assert Limit.parse("messages", "100/minute") == Limit("messages", 100, 60)
    with pytest.raises(ConfigurationError, match=r"rates\.requests: 'often'"):
        RateLimits(RateSettings(requests="often"))


# -- in Redis --------------------------------------------------------------------------------------


async def test_servers_share_their_counters_in_redis(redis_server: services.RedisServer) -> None:
    settings = RateSettings(requests="2/minute")
    one, two = RateLimits(settings, redis_server.url), RateLimits(settings, redis_server.url)
    try:
        answers = [await each.hit(each.requests, "shared") for each in (one, two, one)]
        assert [each and each.allowed for each in answers] == [True, True, False]
        assert all(each and 55 < each.reset - time.time() < 62 for each in answers)
        await one.check()
    finally:
        await one.close()
        await two.close()


async def test_a_redis_that_fails_refuses_nobody_and_degrades_health(
    start_api: StartApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start_api(
        redis_url="redis://127.0.0.1:1/0", settings={"rates": {"session_creation": "2/minute"}}
    )
    for remaining in (1, 0):
        answer = await api.client.post("/api/sessions")
        assert (answer.status_code, shown(answer)[1]) == (200, remaining)
    assert (await api.client.post("/api/sessions")).status_code == 429, "this server counts alone"
    assert caplog.text.count("Redis fails") == 1
    health = (await api.client.get("/health")).json()
    assert health["status"] == "degraded"
    assert health["checks"]["redis"] == "unhealthy"


async def test_a_redis_that_hangs_is_not_waited_for() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limits = RateLimits(RateSettings(), f"redis://127.0.0.1:{port}")
    try:
        began = time.monotonic()
        allowance = await limits.hit(limits.requests, "a")
        assert allowance is not None
        assert allowance.allowed
        assert time.monotonic() - began < 3
        with pytest.raises(ProviderFailed):
            await limits.check()
    finally:
        await limits.close()
        server.close()
        await server.wait_closed()


def test_an_unfit_redis_url_is_named() -> None:
    with pytest.raises(ConfigurationError, match="redis_url"):
        RateLimits(RateSettings(), "http://127.0.0.1:1")
