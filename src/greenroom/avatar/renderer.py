"""The server's end of the renderer processes: faces that draw elsewhere. See `render_helper`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Sequence

from greenroom.avatar.face_wire import hear_failure, hear_picture, say_open, say_request
from greenroom.avatar.ports import FaceListener, FaceSettings, FrameRequest
from greenroom.errors import CapacityExceeded, InvalidInput, ProviderFailed
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.wire import Frame

_NAME = "renderer"
_COMMAND = (sys.executable, "-m", "greenroom.avatar.render_helper")
_START_TIMEOUT = 60.0
_OPEN_TIMEOUT = 30.0


class HelperFace:
    """See `ports.RemoteFace`. A face in a renderer process."""

    def __init__(self, pool: HelperPool, settings: FaceSettings, listener: FaceListener) -> None:
        self._listener = listener
        self._asked: deque[FrameRequest] = deque()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._call = pool.call(self)
        self._call.send(*say_open(settings))

    async def opened(self) -> None:
        """Return when it is ready. Raises ProviderFailed, InvalidInput; it is closed then."""
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT):
                await self._opened
        except TimeoutError as error:
            self.close()
            raise ProviderFailed(_NAME, "did not open a face in time") from error
        except BaseException:
            self.close()
            raise

    @property
    def pending(self) -> int:
        """See `ports.RemoteFace`."""
        return len(self._asked)

    def ask(self, request: FrameRequest) -> None:
        """See `ports.RemoteFace`."""
        if not self._call.over:
            self._asked.append(request)
            self._call.send(*say_request(request))

    def close(self) -> None:
        """See `ports.RemoteFace`."""
        self._call.cancel()
        self._asked.clear()

    # What the pool tells.

    def on_frame(self, frame: Frame) -> None:
        """An answer of the process."""
        failure = hear_failure(frame)
        if failure is not None:
            self._fail(failure)
        elif "ready" in frame.header:
            if not self._opened.done():  # else whoever opened it has given up
                self._opened.set_result(None)
        else:
            self._listener.on_picture(self._asked.popleft(), hear_picture(frame))

    def on_failure(self, error: ProviderFailed) -> None:
        """The process is gone."""
        self._fail(error)

    def _fail(self, error: InvalidInput | ProviderFailed) -> None:
        self._asked.clear()
        if not self._opened.done():
            self._opened.set_exception(error)
        elif not self._opened.cancelled():
            self._listener.on_failure(
                error.why if isinstance(error, ProviderFailed) else str(error)
            )


class HelperRenderers:
    """See `ports.Renderers`. `size` processes (0: one for each core that this process may use).

    The artwork of `expected` faces is made ready once the processes have started, by each of them.
    """

    def __init__(
        self,
        size: int,
        faces_per_helper: int,
        *,
        expected: Iterable[FaceSettings] = (),
        command: Sequence[str] = _COMMAND,
    ) -> None:
        size = size or _cores()
        self._most = size * faces_per_helper
        faces = json.dumps([say_open(settings)[0] for settings in expected])
        self._pool = HelperPool(
            _NAME,
            (*command, faces),
            size,
            calls_per_helper=faces_per_helper,
            start_timeout=_START_TIMEOUT,
        )

    async def start(self) -> None:
        """Return when a process is ready. Raises ProviderFailed, which says what is missing."""
        await self._pool.start()

    async def open(self, settings: FaceSettings, listener: FaceListener) -> HelperFace:
        """See `ports.Renderers`."""
        if self._pool.load() >= self._most:
            raise CapacityExceeded("faces at once", self._most)
        face = HelperFace(self._pool, settings, listener)
        await face.opened()
        return face

    @property
    def pids(self) -> list[int]:
        """The processes that are ready."""
        return self._pool.pids

    async def close(self) -> None:
        """End the processes; faces that are open fail. Harmless twice."""
        await self._pool.close()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
