"""A Celery application whose broker is the Redis of the leases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from celery import Celery
from redis.asyncio import Redis

import services
from greenroom.settings import OrchestratorSettings, Settings
from greenroom.workers.celery.app import make_celery_app
from greenroom.workers.celery.sender import AgentTasks


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings with a broker."""

    def settings(url: str) -> Settings:
        return Settings(
            data_dir=tmp_path,
            redis_url=url,
            celery_broker_url=url,
            orchestrator=OrchestratorSettings(start_timeout=50, retry_after=7),
        )

    return settings


@pytest.fixture
def settings(
    redis_server: services.RedisServer, settings_of: Callable[[str], Settings]
) -> Settings:
    return settings_of(redis_server.url)


@pytest.fixture
def app(settings: Settings, redis: Redis) -> Celery:
    return make_celery_app(settings)


@pytest.fixture
async def tasks(app: Celery, settings: Settings) -> AsyncIterator[AgentTasks]:
    tasks = AgentTasks(app, settings)
    yield tasks
    await tasks.close()
