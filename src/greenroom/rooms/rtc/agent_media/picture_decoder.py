"""Decodes one stream's frames in a thread, in order, without ever being far behind."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from greenroom.rooms.ports import VideoFrame
from greenroom.rooms.rtc.agent_media.picture_formats import PictureFormat

logger = logging.getLogger(__name__)

MAX_PENDING = 8
"""Frames that wait to be decoded; when one more comes, all are dropped until a keyframe."""
MAX_PIXELS = 4_096 * 2_304
"""Larger pictures are not decoded."""


class PictureDecoder:
    """Hands each picture to `on_picture`; `on_damage` is called where a frame can't be used.

    Both on the event loop, where this must be made too. One frame at a time is in a thread of
    `executor` (None: the event loop's own, which bounds all of them together).
    """

    def __init__(
        self,
        picture_format: PictureFormat,
        on_picture: Callable[[VideoFrame], object],
        on_damage: Callable[[], object],
        executor: Executor | None = None,
    ) -> None:
        self._format, self._on_picture, self._on_damage = picture_format, on_picture, on_damage
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._context: VideoCodecContext | None = None
        self._pending: deque[tuple[bytes, float]] = deque()
        self._running: asyncio.Future[list[VideoFrame]] | None = None
        self._closed = False
        self.dropped = 0
        """Frames that came too fast."""
        self.damaged = 0
        """Frames that the decoder refused."""

    def write(self, frame: bytes, time: float) -> None:
        """Decode a frame soon; `time` is its media time in seconds."""
        if self._closed:
            return
        if len(self._pending) >= MAX_PENDING:
            self.dropped += len(self._pending) + 1
            self._pending.clear()
            self._on_damage()
            return
        self._pending.append((frame, time))
        self._next()

    def close(self) -> None:
        """Hand over nothing more; what is in a thread ends by itself. Harmless twice."""
        self._closed = True
        self._pending.clear()

    def _next(self) -> None:
        if self._running or not self._pending or self._closed:
            return
        try:
            self._running = self._loop.run_in_executor(
                self._executor, self._decode, *self._pending.popleft()
            )
        except RuntimeError:  # the executor was shut down: the server ends
            self.close()
            return
        self._running.add_done_callback(self._on_done)

    def _on_done(self, done: asyncio.Future[list[VideoFrame]]) -> None:
        self._running = None
        if self._closed or done.cancelled():
            return
        error = done.exception()
        if error is None:
            for picture in done.result():
                self._on_picture(picture)
        else:
            self.damaged += 1
            if not isinstance(error, av.FFmpegError):
                logger.error("a picture could not be decoded", exc_info=error)
            self._on_damage()
        self._next()

    # In a thread, one call at a time.

    def _decode(self, frame: bytes, time: float) -> list[VideoFrame]:
        context = self._context or self._open()
        self._context = context
        return [picture_of(decoded, time) for decoded in context.decode(av.Packet(frame))]

    def _open(self) -> VideoCodecContext:
        for name in self._format.decoders:
            try:
                context = av.CodecContext.create(name, "r")
            except av.FFmpegError:
                continue
            if not isinstance(context, VideoCodecContext):
                continue
            context.thread_count = 1
            context.flags |= Flags.low_delay
            context.options = {"max_pixels": str(MAX_PIXELS)}
            return context
        raise RuntimeError(f"FFmpeg has none of {', '.join(self._format.decoders)}")


def picture_of(frame: av.VideoFrame, time: float) -> VideoFrame:
    """A decoded frame as planes of its own, whatever format it was in."""
    if frame.format.name not in {"yuv420p", "yuvj420p"}:
        frame = frame.reformat(format="yuv420p")
    y, u, v = (_plane(frame.planes[index]) for index in range(3))
    return VideoFrame(y, u, v, time)


def _plane(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    pixels: npt.NDArray[np.uint8] = rows[: plane.height, : plane.width].copy()
    return pixels
