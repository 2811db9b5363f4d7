from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

import services
from greenroom.errors import ConfigurationError
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.migrate import alembic_config
from greenroom.sessions.store import DATABASE_FILE, Store, database_url, schema_revision
from greenroom.sessions.tables import SCHEMA_REVISION, metadata
from greenroom.settings import Settings, StorageSettings


def test_the_newest_migration_is_the_one_that_the_store_asks_for() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == SCHEMA_REVISION


async def test_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    def difference(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await store.read(difference) == []


async def test_migrations_can_be_undone(store: Store) -> None:
    from alembic import command

    def undo(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    await store.write(undo)
    assert await store.read(schema_revision) is None


async def test_servers_that_start_at_once_migrate_once(url: str, tmp_path: Path) -> None:
    stores = [Store(database_url(url, tmp_path)) for _ in range(4)]
    await asyncio.gather(*(store.migrate() for store in stores))
    for store in stores:
        assert await store.read(schema_revision) == SCHEMA_REVISION
        await store.close()


async def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    await store.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(ConfigurationError, match="9999") as caught:
        await store.migrate()
    assert caught.value.setting == "storage.database_url"


def test_a_start_on_a_database_that_is_up_to_date_does_without_alembic(
    tmp_path: Path,
) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from greenroom.sessions.store import Store, database_url\n"
        "async def main():\n"
        f"    store = Store(database_url(None, pathlib.Path({str(tmp_path)!r})))\n"
        "    await store.migrate()\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    for imported in ("True", "False"):
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        assert done.stdout.strip() == imported


async def test_sqlite_in_the_data_folder_is_the_default(tmp_path: Path) -> None:
    store = Store.of(Settings(data_dir=tmp_path / "new" / "data"))
    await store.migrate()
    await store.check()

    def pragmas(connection: Connection) -> list[object]:
        # A connection sees that the file's mode has changed when it reads.
        connection.execute(text("SELECT count(*) FROM sessions"))
        return [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]

    assert await store.read(pragmas) == ["wal", 1, 1, 5000]
    assert (tmp_path / "new" / "data" / DATABASE_FILE).exists()
    assert not store.shared
    await store.close()


async def test_a_row_that_is_refused_is_told_from_a_database_that_fails(store: Store) -> None:
    insert = text(
        "INSERT INTO journal (session_id, kind, at, data) VALUES ('nobody', 'x', 1, '{}')"
    )
    with pytest.raises(IntegrityError):
        await store.write(lambda connection: connection.execute(insert))
    with pytest.raises(StorageUnavailable):
        await store.read(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    await store.check()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite://", "in a file"),
        ("sqlite:///:memory:", "in a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "in a file"),
        ("mysql://host/name", "mysql is not supported"),
        ("what is this", "not a URL"),
        ("postgresql://user:hush@host:port/name", "not a URL"),
    ],
)
def test_a_database_url_that_can_not_be_used_is_explained(
    url: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        database_url(url, tmp_path)
    assert "hush" not in str(caught.value)


def test_usual_ways_to_name_postgresql_are_understood(tmp_path: Path) -> None:
    for url in ("postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"):
        assert database_url(url, tmp_path).drivername == "postgresql+asyncpg"


def test_postgresql_without_its_driver_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationError, match=r"greenroom\[postgresql\]"):
        Store(database_url("postgresql://u@h/d", tmp_path))


async def test_the_name_of_a_store_hides_the_password(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, storage=StorageSettings(database_url="postgresql://u:hush@h/d")
    )
    store = Store.of(settings)
    assert store.shared
    assert "hush" not in store.name
    assert "u:***@h/d" in store.name
    await store.close()


async def test_a_database_that_can_not_be_reached_is_unavailable(tmp_path: Path) -> None:
    for url in ("postgresql://u@127.0.0.1:1/d", f"sqlite:///{tmp_path}/no/such/folder.db"):
        store = Store(database_url(url, tmp_path))
        with pytest.raises(StorageUnavailable):
            await store.check()
        await store.close()


async def test_postgresql_that_came_back_is_read_at_once(
    postgres: services.Postgres, tmp_path: Path
) -> None:
    store = Store(database_url(postgres.empty_database(), tmp_path))
    await store.check()
    postgres.stop()
    try:
        with pytest.raises(StorageUnavailable):
            await store.check()
    finally:
        postgres.start()
    await store.check()
    postgres.stop()
    postgres.start()
    # The pooled connection is dead and nobody has noticed yet.
    await store.check()
    await store.close()
