"""Server processes for the bench: started, asked, measured from outside, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import harness as h

HERE = Path(__file__).resolve().parent
START_TIMEOUT_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
SERVE = "from greenroom.cli import main; main()"

SCRIPTED = {
    "GREENROOM_PROVIDERS__TRANSCRIBER": "scripted:?text=show+me+running+shoes",
    "GREENROOM_PROVIDERS__SYNTHESIZER": "scripted:?ms_per_character=8",
}
"""Hearing and speaking that take no time; a product list of the offline agent takes about 2 s."""


@dataclass
class Server:
    """A process that listens on `port`, leader of a process session of its own."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        """User and system time of the process and of the helpers that it started."""
        return sum(_cpu(pid) for pid in self.family())

    def resident_mib(self) -> float:
        return h.resident_mib(self.pid)

    def family(self) -> list[int]:
        """Processes of its session: itself and its helpers."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _session(int(entry.name)) == self.pid
        ]

    async def kill(self) -> None:
        """As a crash would end it: kill -9, of this process only."""
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def greenroom(data_dir: Path, settings: dict[str, str]) -> AsyncIterator[Server]:
    """`greenroom serve` with rate limits off and logs in `data_dir`."""
    port = free_port()
    environment = {
        **os.environ,
        "GREENROOM_DATA_DIR": str(data_dir),
        "GREENROOM_SERVER__PORT": str(port),
        "GREENROOM_RATES__ENABLED": "false",
        "GREENROOM_ROOMS__PORT": "0",
        "GREENROOM_ROOMS__UDP_PORTS": "0",
        "GREENROOM_LOG_LEVEL": "warning",
        **settings,
    }
    async with started([sys.executable, "-c", SERVE, "serve"], environment, port, data_dir) as s:
        yield s


@contextlib.asynccontextmanager
async def baseline(data_dir: Path) -> AsyncIterator[Server]:
    """The bare routes of `baseline.py`."""
    port = free_port()
    command = [sys.executable, str(HERE / "baseline.py"), str(port)]
    async with started(command, dict(os.environ), port, data_dir) as server:
        yield server


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.asynccontextmanager
async def started(
    command: list[str], environment: dict[str, str], port: int, folder: Path, name: str = "server"
) -> AsyncIterator[Server]:
    """A process that answers on `port`, once it does; its log is `name`.log in `folder`."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    server = Server(process, port)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await _answers(port):
                if process.returncode is not None:
                    raise RuntimeError(log.read_text()[-2000:])
                await asyncio.sleep(0.05)
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await process.wait()
        for pid in server.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await process.wait()


async def _answers(port: int) -> bool:
    """Whether it is ready; the port alone is open before, and a worker answers 503."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        status = (await reader.readline()).split(b" ")[1:2]
        return bool(status) and status != [b"503"]
    except OSError:
        return False
    finally:
        writer.close()


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on (the name before may hold spaces); empty when gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _session(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[3]) if fields and fields[0] != "Z" else 0


def _cpu(pid: int) -> float:
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0
