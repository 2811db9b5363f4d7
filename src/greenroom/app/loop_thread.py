"""An event loop in a thread of its own, for a process whose main thread is another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Generic, TypeVar

import uvloop

Parts = TypeVar("Parts")


class LoopThread(Generic[Parts]):
    """Opens parts on its loop, and closes them there at the end.

        with LoopThread(open_parts) as parts: ...

    `open_parts` is given the stack of what is to be closed. What it raises, entering raises; what
    closing raises, leaving raises.
    """

    def __init__(self, open_parts: Callable[[AsyncExitStack], Awaitable[Parts]]) -> None:
        self.loop: asyncio.AbstractEventLoop
        """Once the parts are open."""
        self._open_parts = open_parts
        self._opened: Future[Parts] = Future()
        self._closed: Future[None] = Future()
        self._end: Callable[[], None]
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agents")

    def __enter__(self) -> Parts:
        try:
            self._thread.start()
            return self._opened.result()
        except BaseException:
            # Its own failure, or a signal that this thread was sent meanwhile.
            if self._thread.ident is not None:
                self._join()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._join()
        self._closed.result()

    def _join(self) -> None:
        self._running.wait()
        with suppress(RuntimeError):  # it has ended by itself
            self.loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self.loop = runner.get_loop()
            try:
                runner.run(self._serve())
            except BaseException as error:  # noqa: BLE001 - it is the owner's
                self._closed.set_exception(error)
            else:
                self._closed.set_result(None)

    async def _serve(self) -> None:
        ended = asyncio.Event()
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(self._open_parts(stack))

            def end() -> None:
                ended.set()
                opening.cancel()

            self._end = end
            self._running.set()
            try:
                parts = await opening
            except BaseException as error:  # noqa: BLE001 - it is the owner's
                self._opened.set_exception(error)
                return
            self._opened.set_result(parts)
            await ended.wait()
