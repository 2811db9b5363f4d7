"""Fixtures of the avatar APIs: both on a real socket, over a stage that only remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.avatars import RunningAvatars, running_avatars

StartAvatars = Callable[..., Awaitable[RunningAvatars]]


@pytest.fixture
async def start_avatars(data_dir: Path) -> AsyncIterator[StartAvatars]:
    """Start a server with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RunningAvatars:
            return await stack.enter_async_context(running_avatars(data_dir, **options))

        yield start


@pytest.fixture
async def avatars(start_avatars: StartAvatars) -> RunningAvatars:
    return await start_avatars()
