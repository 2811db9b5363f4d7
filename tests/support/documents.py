"""What documents show, taken out of them and run."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def shell_lines(document: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line]


def program(document: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return str(code)


async def run(
    command: str, cwd: Path, *, ends: frozenset[int] = frozenset({0}), **environment: str
) -> str:
    """What a shell command prints; it must end with one of the statuses `ends`, within 50 s."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode in ends, f"{command}\n{out.decode()}\n{err.decode()}"
    return out.decode()
