"""A real Redis as broker and for leases, and a Celery application on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from celery import Celery
from redis.asyncio import Redis

import services
from greenroom.settings import OrchestratorSettings, Settings
from greenroom.workers.celery.app import make_celery_app
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.leases import LeaseTerms
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS


@pytest.fixture(scope="module")
def broker() -> Iterator[services.RedisServer]:
    with services.redis_server() as server:
        yield server


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings of a broker."""

    def settings(url: str) -> Settings:
        return Settings(
            data_dir=tmp_path,
            redis_url=url,
            celery_broker_url=url,
            orchestrator=OrchestratorSettings(start_timeout=50, retry_after=7),
        )

    return settings


@pytest.fixture
def settings(broker: services.RedisServer, settings_of: Callable[[str], Settings]) -> Settings:
    return settings_of(broker.url)


@pytest.fixture
async def redis(broker: services.RedisServer) -> AsyncIterator[Redis]:
    """An empty Redis."""
    redis = Redis.from_url(broker.url, decode_responses=True)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
async def leases_of(
    broker: services.RedisServer, redis: Redis
) -> AsyncIterator[Callable[..., RedisLeases]]:
    """Make the leases of another server or worker."""
    async with AsyncExitStack() as stack:

        def make(terms: LeaseTerms = TERMS) -> RedisLeases:
            leases = RedisLeases(broker.url, terms)
            stack.push_async_callback(leases.close)
            return leases

        yield make


@pytest.fixture
def leases(leases_of: Callable[..., RedisLeases]) -> RedisLeases:
    return leases_of()


@pytest.fixture
def app(settings: Settings, redis: Redis) -> Celery:
    return make_celery_app(settings)


@pytest.fixture
async def tasks(app: Celery, settings: Settings) -> AsyncIterator[AgentTasks]:
    tasks = AgentTasks(app, settings)
    yield tasks
    await tasks.close()
