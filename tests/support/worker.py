"""A real `greenroom worker` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.server import START_TIMEOUT


@dataclass
class WorkerProcess:
    name: str
    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running_worker(
    data_dir: Path, name: str, *arguments: str, **environment: str
) -> AsyncIterator[WorkerProcess]:
    """A worker that takes work; ended at the end, by SIGTERM if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "greenroom",
        "worker",
        "--name",
        name,
        "--data-dir",
        str(data_dir),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # But for what has coverage measured: that would nearly double what a start costs.
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
            **environment,
        },
        cwd=data_dir.parent,
    )
    worker = WorkerProcess(name, process)
    assert process.stdout is not None
    reading = asyncio.create_task(_collect(process.stderr, worker.log))
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while not (worker.said and worker.said[-1].startswith("Ready")):
                line = (await process.stdout.readline()).decode()
                assert line, "the worker ended:\n" + "".join(worker.said + worker.log)
                worker.said.append(line)
        rest = asyncio.create_task(_collect(process.stdout, worker.said))
        yield worker
        if process.returncode is None:
            assert await worker.terminate() == 0, "".join(worker.log)
        await rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading


async def _collect(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    assert stream is not None
    while line := await stream.readline():
        lines.append(line.decode())
