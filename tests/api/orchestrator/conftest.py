"""Fixtures of the orchestrator's API: on a real socket, over sessions that only remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.orchestrator_api import RunningOrchestrator, running_orchestrator

StartOrchestrator = Callable[..., Awaitable[RunningOrchestrator]]


@pytest.fixture
async def start_orchestrator(data_dir: Path) -> AsyncIterator[StartOrchestrator]:
    """Start a server with settings and parts of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RunningOrchestrator:
            return await stack.enter_async_context(running_orchestrator(data_dir, **options))

        yield start


@pytest.fixture
async def orchestrator(start_orchestrator: StartOrchestrator) -> RunningOrchestrator:
    return await start_orchestrator()
