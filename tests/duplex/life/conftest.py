"""Fixtures of duplex sessions: a real database, and time that stands still."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.sessions.control import LocalBus
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from support.talks import Talks, TestTime, running


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with Greenroom's tables, to be copied."""
    path = tmp_path_factory.mktemp("life") / "empty.db"

    async def make() -> None:
        store = Store(database_url(f"sqlite:///{path}", path.parent))
        await store.migrate()
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    path = tmp_path / "sessions.db"
    shutil.copy(empty_database, path)
    return path


@pytest.fixture
def time() -> TestTime:
    return TestTime()


@pytest.fixture
async def sessions(database: Path, time: TestTime) -> AsyncIterator[SessionService]:
    store = Store(database_url(f"sqlite:///{database}", database.parent))
    service = SessionService(
        store, Node("one", "first"), bus=LocalBus(), clock=time, commit_interval=0.0
    )
    await service.open()
    yield service
    await service.close()
    await store.close()


@pytest.fixture
async def talks(sessions: SessionService, time: TestTime) -> AsyncIterator[Talks]:
    async with running(Talks(sessions, time)) as talks:
        yield talks
