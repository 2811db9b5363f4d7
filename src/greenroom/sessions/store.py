"""The database: which one, brought up to date, and work done on it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from greenroom.errors import ConfigurationError
from greenroom.sessions.engines import (
    Engine,
    PostgresEngine,
    SqliteEngine,
    T,
    Work,
    storage_errors,
)
from greenroom.sessions.tables import SCHEMA_REVISION
from greenroom.settings import Settings

DATABASE_FILE = "greenroom.db"
"""The SQLite file in the data folder, where no database URL is set."""

_SETTING = "storage.database_url"


def database_url(url: str | None, data_dir: Path) -> URL:
    """Say which database `url` means, with the driver that Greenroom uses.

    None means SQLite in `data_dir`, which is made if need be. Raises ConfigurationError.
    """
    if not url:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return URL.create("sqlite+pysqlite", database=str(data_dir / DATABASE_FILE))
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not the error's own words: they hold the URL, and that may hold a password.
        problem = "is not a URL; for example postgresql://user:password@host/database"
        raise ConfigurationError(_SETTING, problem) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+asyncpg")
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or "mode=memory" in url:
            problem = "SQLite must be in a file: sqlite:///path/to/file.db"
            raise ConfigurationError(_SETTING, problem)
        return parsed.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(_SETTING, f"{backend} is not supported; use sqlite or postgresql")


class Store:
    """One database and the connections to it. Owned by whoever made it, who must `close` it.

    `shared`: other servers or workers may write to it too; always so where it is a server's.
    """

    def __init__(self, url: URL, *, shared: bool = False) -> None:
        self._url = url
        self._engine: Engine = (
            SqliteEngine(url) if url.get_backend_name() == "sqlite" else PostgresEngine(url)
        )
        self.shared = shared or self._engine.networked

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """Return the store that the settings name. Raises ConfigurationError."""
        secret = settings.storage.database_url
        url = database_url(secret.get_secret_value() if secret else None, settings.data_dir)
        # Workers on the server's own machine may share its SQLite file.
        return cls(url, shared=settings.celery_broker_url is not None)

    @property
    def networked(self) -> bool:
        """Whether it is left open, where a commit fails, if it was done."""
        return self._engine.networked

    @property
    def name(self) -> str:
        """Where the database is, fit to be shown: without the password."""
        return self._url.render_as_string(hide_password=True)

    async def read(self, work: Work[T]) -> T:
        """Do `work`, which only reads; it may be done twice. Raises StorageUnavailable."""
        return await self._engine.run(work, write=False)

    async def write(self, work: Work[T]) -> T:
        """Do `work` in one transaction, committed on return.

        Raises StorageUnavailable, after which the work may or may not have been committed, and
        SQLAlchemy's IntegrityError and DataError for a row that is refused.
        """
        return await self._engine.run(work, write=True)

    async def check(self) -> None:
        """Raise StorageUnavailable if the database does not answer."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")).scalar())

    async def migrate(self) -> None:
        """Bring the schema up to date; safe where several servers start at once.

        Raises StorageUnavailable, and ConfigurationError for a database of a newer Greenroom.
        """
        if self.networked:
            await self._migrate()
            return
        # SQLite's own locks don't do: to turn a file to WAL fails at once if anybody reads it.
        with storage_errors():
            lock = await asyncio.to_thread(_lock_beside, self._url)
        try:
            await self._migrate()
        finally:
            os.close(lock)

    async def _migrate(self) -> None:
        if await self.read(schema_revision) == SCHEMA_REVISION:
            return
        # Imported here: Alembic costs a good part of a second, and most starts don't need it.
        from greenroom.sessions.migrate import upgrade  # noqa: PLC0415

        await asyncio.to_thread(upgrade, self._url)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.close()


def _lock_beside(url: URL) -> int:
    """Wait for the lock that lets one process at a time migrate a SQLite file; return its file."""
    descriptor = os.open(f"{url.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def schema_revision(connection: Connection) -> str | None:
    """Return the revision that the database says it has; None for one without any."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    return revision
