"""Bars for long work, such as fetching a model; lines where nobody looks on."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from greenroom.speech.ports import Progress, log_progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class ProgressBars:
    """A `speech.ports.Progress` that draws on `stream`, by default standard error.

    Where that is no terminal, `lines` is told instead. Nothing is drawn before there is work.
    """

    def __init__(self, stream: TextIO | None = None, lines: Progress = log_progress) -> None:
        self._stream = stream or sys.stderr
        self._lines = lines
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are, and the terminal to others."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`what` has come to `done` of `total` bytes."""
        if not self._stream.isatty():
            self._lines(what, done, total)
            return
        if self._bars is None:
            self._bars = _bars_on(self._stream)
            self._tasks.clear()
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total, completed=done)
        self._bars.update(self._tasks[what], completed=done, total=total)


def _bars_on(stream: TextIO) -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=stream),
    )
