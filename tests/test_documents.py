"""What the documents say is true: their commands are run, their tables are compared."""

import asyncio
import json
import os
import re
import runpy
import shutil
import signal
import sys
from pathlib import Path

import av
import pytest

from greenroom.audio.pcm import HEARING_RATE
from greenroom.audio.wave_file import write_wav
from support.documents import ROOT, program, run, shell_lines
from support.server import (
    FREE_PORTS,
    SCRIPTED,
    ServerProcess,
    running_server,
    share_language_models,
)
from support.speech import say

VENV = Path(sys.prefix)


def test_the_readme_has_no_command_that_is_not_run_here() -> None:
    kinds = {re.split(r"\s", line)[0] for line in shell_lines("README.md")}
    assert kinds == {"make", ".venv/bin/greenroom", "curl"}


def test_the_readme_opens_with_the_two_commands() -> None:
    assert shell_lines("README.md")[:2] == ["make run", "make test"]
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


async def test_make_run_starts_a_server_that_ends_on_a_signal(data_dir: Path) -> None:
    if not (VENV / ".run").exists():
        pytest.fail("run the tests with `make test`, which installs as `make run` does")
    share_language_models(data_dir)
    process = await asyncio.create_subprocess_exec(
        "make", "run", f"VENV={VENV}", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ, **FREE_PORTS,
            "GREENROOM_SERVER__PORT": "0", "GREENROOM_DATA_DIR": str(data_dir),
        },
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            said = await process.stdout.readuntil(b"Ready in")
        assert re.search(rb"hears +pocketsphinx:", said)
        assert re.search(rb"speaks +espeak:", said)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 20)


@pytest.mark.timeout(120)
async def test_the_readmes_call_is_understood_and_answered(data_dir: Path, tmp_path: Path) -> None:
    (command,) = [line for line in shell_lines("README.md") if "greenroom call" in line]
    command = command.replace(".venv", str(VENV))
    async with running_server(data_dir) as server:
        said = await run(f"{command} --save call.wav", tmp_path, **where(server))
    assert "search_products" in said
    assert "add_to_cart" in said
    assert (tmp_path / "call.wav").stat().st_size > 16_000 * 2 * 2 * 10


async def test_the_readmes_curl_lines_answer(data_dir: Path, tmp_path: Path) -> None:
    both = {**SCRIPTED, "GREENROOM_SERVER__APIS": "commerce,orchestrator"}
    async with running_server(data_dir, **both) as server:
        answers = [
            json.loads(await run(line.replace("http://localhost:8000", server.url), tmp_path))
            for line in shell_lines("README.md")
            if line.startswith("curl") and "localhost:8000" in line
        ]
    session, products, health, assistant = answers
    assert set(session) == {"session_id", "token", "expires_at"}
    assert 1 <= len(products["products"]) <= 3
    assert all(float(product["price"]["amount"]) <= 100 for product in products["products"])
    assert health["status"] == "healthy"
    assert assistant["success"]
    assert assistant["roomName"] == assistant["sessionId"]


@pytest.mark.timeout(120)
async def test_what_the_documents_show_of_avatars_works(data_dir: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/anam/input.wav", tmp_path / "speech.wav")
    (curl,) = [line for line in shell_lines("README.md") if "localhost:8764" in line]
    async with running_server(data_dir, GREENROOM_SERVER__APIS="avatar") as server:
        here = "http://localhost:8764", server.avatars_url
        started = json.loads(await run(curl.replace(*here), tmp_path))
        assert set(started) == {"session_id", "websocket_address", "session_token"}
        (tmp_path / "program.py").write_text(program("docs/avatars.md").replace(*here))
        said = await run(f"{sys.executable} program.py", tmp_path)
    assert f"{server.avatars_url}/watch/" in said
    assert "'applied': ['wave']" in said


@pytest.mark.timeout(120)
async def test_the_readmes_avatar_says_a_file(tmp_path: Path) -> None:
    (command,) = [line for line in shell_lines("README.md") if "greenroom avatar " in line]
    command = command.replace(".venv", str(VENV)).replace("examples", str(ROOT / "examples"))
    await run(f"{command} --quality low", tmp_path)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert {stream.type for stream in clip.streams} == {"audio", "video"}


async def test_the_readmes_duplex_lines_answer(data_dir: Path, tmp_path: Path) -> None:
    duplex = {**SCRIPTED, "GREENROOM_SERVER__APIS": "duplex", "GREENROOM_ROOMS__PROVIDER": "off"}
    async with running_server(data_dir, **duplex) as server:
        started, listed = [
            json.loads(
                await run(line.replace("http://localhost:8080", server.duplex_url), tmp_path)
            )
            for line in shell_lines("README.md")
            if "localhost:8080" in line
        ]
    assert started["status"] == "waiting"
    assert [session["session_id"] for session in listed] == [started["session_id"]]


async def test_the_readmes_python_lines_are_answered(data_dir: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "question.wav", await say("show me running shoes", data_dir), HEARING_RATE)
    async with running_server(data_dir, **SCRIPTED) as server:
        code = program("README.md").replace("http://localhost:8000", server.url)
        (tmp_path / "program.py").write_text(code)
        said = await run(f"{sys.executable} program.py", tmp_path)
    assert "transcription" in said
    assert "agent.response" in said


async def test_the_client_in_the_rooms_document_talks_in_a_room(
    data_dir: Path, tmp_path: Path
) -> None:
    code = program("docs/rooms.md")
    async with running_server(data_dir, **SCRIPTED) as server:
        code = code.replace("ws://localhost:8000", server.url.replace("http", "ws", 1))
        code = code.replace("ws://localhost:7880", server.rooms_url)
        (tmp_path / "program.py").write_text(code)
        # LiveKit's native client aborts now and then as the interpreter ends, when all is done.
        said = await run(f"{sys.executable} program.py", tmp_path, ends=frozenset({0, 134, -6}))
    assert re.search(r"in session_\S+ with agent", said)


def test_every_setting_is_documented_as_it_is() -> None:
    documented = runpy.run_path(str(ROOT / "tools" / "document_settings.py"))
    assert (ROOT / "docs" / "configuration.md").read_text() == documented["render"](), (
        "run `python tools/document_settings.py`"
    )


def test_the_lock_files_name_no_address() -> None:
    for file in ROOT.glob("requirements*.lock"):
        text = file.read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert "--hash=sha256:" in text


def where(server: ServerProcess) -> dict[str, str]:
    return {"GREENROOM_SERVER__PORT": server.url.rsplit(":", 1)[1]}
