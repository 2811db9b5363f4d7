"""Engines in processes of their own: started, spoken to, restarted and ended here.

A pool runs the same command several times. A call is placed on the least loaded helper; the frames
of many calls share one pipe. A helper that crashes, sends garbage or hangs is ended and started
again; its calls move to another helper once, where no answer would come twice, and fail otherwise.

Bounds: a helper has at most `calls_per_helper` calls (more wait their turn), and at most
`_MAX_UNREAD` bytes that it has not read; the pipe holds what the server has not read.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from greenroom.errors import ProviderFailed
from greenroom.helpers.wire import Frame, FrameReader, WireError, encode

logger = logging.getLogger(__name__)

_MAX_UNREAD = 16 * 1024 * 1024
_READ_SIZE = 256 * 1024
_START_TIMEOUT = 20.0
_HEARTBEAT = 8.0
_GRACE = 2.0
_STEADY = 10.0
_MAX_BACKOFF = 5.0
_MAX_MOVES = 2
"""How often a call is placed anew. More than once, since helpers may die together (out of memory);
not for ever, since the call may be what kills them."""
_HOPELESS = 3
"""Failed starts in a row after which waiting calls are not kept waiting."""


class CallListener(Protocol):
    """What hears of a call. Called on the event loop; must be quick and must not raise."""

    def on_frame(self, frame: Frame) -> None:
        """An answer; one whose header has a true `end` is the last."""
        ...

    def on_failure(self, error: ProviderFailed) -> None:
        """The call was lost with its helper. Nothing comes afterwards."""
        ...


class Call:
    """One request and its answers. Owned by who made it, who ends it with `cancel`."""

    def __init__(
        self, pool: HelperPool, number: int, listener: CallListener, *, repeatable: bool
    ) -> None:
        self.id = number
        self._pool = pool
        self._listener = listener
        self._repeatable = repeatable
        self._moves = 0
        self._helper: _Helper | None = None
        self._sent: list[bytes] | None = []
        self._over = False

    def send(self, header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
        """Ask something; a plain call that does not block. Ignored once the call is over."""
        if self._over:
            return
        data = encode({"id": self.id, **header}, payload)
        if self._sent is not None:
            self._sent.append(data)
        if self._helper is not None:
            self._helper.write(data)

    def cancel(self) -> None:
        """No answer comes any more. Harmless when the call is over."""
        if self._over:
            return
        self._end()
        self._pool.forget(self)
        if self._helper is not None:
            self._helper.write(encode({"id": self.id, "op": "cancel"}))
            self._helper.release(self)

    def attach(self, helper: _Helper) -> None:
        """The pool has placed the call: say everything that was asked so far."""
        self._helper = helper
        for data in self._sent or ():
            helper.write(data)

    def answer(self, frame: Frame) -> None:
        """A frame of this call has come."""
        if not self._repeatable:
            self._sent = None
        if frame.header.get("end"):
            self._end()
        self._listener.on_frame(frame)

    def lose(self, why: str) -> bool:
        """The helper is gone. True: place the call again; else its owner has been told."""
        self._helper = None
        if self._sent is not None and self._moves < _MAX_MOVES:
            self._moves += 1
            return True
        self.fail(why)
        return False

    def fail(self, why: str) -> None:
        """Tell the owner that nothing will come."""
        self._end()
        self._listener.on_failure(ProviderFailed(self._pool.name, why))

    def _end(self) -> None:
        self._over = True
        self._sent = None

    @property
    def over(self) -> bool:
        """Whether no answer will come any more."""
        return self._over


class HelperPool:
    """`size` processes of `command`, and the calls on them. `name` names the provider in errors."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        size: int = 1,
        *,
        calls_per_helper: int = 64,
        start_timeout: float = _START_TIMEOUT,
        heartbeat: float = _HEARTBEAT,
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.start_timeout, self.heartbeat = start_timeout, heartbeat
        self.greeting: dict[str, Any] = {}
        """What the helper said when it was ready last."""
        self.closing = asyncio.Event()
        self._calls_per_helper = calls_per_helper
        self._helpers = [_Helper(self, n) for n in range(size)]
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: deque[Call] = deque()
        self._numbers = itertools.count(1)
        self._ready = asyncio.Event()
        self._failed_starts = 0
        self._last_failure = ""

    async def start(self) -> None:
        """Start every helper; return when one is ready. Raises ProviderFailed.

        Called again, it waits for a helper that is being restarted.
        """
        if not self._tasks and not self.closing.is_set():
            self._tasks = [
                asyncio.create_task(helper.supervise(), name=f"{self.name} helper {helper.number}")
                for helper in self._helpers
            ]
        await self._ready.wait()
        if not any(helper.ready for helper in self._helpers):
            raise ProviderFailed(self.name, self._last_failure or "closed")

    def call(self, listener: CallListener, *, repeatable: bool = False) -> Call:
        """Begin a call. `repeatable`: it may begin anew elsewhere even after its first answer."""
        call = Call(self, next(self._numbers), listener, repeatable=repeatable)
        self._place(call)
        return call

    @property
    def pids(self) -> list[int]:
        """The processes that are ready."""
        return [helper.pid for helper in self._helpers if helper.ready]

    def load(self) -> int:
        """Calls that are under way or wait."""
        return sum(len(helper.calls) for helper in self._helpers) + len(self._waiting)

    async def close(self) -> None:
        """End every helper, within a few seconds whatever they do. Calls fail. Harmless twice."""
        self.closing.set()
        self._ready.set()
        for helper in self._helpers:
            helper.close_input()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GRACE)
            for helper in self._helpers:
                helper.kill("it did not end when asked to")
            if late:
                await asyncio.wait(late, timeout=_GRACE)
        self._fail_waiting("closed")

    # What helpers and calls tell the pool.

    def became_ready(self, greeting: dict[str, Any]) -> None:
        """A helper has started."""
        self.greeting = greeting
        self._failed_starts = 0
        self._ready.set()
        self.fill()

    def did_not_start(self, why: str) -> None:
        """A helper ended before its greeting."""
        self._failed_starts += 1
        self._last_failure = why
        if self._is_hopeless:
            self._ready.set()
            self._fail_waiting(why)

    def lost(self, calls: Sequence[Call], why: str) -> None:
        """A helper has gone with these calls."""
        if not (self.closing.is_set() or self._is_hopeless or self.pids):
            self._ready.clear()
        for call in calls:
            if self.closing.is_set():
                call.fail("closed")
            elif call.lose(why):
                self._place(call)

    def forget(self, call: Call) -> None:
        """A call that may wait for a place doesn't need it any more."""
        if call in self._waiting:
            self._waiting.remove(call)

    def fill(self) -> None:
        """A helper has room: place calls that wait."""
        while self._waiting and (helper := self._choose()) is not None:
            helper.take(self._waiting.popleft())

    def _place(self, call: Call) -> None:
        if self.closing.is_set() or self._is_hopeless:
            # Told later, since the caller doesn't expect to be called back from within its call.
            asyncio.get_running_loop().call_soon(self._refuse, call)
        elif (helper := self._choose()) is not None:
            helper.take(call)
        else:
            self._waiting.append(call)

    @property
    def _is_hopeless(self) -> bool:
        """No helper runs, and starting one has failed several times."""
        return self._failed_starts >= _HOPELESS and not any(h.ready for h in self._helpers)

    def _refuse(self, call: Call) -> None:
        if not call.over:
            call.fail(self._last_failure or "closed")

    def _choose(self) -> _Helper | None:
        free = [
            helper
            for helper in self._helpers
            if helper.ready and len(helper.calls) < self._calls_per_helper
        ]
        return min(free, key=lambda helper: len(helper.calls)) if free else None

    def _fail_waiting(self, why: str) -> None:
        while self._waiting:
            self._waiting.popleft().fail(why)


class _Helper:
    """One place in the pool: a process, and the next one when it has ended."""

    def __init__(self, pool: HelperPool, number: int) -> None:
        self.number = number
        self.ready = False
        self.calls: dict[int, Call] = {}
        self._pool = pool
        self._process: asyncio.subprocess.Process | None = None
        self._why = ""
        self._last_words = ""

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def take(self, call: Call) -> None:
        self.calls[call.id] = call
        call.attach(self)

    def release(self, call: Call) -> None:
        self.calls.pop(call.id, None)
        self._pool.fill()

    def write(self, data: bytes) -> None:
        stdin = self._process.stdin if self._process is not None else None
        if stdin is None or stdin.is_closing():
            return
        stdin.write(data)
        if stdin.transport.get_write_buffer_size() > _MAX_UNREAD:
            self.kill("it does not read what it is sent")

    def close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self, why: str) -> None:
        if self._process is not None and self._process.returncode is None:
            self._why = self._why or why
            self._process.kill()

    async def supervise(self) -> None:
        """Keep a process running until the pool closes."""
        loop = asyncio.get_running_loop()
        backoff = 0.0
        while not self._pool.closing.is_set():
            began = loop.time()
            await self._live()
            if self._pool.closing.is_set():
                break
            logger.warning("%s: helper %d %s", self._pool.name, self.number, self._why)
            # The first crash after a steady life is mended at once.
            backoff = 0.0 if loop.time() - began > _STEADY else min(_MAX_BACKOFF, backoff * 2 + 0.1)
            try:
                async with asyncio.timeout(backoff):
                    await self._pool.closing.wait()
            except TimeoutError:
                continue

    async def _live(self) -> None:
        """One process, from its start to its end."""
        self._why = self._last_words = ""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._pool.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # Out of the terminal's foreground group: a Ctrl-C is the server's to handle.
                start_new_session=True,
            )
        except OSError as error:
            self._why = f"can't be started: {error}"
            self._pool.did_not_start(self._why)
            return
        assert process.stdout is not None  # noqa: S101 - it is a pipe, asked for above
        assert process.stderr is not None  # noqa: S101
        stderr = asyncio.create_task(self._log(process.stderr))
        if self._pool.closing.is_set():
            self.close_input()
        try:
            await self._converse(process.stdout)
        except WireError as error:
            self._why = f"sent garbage: {error}"
        finally:
            was_ready, self.ready = self.ready, False
            await self._reap(process, process.stdout)
            await stderr
            self._process = None
        self._why = self._why or f"ended with status {process.returncode}"
        if self._last_words:
            self._why += f" ({self._last_words})"
        if not was_ready:
            self._pool.did_not_start(self._why)
        calls, self.calls = list(self.calls.values()), {}
        self._pool.lost(calls, self._why)

    async def _reap(
        self, process: asyncio.subprocess.Process, stdout: asyncio.StreamReader
    ) -> None:
        if self._why:
            self.kill(self._why)
        try:
            async with asyncio.timeout(_GRACE):
                await process.wait()
        except TimeoutError:
            self.kill("closed its output and went on")
            await process.wait()
        while await stdout.read(_READ_SIZE):  # else the transport would wait for a reader
            pass

    async def _converse(self, stdout: asyncio.StreamReader) -> None:
        reader = FrameReader()
        pinged = False
        while True:
            try:
                async with asyncio.timeout(
                    self._pool.heartbeat if self.ready else self._pool.start_timeout
                ):
                    data = await stdout.read(_READ_SIZE)
            except TimeoutError:
                if not self.ready or pinged:
                    self.kill("does not answer")
                    return
                pinged = bool(self.calls)
                if pinged:
                    self.write(encode({"op": "ping"}))
                continue
            if not data:
                return
            pinged = False
            for frame in reader.feed(data):
                self._dispatch(frame)

    def _dispatch(self, frame: Frame) -> None:
        header = frame.header
        number = header.get("id")
        if isinstance(number, int):
            call = self.calls.get(number)
            if call is None:  # cancelled meanwhile
                return
            if header.get("end"):
                self.release(call)
            call.answer(frame)
        elif "hello" in header and not self.ready:
            self.ready = True
            self._pool.became_ready(header)
        elif not header.get("pong"):
            raise WireError(f"a frame of no call: {str(header)[:80]}")

    async def _log(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(8192):
            lines = data.decode(errors="replace").strip().splitlines()
            for line in lines:
                logger.debug("%s helper %d: %s", self._pool.name, self.number, line)
            self._last_words = lines[-1][-200:] if lines else self._last_words
