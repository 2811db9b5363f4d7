"""The helper's end of the pipe: signals, streams and frames. Standard library only.

A helper is one process with one thread. It reads what the server asks whenever it looks (`poll`),
so that a cancel is seen in the middle of work, and writes answers with blocking writes, so that a
server that reads slowly slows it down. It ends when its stdin ends, and on Linux also by a signal
when the server is killed while the helper is deep in work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
from typing import Any

from greenroom.helpers.wire import Frame, FrameReader, encode

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_READ_SIZE = 256 * 1024


class ServerGone(Exception):
    """The server closed the pipe or died."""


class Child:
    """The pipe to the server. Made once, before anything is loaded."""

    def __init__(self) -> None:
        # Ctrl-C and a service manager's SIGTERM may reach every process of the service; the server
        # drains first, and then closes our stdin.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _die_with_parent()
        # What a library prints must not get between the frames: stdout becomes stderr.
        self._in = os.dup(0)
        self._out = os.dup(1)
        os.dup2(2, 1)
        with open(os.devnull, "rb") as null:  # noqa: PTH123 - no pathlib: start-up time
            os.dup2(null.fileno(), 0)
        self._reader = FrameReader()
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN | select.POLLHUP)

    def poll(self, *, wait: bool) -> list[Frame]:
        """Frames that have come; with `wait`, at least one byte is waited for.

        Raises ServerGone at the end of the pipe, WireError for garbage.
        """
        if not wait and not self._poll.poll(0):
            return []
        data = os.read(self._in, _READ_SIZE)
        if not data:
            raise ServerGone
        frames = []
        for frame in self._reader.feed(data):
            if frame.header.get("op") == "ping":
                self.send({"pong": True})
            else:
                frames.append(frame)
        return frames

    def send(self, header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
        """Write a frame, however long the server takes to read it. Raises ServerGone."""
        view = memoryview(encode(header, payload))
        try:
            while view:
                view = view[os.write(self._out, view) :]
        except BrokenPipeError as error:
            raise ServerGone from error


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # a libc without prctl: stdin's end remains
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
