"""Fixtures of the duplex API: on a real socket, over sessions that only remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.duplex_api import RunningDuplex, running_duplex

StartDuplex = Callable[..., Awaitable[RunningDuplex]]


@pytest.fixture
async def start_duplex(data_dir: Path) -> AsyncIterator[StartDuplex]:
    """Start a server with settings and parts of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RunningDuplex:
            return await stack.enter_async_context(running_duplex(data_dir, **options))

        yield start


@pytest.fixture
async def duplex(start_duplex: StartDuplex) -> RunningDuplex:
    return await start_duplex()
