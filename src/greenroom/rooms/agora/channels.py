"""The helper processes that are in Agora channels: one for each app id and kind of uid.

The SDK allows one service in a process, which belongs to one app id and to either numbers or
strings as uids. A process also keeps what the SDK does to the process that loads it (see
`installation`), and a crash of its native code, away from the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from greenroom.errors import CapacityExceeded, ProviderFailed
from greenroom.helpers.pool import Call, CallListener, HelperPool
from greenroom.rooms.agora import installation

NAME = "agora"
MOST_SERVICES = 8
"""Helper processes at once: an idle one makes place for another app id."""
MOST_CHANNELS = 200
"""Channels at once in one helper."""
_START_TIMEOUT = 30.0
"""Seconds. The native library is large."""


class AgoraChannels:
    """One per server; its owner closes it after the venues. Nothing is loaded before `begin`."""

    def __init__(
        self,
        directory: Path,
        *,
        most_services: int = MOST_SERVICES,
        require: Callable[[], Path] = installation.require,
    ) -> None:
        """`directory`: where the SDK may keep its logs and caches."""
        self._directory = directory
        self._most = most_services
        self._require = require
        self._pools: dict[tuple[str, bool], HelperPool] = {}
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The helper processes that run."""
        return [pid for pool in self._pools.values() for pid in pool.pids]

    async def begin(self, app_id: str, listener: CallListener, *, string_uid: bool) -> Call:
        """A call on the helper of that kind, which is started where it doesn't run.

        Raises ProviderUnavailable where the SDK is not installed, CapacityExceeded where too many
        app ids are in use at once, ProviderFailed where the helper can't be started.
        """
        async with self._lock:
            pool = await self._pool((app_id, string_uid))
            # Within the lock: no other kind can take a helper's place before it has a call.
            call = pool.call(listener)
        try:
            await pool.start()
        except BaseException:
            call.cancel()
            raise
        return call

    async def close(self) -> None:
        """End the helpers; channels that are still joined are left. Harmless twice."""
        self._closed = True
        async with self._lock:
            pools, self._pools = self._pools, {}
            await asyncio.gather(*(pool.close() for pool in pools.values()))

    async def _pool(self, kind: tuple[str, bool]) -> HelperPool:
        if self._closed:
            raise ProviderFailed(NAME, "the server is closing", retryable=False)
        if kind not in self._pools:
            libraries = await asyncio.to_thread(self._require)
            await self._make_place()
            self._pools[kind] = HelperPool(
                NAME,
                self._command(libraries, kind),
                calls_per_helper=MOST_CHANNELS,
                start_timeout=_START_TIMEOUT,
            )
        return self._pools[kind]

    async def _make_place(self) -> None:
        if len(self._pools) < self._most:
            return
        for kind, pool in self._pools.items():
            if not pool.load():
                del self._pools[kind]
                await pool.close()
                return
        raise CapacityExceeded("Agora app ids at once", self._most)

    def _command(self, libraries: Path, kind: tuple[str, bool]) -> tuple[str, ...]:
        # The app id is no name for a folder, and need not be seen on disk.
        name = hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
        return (
            "/usr/bin/env",
            f"LD_LIBRARY_PATH={libraries}",  # as the SDK's README asks for
            sys.executable,
            "-m",
            "greenroom.rooms.agora.helper",
            str(self._directory / name),
        )
