"""The README's programs run as they are printed; importing is quick."""

from __future__ import annotations

import ast
import asyncio
import re
import subprocess
import sys
import wave
from pathlib import Path

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def test_the_quick_start_runs_as_it_is_printed(
    server_url: str, speech: bytes, tmp_path: Path
) -> None:
    program = PROGRAMS[0]
    assert "http://localhost:8000" in program
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(speech)
    here = program.replace("http://localhost:8000", server_url)
    (tmp_path / "quick_start.py").write_text(here)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "quick_start.py",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 45)
    assert process.returncode == 0, err.decode()
    assert "User: show me running shoes under 100 dollars" in out.decode()
    assert "Agent: " in out.decode()


def test_the_other_programs_are_python() -> None:
    for program in PROGRAMS:
        compile(program, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_error_table_names_every_exception() -> None:
    import voice_agent

    kinds = {
        name
        for name in voice_agent.__all__
        if isinstance(value := getattr(voice_agent, name), type) and issubclass(value, Exception)
    }
    table = set(re.findall(r"^\| `(\w+)` \| `[A-Z_]+` \|", README, re.MULTILINE))
    assert table == kinds - {"VoiceAgentError"}


def test_importing_takes_neither_the_http_nor_the_websocket_library() -> None:
    program = (
        "import sys, voice_agent\n"
        "print(*({'httpx', 'websockets', 'sounddevice', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == []
