"""The scripts that the avatar contracts name, run as their contracts say, on the real server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.server import FREE_PORTS, START_TIMEOUT

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ONE_STEP, TWO_STEP = EXAMPLES / "agora_avatar", EXAMPLES / "anam"
VARIABLES = 13


def environment(**more: str) -> dict[str, str]:
    """Ours, without what has coverage measured in the server."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {**ours, "NO_PROXY": "*", **more}


async def started(script: Path, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        script.name,
        cwd=script.parent,
        env=environment(**more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def run_script(script: Path, **more: str) -> tuple[int | None, str]:
    """How a script ends, and what it prints."""
    process = await started(script, **more)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def converse(process: asyncio.subprocess.Process, lines: dict[str, str]) -> str:
    """Type each line when the script has printed what it waits for; return all that it printed."""
    assert process.stdin is not None
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        for awaited, line in lines.items():
            said += (await process.stdout.readuntil(awaited.encode())).decode()
            process.stdin.write(line.encode() + b"\n")
        return said + (await process.stdout.read()).decode()


@asynccontextmanager
async def receiver() -> AsyncIterator[str]:
    """The URL of what `session_test_receiver.py` serves; SIGTERM ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "session_test_receiver.py",
        cwd=ONE_STEP,
        env=environment(**FREE_PORTS, GREENROOM_AVATAR__RENDERERS="1", TEST_API_KEY="my-key"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT):
            banner = (await process.stdout.readuntil(b"Ready in")).decode()
        found = re.search(r"avatar APIs +http://127.0.0.1:(\d+)", banner)
        assert found
        rest = asyncio.create_task(process.stdout.read())
        yield f"http://localhost:{found[1]}"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
        await rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.timeout(180)
async def test_the_contracts_scripts_run_against_the_server() -> None:
    async with receiver() as url:
        for script in ("session_start", "session_stop"):
            endpoint = f"{url}/session/{script.removeprefix('session_')}"
            code, said = await run_script(
                ONE_STEP / f"{script}.py", API_ENDPOINT=endpoint, TEST_API_KEY="my-key"
            )
            assert (code, "FAIL" in said) == (0, False), said
            assert re.search(r"\d\d passed, 0 failed", said)
        code, said = await run_script(
            ONE_STEP / "session_start.py", API_ENDPOINT=f"{url}/session/start", API_KEY="wrong"
        )
        assert (code, "FAIL" in said) == (1, True)
        process = await started(
            TWO_STEP / "interactive_session.py",
            BASE_URL=url,
            API_KEY="my-key",
            AVATAR_ID="16cb73e7de08",
            AGORA_APP_ID="app",
            AGORA_TOKEN="app",
            AGORA_CHANNEL="room1",
            AGORA_UID="0",
            VIDEO_QUALITY="low",
            ANAM_CLUSTER="devspace",
        )
        said = await converse(
            process,
            {
                "Connected": "f",
                "Sent input.wav: 3.3 s": "f nothing.wav",
                "nothing.wav: [Errno 2]": "i",
                "Interrupted": "what",
                "f [file]: send a WAV file": "q",
            },
        )
        assert await process.wait() == 0, said
        assert '"command": "error"' not in said
        assert said.rstrip().endswith("Session ended")


async def test_the_interactive_session_says_what_is_missing() -> None:
    code, said = await run_script(TWO_STEP / "interactive_session.py", API_KEY="", AVATAR_ID="a")
    assert code == 1
    assert "Set API_KEY, AGORA_APP_ID, AGORA_TOKEN, AGORA_CHANNEL, AGORA_UID" in said


def test_the_example_environment_has_every_variable_of_the_contract() -> None:
    lines = (TWO_STEP / ".env.example").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert len(names) == VARIABLES
    script = (TWO_STEP / "interactive_session.py").read_text()
    assert all(json.dumps(name) in script for name in names)
