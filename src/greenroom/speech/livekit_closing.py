"""Ends what LiveKit's plugins have begun, without anybody waiting for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol

log = logging.getLogger(__name__)

_GOODBYE = 6.0
"""Seconds for a stream to end; the slowest goodbye of the plugins that are tested takes five."""
_CLOSING = 0.6
"""Seconds for each of the steps in which the plugin is closed."""


class Stream(Protocol):
    """What all streams of LiveKit have in common here."""

    async def aclose(self) -> None:
        """Cancel its tasks and wait for them."""
        ...


class Leaving:
    """The streams and objects of one plugin that are being closed."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._retiring: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()
        """No goodbyes any more."""

    def retire(self, closing: Coroutine[Any, Any, None]) -> None:
        """Have something closed in the background: a server's goodbye can take seconds."""
        task = asyncio.create_task(self._retire(closing))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, closing: Coroutine[Any, Any, None]) -> None:
        try:
            await closing
        except Exception as error:  # noqa: BLE001 - a plugin's; what it closed is gone either way
            log.debug("%s: closing failed (%s)", self._place, type(error).__name__)

    async def end_stream(self, stream: Stream, ending: asyncio.Task[None] | None = None) -> None:
        """Close a stream, whatever its server does; `ending`, if given, ends when it does itself.

        A server's goodbye may take seconds, and is not cut short before the plugin is closed: some
        plugins leave a connection open then. But once is not always enough: a cancellation that
        meets the end of a handshake is lost by Python's `wait_for` (CPython issue 86296).
        """
        if ending is not None:
            await self._be_patient(ending)
        closing = asyncio.create_task(stream.aclose())
        await self._be_patient(closing)
        if not closing.done():
            closing.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING):
                    await stream.aclose()
        # Speechmatics' stream forgets its other tasks where one has failed (1.8.9).
        left: list[asyncio.Task[None]] = list(getattr(stream, "_tasks", ()))
        for task in left:
            task.cancel()
        await asyncio.gather(closing, *left, return_exceptions=True)

    async def _be_patient(self, task: asyncio.Task[None]) -> None:
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({task, hurry}, timeout=_GOODBYE, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()

    async def wait(self) -> None:
        """Until all are gone, for a short time."""
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=_CLOSING)

    async def end(self) -> None:
        """Whoever is still here is cut short."""
        self._hurry.set()
        await self.wait()
        for task in (late := list(self._retiring)):
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
