import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from greenroom.cli import app
from greenroom.errors import ConfigurationError
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.store import Store
from greenroom.settings import Settings


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(data_dir))
    monkeypatch.chdir(data_dir)

    def invoke(*arguments: str):
        return CliRunner().invoke(app, arguments, catch_exceptions=True)

    return invoke


async def tenant_of(key: str, data_dir: Path) -> str | None:
    store = Store.of(Settings(data_dir=data_dir))
    try:
        return await ApiKeys(store).verify(key)
    finally:
        await store.close()


def test_a_created_key_is_printed_alone_and_works_for_its_tenant(run, data_dir: Path) -> None:
    made = run("keys", "create", "acme", "--note", "web shop")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert asyncio.run(tenant_of(key, data_dir)) == "acme"
    assert "not shown again" in made.stderr


def test_the_list_shows_no_secret(run) -> None:
    key = run("keys", "create", "acme").stdout.strip()
    listed = run("keys", "list").stdout
    assert "acme" in listed
    assert key not in listed
    assert key.rsplit("_", 1)[1] not in listed


def test_a_revoked_key_stops_working(run, data_dir: Path) -> None:
    key = run("keys", "create", "acme").stdout.strip()
    key_id = key.split("_")[1]
    assert run("keys", "revoke", key_id).stdout.strip() == f"{key_id} is revoked"
    assert asyncio.run(tenant_of(key, data_dir)) is None


def test_revoking_an_unknown_key_is_an_error(run) -> None:
    failed = run("keys", "revoke", "nosuchkey")
    assert isinstance(failed.exception, ConfigurationError)
    assert "nosuchkey" in str(failed.exception)


def test_a_tenant_without_a_name_is_an_error(run) -> None:
    assert run("keys", "create", "").exit_code != 0
