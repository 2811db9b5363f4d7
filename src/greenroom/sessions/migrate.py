"""Alembic, run from the program. Imported only where a database is not up to date."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from greenroom.errors import ConfigurationError
from greenroom.sessions.engines import WRITE, prepare_sqlite, storage_errors
from greenroom.sessions.store import schema_revision
from greenroom.sessions.tables import SCHEMA_REVISION

_LOCK = 0x6772_6E72_6D00_0001
"""PostgreSQL advisory lock of the migrations ("grnrm", 1): one server migrates at a time."""


def alembic_config() -> Config:
    """Return the configuration of the migrations that lie in this package."""
    config = Config()
    location = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(url: URL) -> None:
    """Bring the database to the newest schema, in one transaction. Blocks: call it in a thread.

    Raises StorageUnavailable, ConfigurationError.
    """
    with storage_errors():
        if url.get_backend_name() == "sqlite":
            _upgrade_sqlite(url)
        else:
            asyncio.run(_upgrade_postgres(url))


def _upgrade_sqlite(url: URL) -> None:
    engine = create_engine(url, poolclass=NullPool)
    prepare_sqlite(engine)
    with engine.connect() as connection:
        # Kept in the file. Not in a transaction: there it can't be changed.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
    with engine.execution_options(**WRITE).begin() as connection:
        _upgrade(connection)


async def _upgrade_postgres(url: URL) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    # Another server may have done it while this one waited for the lock.
    if schema_revision(connection) == SCHEMA_REVISION:
        return
    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        problem = f"the database can't be brought to revision {SCHEMA_REVISION}: {exc}"
        raise ConfigurationError("storage.database_url", problem) from exc
