"""Fixtures of the API floor: the API on a real server, with scripted ears, mind and voice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.commerce import RunningApi, running_api

StartApi = Callable[..., Awaitable[RunningApi]]


@pytest.fixture
async def start_api(data_dir: Path) -> AsyncIterator[StartApi]:
    """Start servers with settings and parts of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RunningApi:
            return await stack.enter_async_context(running_api(data_dir, **options))

        yield start


@pytest.fixture
async def api(start_api: StartApi) -> RunningApi:
    return await start_api()
