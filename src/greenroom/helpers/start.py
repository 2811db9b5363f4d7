"""The start of a provider's helpers: once, however many ask for it, and again where it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from greenroom.helpers.pool import HelperPool


class HelperStart:
    """Holds the pool that `make` gives, not yet started; `pool` is None until it is warm."""

    def __init__(self, make: Callable[[], Awaitable[HelperPool]]) -> None:
        self.pool: HelperPool | None = None
        self._make = make
        self._starting: asyncio.Task[None] | None = None

    @property
    def pids(self) -> list[int]:
        """The helper processes."""
        return self.pool.pids if self.pool is not None else []

    async def warm_up(self) -> None:
        """Return when the helpers have started. Raises what `make` and `HelperPool.start` raise."""
        if self._starting is None or (self._starting.done() and self.pool is None):
            self._starting = asyncio.create_task(self._start())
        # A caller that gives up doesn't take the start from the others.
        await asyncio.shield(self._starting)

    async def close(self) -> None:
        """End the start, and the helpers."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self.pool is not None:
            await self.pool.close()

    async def _start(self) -> None:
        pool = await self._make()
        try:
            await pool.start()
        except BaseException:
            await pool.close()
            raise
        self.pool = pool
