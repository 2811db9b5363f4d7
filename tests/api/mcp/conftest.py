"""Fixtures of the MCP side: on a real socket, with the official client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.mcp_sessions import FollowedMcp, running_mcp

StartMcp = Callable[..., Awaitable[FollowedMcp]]


@pytest.fixture
async def start_mcp(data_dir: Path) -> AsyncIterator[StartMcp]:
    """Start a server with settings and limits of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> FollowedMcp:
            return await stack.enter_async_context(running_mcp(data_dir, **options))

        yield start


@pytest.fixture
async def server(start_mcp: StartMcp) -> FollowedMcp:
    return await start_mcp()
