"""Writers that wait until little is queued."""

from __future__ import annotations

import asyncio


class QueueWaiters:
    """Wakes each writer once at most its own limit is queued."""

    def __init__(self) -> None:
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    async def wait(self, limit: int) -> None:
        """Return when `update` tells of at most `limit`. Raises what `fail` is given."""
        waiter = asyncio.get_running_loop().create_future()
        entry = (limit, waiter)
        self._waiters.append(entry)
        try:
            await waiter
        finally:
            if entry in self._waiters:  # cancelled
                self._waiters.remove(entry)

    def update(self, queued: int) -> None:
        """So much is queued now."""
        if not self._waiters:
            return
        still = []
        for limit, waiter in self._waiters:
            if queued > limit:
                still.append((limit, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._waiters = still

    def fail(self, error: Exception) -> None:
        """Nothing is queued any more, and never will be."""
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)
