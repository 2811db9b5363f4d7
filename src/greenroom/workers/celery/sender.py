"""Sends tasks and revokes them, for an event loop: Celery's calls block, so they have threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from greenroom.settings import Settings
from greenroom.workers.celery.app import RUN_AGENT, task_id
from greenroom.workers.leases import LeaseTerms
from greenroom.workers.ports import PlacementFailed

DEADLINE = 1.8
"""Seconds in which a call has come to the broker or has failed: a start answers within two."""

_THREADS = 4
"""More would wait for the same broker."""


class AgentTasks:
    """The tasks of agents. End it with `close`.

    Every call is bounded by `deadline` seconds and raises PlacementFailed where the broker does not
    take it.
    """

    def __init__(self, app: Celery, settings: Settings, *, deadline: float = DEADLINE) -> None:
        self._app = app
        self._deadline = deadline
        # An offer that nobody takes is sent again: of each there are two in the queue at most.
        self._expires = 2 * LeaseTerms.of(settings).offer
        self._attempts = settings.workers.attempts
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="celery-sender")

    async def send(self, session_id: str, attempt: int) -> None:
        """Send for an agent; a worker that is free takes it."""
        await self._call(
            self._app.send_task,
            RUN_AGENT,
            (session_id, attempt),
            task_id=task_id(session_id, attempt),
            # By then nobody waits for it: a worker drops what it finds later than that.
            expires=self._expires,
            ignore_result=True,
            retry=False,
        )

    async def revoke(self, session_id: str) -> None:
        """Tell all workers to drop the session's tasks that they find in the queue."""
        attempts = range(1, self._attempts + 1)
        await self._call(
            self._app.control.revoke, [task_id(session_id, attempt) for attempt in attempts]
        )

    async def check(self) -> None:
        """Return if the broker answers."""
        await self._call(self._connect)

    async def close(self) -> None:
        """End the threads and the connections; what hangs is waited for as long as it may."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._app.close)

    def _connect(self) -> None:
        with self._app.connection_for_write() as connection:
            # The channel greets the broker.
            connection.default_channel.close()

    async def _call(self, call: Callable[..., object], *args: Any, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline):
                await loop.run_in_executor(self._threads, lambda: call(*args, **options))
        except (OperationalError, OSError, TimeoutError) as error:
            raise PlacementFailed("the Celery broker does not answer") from error
