"""A real `greenroom serve` in a process of its own, on a free port."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.database import NAME, put_database

START_TIMEOUT = 30
API_KEY = "test-api-key-123"

SCRIPTED = {
    "GREENROOM_PROVIDERS__TRANSCRIBER": "scripted:?text=show+me+running+shoes+under+100+dollars",
    "GREENROOM_PROVIDERS__SYNTHESIZER": "scripted:?ms_per_character=5",
}
"""Ears and voice that need no engine; the agent and the shop are the real ones."""

FREE_PORTS = {
    "GREENROOM_ROOMS__PORT": "0",
    "GREENROOM_ROOMS__UDP_PORTS": "0",
    "GREENROOM_AVATAR__PORT": "0",
    "GREENROOM_DUPLEX__PORT": "0",
}
"""So that several servers run at once."""

DEFAULTS = {
    "GREENROOM_RATES__ENABLED": "false",
    # What most tests need; renderers of avatars cost CPU to start.
    "GREENROOM_SERVER__APIS": "commerce",
    "GREENROOM_AVATAR__READY": "",
}


@dataclass
class ServerProcess:
    process: asyncio.subprocess.Process
    data_dir: Path
    said: list[str]
    log: list[str] = field(default_factory=list)
    url: str = ""
    rooms_url: str = ""
    avatars_url: str = ""
    duplex_url: str = ""

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/voice/session"

    async def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


def share_language_models(data_dir: Path) -> None:
    """Let a server find the language models that others of this test run have built.

    Building one takes seconds of a core; which one is right, its name tells.
    """
    runs = (folder for folder in data_dir.parents if re.fullmatch(r"pytest-\d+", folder.name))
    run, speech = next(runs, None), data_dir / "speech"
    if run is not None and not speech.exists():
        models = run / "language-models"
        models.mkdir(exist_ok=True)
        speech.symlink_to(models)


async def spawn(data_dir: Path, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    if data_dir.is_dir():
        share_language_models(data_dir)
        put_database(data_dir / NAME)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "greenroom",
        "serve",
        "--data-dir",
        str(data_dir),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **_environment(),
            **FREE_PORTS,
            **DEFAULTS,
            **environment,
        },
        cwd=data_dir.parent,  # no greenroom.toml of a developer's counts
    )


def _environment() -> dict[str, str]:
    """Ours, but for what has coverage measured: that would nearly double what a start costs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@asynccontextmanager
async def running_server(
    data_dir: Path, *arguments: str, **environment: str
) -> AsyncIterator[ServerProcess]:
    """A server that has said it is ready; ended at the end, by SIGTERM if it still runs."""
    process = await spawn(data_dir, "--port", "0", *arguments, **environment)
    server = ServerProcess(process, data_dir, [])
    assert process.stderr is not None
    drain = asyncio.create_task(_collect(process.stderr, server.log))
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await _read_banner(server)
        rest = asyncio.create_task(_collect(process.stdout, server.said))
        yield server
        if process.returncode is None:
            assert await server.terminate() == 0, "".join(server.log)
        await rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await drain


async def _read_banner(server: ServerProcess) -> None:
    assert server.process.stdout is not None
    while line := (await server.process.stdout.readline()).decode():
        server.said.append(line)
        if found := re.search(r"voice assistants +(http://[^/\s]+)", line):
            server.url = found[1]
        if found := re.search(r"commerce API +(http://\S+:\d+)", line):
            server.url = found[1]
        if found := re.search(r"avatar APIs +(http://\S+:\d+)", line):
            server.avatars_url = found[1]
        if found := re.search(r"duplex sessions +(http://\S+:\d+)", line):
            server.duplex_url = found[1]
        if found := re.search(r"LiveKit rooms +(ws://\S+:\d+)", line):
            server.rooms_url = found[1]
        if line.startswith("Ready"):
            return
    raise AssertionError("the server ended:\n" + "".join(server.said + server.log))


async def _collect(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    assert stream is not None
    while line := await stream.readline():
        lines.append(line.decode())
