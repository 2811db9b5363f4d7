import asyncio
import os
import sys
from pathlib import Path


async def greenroom(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "greenroom", *arguments, cwd=cwd,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(cwd), **environment},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_an_error_of_ours_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    code, out, err = await greenroom("sessions", "show", "nosuch", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err == "greenroom: no session nosuch\n"


async def test_the_version_is_printed(tmp_path: Path) -> None:
    assert (await greenroom("version", cwd=tmp_path))[:2] == (0, "0.1.0\n")


async def test_a_settings_file_in_the_working_directory_counts(tmp_path: Path) -> None:
    (tmp_path / "greenroom.toml").write_text("[server]\nport = 'http'\n")
    code, _, err = await greenroom("serve", cwd=tmp_path)
    assert code == 2
    assert err.startswith("greenroom: setting server.port: ")


async def test_doctor_finds_what_is_broken_and_ends_with_1(tmp_path: Path) -> None:
    settings = {"GREENROOM_PROVIDERS__CATALOGUE": "nosuch:", "COLUMNS": "200"}
    code, out, err = await greenroom("doctor", cwd=tmp_path, **settings)
    assert code == 1, err
    assert "no provider 'nosuch:'; known: demo" in out
    assert "offline" in out
