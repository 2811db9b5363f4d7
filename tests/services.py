"""Real PostgreSQL and Redis servers for tests, on free ports, in folders that are removed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from greenroom.sessions.tables import SCHEMA_REVISION


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_NOTHING = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
_NO_ROWS = f"""
DO $$ BEGIN
  IF to_regclass('alembic_version') IS NOT NULL THEN
    IF (SELECT version_num = '{SCHEMA_REVISION}' FROM alembic_version) THEN
      EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
      );
      RETURN;
    END IF;
  END IF;
  {_NOTHING}
END $$
"""  # noqa: S608 - the revision is ours


class Postgres:
    """A running cluster. It refuses to run as root, so as root it runs as the user `postgres`."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.port = _free_port()
        self._binaries = binaries
        self._data = folder / "data"
        self._log = folder / "log"
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self._identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._run(
            "initdb",
            "-A",
            "trust",
            "-U",
            "greenroom",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "--wal-segsize=1",
        )

    def empty_database(self, *, keep_tables: bool = False) -> str:
        """The URL of the one database, after it was emptied: quicker than a new one for each test.

        With `keep_tables` only of its rows, where its tables are Greenroom's of now. The test
        before must have let go of it.
        """
        url = f"postgresql://greenroom@127.0.0.1:{self.port}/postgres"
        again = _NO_ROWS if keep_tables else _NOTHING
        self._call("psql", "-q", "-d", url, "-c", f"SET client_min_messages = error; {again}")
        return url

    def start(self) -> None:
        options = (
            f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c shared_buffers=16MB -c max_connections=60"
        )
        self._run("pg_ctl", "-w", "-s", "-l", str(self._log), "-o", options, "start")

    def stop(self) -> None:
        """Stop at once, as a crash would."""
        self._run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")

    def _run(self, tool: str, *arguments: str) -> None:
        self._call(tool, "-D", str(self._data), *arguments)

    def _call(self, tool: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / tool, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            timeout=60,
            **self._identity,
        )
        assert done.returncode == 0, f"{tool}: {done.stderr}"


class RedisServer:
    """A running Redis that keeps nothing on disk."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = _free_port()
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server did not start: " + "".join(said))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster of our own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    assert initdb, "the tests need PostgreSQL's programs: apt-get install postgresql"
    with tempfile.TemporaryDirectory(prefix="greenroom-pg-") as folder:
        server = Postgres(Path(initdb).parent, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis server of our own."""
    program = shutil.which("redis-server")
    assert program, "the tests need redis-server: apt-get install redis-server"
    with tempfile.TemporaryDirectory(prefix="greenroom-redis-") as folder:
        server = RedisServer(program, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
