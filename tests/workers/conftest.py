"""A Redis for the leases of agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

import services
from greenroom.workers.leases import LeaseTerms
from greenroom.workers.redis_leases import RedisLeases
from support.leases import TERMS, Watch


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.RedisServer]:
    with services.redis_server() as server:
        yield server


@pytest.fixture
async def redis(redis_server: services.RedisServer) -> AsyncIterator[Redis]:
    """An empty Redis."""
    redis = Redis.from_url(redis_server.url, decode_responses=True)
    await redis.flushall()
    yield redis
    await redis.aclose()


Process = Callable[..., RedisLeases]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def process(
    redis_server: services.RedisServer, redis: Redis, watch: Watch
) -> AsyncIterator[Process]:
    """Make the leases of another server or worker, which has run for a while."""
    async with AsyncExitStack() as stack:

        def make(terms: LeaseTerms = TERMS, **options: Any) -> RedisLeases:
            leases = RedisLeases(redis_server.url, terms, time=watch, **options)
            watch.seconds += terms.lease + 10
            stack.push_async_callback(leases.close)
            return leases

        yield make


@pytest.fixture
def leases(process: Process) -> RedisLeases:
    return process()
