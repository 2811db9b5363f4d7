"""How work is done on each database: SQLite in threads of ours, PostgreSQL by asyncpg.

Work is a plain function of a SQLAlchemy connection, the same for both. SQLite gets one thread that
writes and a few that read, since a whole batch then costs one thread hop; a driver that hops for
each statement was measured at three times the CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from greenroom.errors import ConfigurationError
from greenroom.sessions.errors import StorageUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What to do in one transaction; it is committed when the function returns."""

WRITE = {"greenroom_write": True}
"""Execution options of a connection that will write."""

_READERS = 4
_BUSY_TIMEOUT_MS = 5_000
_POOL_SIZE = 8
_POOL_TIMEOUT = 5.0
_CONNECT_TIMEOUT = 5.0
_STATEMENT_TIMEOUT = 10.0


class Engine(Protocol):
    """A database that does work.

    `run` raises StorageUnavailable where the database fails, and SQLAlchemy's IntegrityError or
    DataError where it refuses a row.
    """

    networked: bool
    """Whether the database is a server's: a commit whose connection breaks may have been done."""

    async def run(self, work: Work[T], *, write: bool) -> T:
        """Do `work` in a transaction and return what it returns, once that is committed."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn all failures of a database but a row's own into StorageUnavailable."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except DBAPIError as exc:
        # Without the statement and its values: those are people's words.
        raise StorageUnavailable(f"{type(exc.orig).__name__}: {exc.orig}") from exc
    except (SQLAlchemyError, OSError) as exc:
        raise StorageUnavailable(f"{type(exc).__name__}: {exc}") from exc


def prepare_sqlite(engine: Any) -> None:
    """Set up each connection of a synchronous SQLite engine, and how its transactions begin."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: it does so late, and not before DDL.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock first: to ask for it in mid-transaction can fail at once.
        write = connection.get_execution_options().get("greenroom_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class SqliteEngine:
    """A SQLite file. Processes of one machine may share it: they wait for each other's locks."""

    networked = False

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, pool_size=_READERS + 1, max_overflow=0)
        prepare_sqlite(self._engine)
        # The same engine and pool, with another way to begin.
        self._for_writing = self._engine.execution_options(**WRITE)
        self._writer = ThreadPoolExecutor(1, "greenroom-db-write")
        self._readers = ThreadPoolExecutor(_READERS, "greenroom-db-read")

    async def run(self, work: Work[T], *, write: bool) -> T:
        """Do `work` in a thread."""
        executor = self._writer if write else self._readers
        return await asyncio.get_running_loop().run_in_executor(executor, self._do, work, write)

    def _do(self, work: Work[T], write: bool) -> T:
        engine = self._for_writing if write else self._engine
        with storage_errors(), engine.begin() as connection:
            return work(connection)

    async def close(self) -> None:
        """Wait for work that has begun, end the threads, close the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


class PostgresEngine:
    """A PostgreSQL database that many servers may share."""

    networked = True

    def __init__(self, url: URL) -> None:
        # Imported here: a server on SQLite starts without SQLAlchemy's asyncio half.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        try:
            self._engine = create_async_engine(
                url,
                pool_size=_POOL_SIZE,
                max_overflow=0,
                # The driver decodes JSON columns whatever their type here; ours stay text.
                json_deserializer=str,
                pool_timeout=_POOL_TIMEOUT,
                connect_args={"timeout": _CONNECT_TIMEOUT, "command_timeout": _STATEMENT_TIMEOUT},
            )
        except ImportError as exc:
            problem = "PostgreSQL needs asyncpg: pip install 'greenroom[postgresql]'"
            raise ConfigurationError("storage.database_url", problem) from exc

    async def run(self, work: Work[T], *, write: bool) -> T:
        """Do `work` on a pooled connection.

        Reading is tried again once where the connection had been lost since its last use.
        """
        with storage_errors():
            try:
                return await self._do(work)
            except DBAPIError as exc:
                if write or not exc.connection_invalidated:
                    raise
            return await self._do(work)

    async def _do(self, work: Work[T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
