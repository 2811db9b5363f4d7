"""`GET /health`: whether this server and what it stands on can do their work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from greenroom import __version__
from greenroom.errors import GreenroomError

HEALTHY, UNHEALTHY, DEGRADED = "healthy", "unhealthy", "degraded"

CHECK_TIMEOUT = 1.9
"""Seconds for each check; all run at once, so that the answer is there within 2 s."""

KEPT_FOR = 1.0
"""Seconds for which an answer is given again, so that asking often costs nothing."""

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[object]]
"""Raises where the part can't do its work."""

Fields = Callable[[Mapping[str, str]], Mapping[str, object]]
"""What an answer tells beside its checks, given what came of them."""


class Health:
    """Runs the checks, all at once, and remembers what came of them."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        fields: Fields = lambda _: {},
        time_limit: float = CHECK_TIMEOUT,
    ) -> None:
        self._checks = dict(checks)
        self._fields = fields
        self._time_limit = time_limit
        self._lock = asyncio.Lock()
        self._answer: dict[str, Any] = {}
        self._until = 0.0

    async def answer(self) -> dict[str, Any]:
        """The body of `GET /health`."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._answer = await self._ask()
                self._until = time.monotonic() + KEPT_FOR
            return self._answer

    async def _ask(self) -> dict[str, Any]:
        results = await asyncio.gather(*map(self._run, self._checks, self._checks.values()))
        checks = dict(zip(self._checks, results, strict=True))
        healthy = all(result == HEALTHY for result in results)
        return {
            "status": HEALTHY if healthy else DEGRADED,
            "version": __version__,
            "checks": checks,
            **self._fields(checks),
        }

    async def _run(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(self._time_limit):
                await check()
        except (GreenroomError, OSError, TimeoutError) as error:
            log.warning("%s is unhealthy: %r", name, error)
            return UNHEALTHY
        return HEALTHY
