from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from greenroom.errors import ConfigurationError
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.node import NodeClaim
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings, StorageSettings

CLAIM = """
import sys, pathlib
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.node import NodeClaim
claim = NodeClaim(pathlib.Path(sys.argv[1]))
print(claim.node.id, flush=True)
sys.stdin.read()
"""


@contextmanager
def claimed_by_another_process(folder: Path) -> Iterator[tuple[int, str]]:
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_node_keeps_its_id_and_gets_a_new_boot(tmp_path: Path) -> None:
    first = NodeClaim(tmp_path / "new")
    first.release()
    second = NodeClaim(tmp_path / "new")
    second.release()
    second.release()
    assert first.node.id == second.node.id
    assert first.node.boot != second.node.boot


def test_another_process_can_not_be_the_same_node(tmp_path: Path) -> None:
    with (
        claimed_by_another_process(tmp_path) as (pid, node),
        pytest.raises(ConfigurationError, match=rf"another .* server \(process {pid}\)"),
    ):
        NodeClaim(tmp_path)
    claim = NodeClaim(tmp_path)
    assert claim.node.id == node
    claim.release()


def test_nor_can_the_same_process_be_it_twice(tmp_path: Path) -> None:
    claim = NodeClaim(tmp_path)
    with pytest.raises(ConfigurationError, match="this very process"):
        NodeClaim(tmp_path)
    claim.release()


def test_a_data_folder_that_can_not_be_one_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match="can't be used"):
        NodeClaim(file)


def test_a_damaged_id_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "node-id").write_text("\n")
    claim = NodeClaim(tmp_path)
    claim.release()
    assert len(claim.node.id) == 16


async def test_a_server_opens_whole_and_again(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir)
    service = await open_sessions(settings)
    session = await service.create(api="commerce", tenant="shop", settings={})
    await service.start(session.id)
    with pytest.raises(ConfigurationError):
        await open_sessions(settings)
    await service.close()
    service = await open_sessions(settings)
    lost = await service.get(session.id)
    assert lost.end_reason == "node_lost"
    await service.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_server_that_can_not_open_leaves_nothing_behind(data_dir: Path) -> None:
    away = StorageSettings(database_url="postgresql://u@127.0.0.1:1/d")
    with pytest.raises(Exception, match="storage unavailable"):
        await open_sessions(Settings(data_dir=data_dir, storage=away))
    with pytest.raises(ConfigurationError, match="not a Redis URL"):
        await open_sessions(Settings(data_dir=data_dir), control_url="http://x")
    claim = NodeClaim(data_dir)
    claim.release()


async def test_a_server_that_can_not_recover_leaves_nothing_behind(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(service: SessionService) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(SessionService, "recover", fail)
    with pytest.raises(StorageUnavailable):
        await open_sessions(Settings(data_dir=data_dir))
    claim = NodeClaim(data_dir)
    claim.release()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
