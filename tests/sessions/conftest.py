"""Fixtures of the sessions floor: databases, and a service on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import services
from clocks import ManualClock
from greenroom.sessions.clock import Clock
from greenroom.sessions.control import ControlBus, LocalBus
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from support.database import put_database


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Postgres]:
    with services.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.RedisServer]:
    with services.redis_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind; with its tables where the test has a store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    server: services.Postgres = request.getfixturevalue("postgres")
    return server.empty_database(keep_tables="store" in request.fixturenames)


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> bool:
    """Whether several nodes write to a SQLite file; where a test asks for it by its parameter."""
    return bool(getattr(request, "param", False))


@pytest.fixture
async def store(url: str, tmp_path: Path, shared: bool) -> AsyncIterator[Store]:
    """A database with Greenroom's tables."""
    if url.startswith("sqlite"):
        put_database(tmp_path / "sessions.db")
    store = Store(database_url(url, tmp_path), shared=shared)
    await store.migrate()
    yield store
    await store.close()


MakeService = Callable[..., Awaitable[SessionService]]


@pytest.fixture
async def make_service(store: Store) -> AsyncIterator[MakeService]:
    """Make services, one for each node, on the same database."""
    async with AsyncExitStack() as stack:

        async def make(
            node: str = "one",
            boot: str = "first",
            clock: Clock | None = None,
            bus: ControlBus | None = None,
            **options: Any,
        ) -> SessionService:
            service = SessionService(
                store, Node(node, boot), bus=bus or LocalBus(), clock=clock, **options
            )
            await service.open()
            stack.push_async_callback(service.close)
            return service

        yield make


@pytest.fixture
async def service(make_service: MakeService) -> SessionService:
    return await make_service()
