"""Fixtures of the stage: sessions in a real database, faces and venues that remember."""

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
from support.stage import House


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with Greenroom's tables, to be copied."""
    path = tmp_path_factory.mktemp("stage") / "empty.db"

    async def make() -> None:
        store = Store(database_url(f"sqlite:///{path}", path.parent))
        await store.migrate()
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def sessions(empty_database: Path, tmp_path: Path) -> AsyncIterator[SessionService]:
    path = tmp_path / "sessions.db"
    shutil.copy(empty_database, path)
    store = Store(database_url(f"sqlite:///{path}", tmp_path))
    service = SessionService(store, Node("one", "first"), bus=LocalBus(), commit_interval=0.0)
    await service.open()
    yield service
    await service.close()
    await store.close()


@pytest.fixture
async def house(sessions: SessionService) -> AsyncIterator[House]:
    """A stage; drained at the end, when nothing may be left."""
    house = House(sessions)
    yield house
    await house.close()
