"""SQLite databases with Greenroom's tables, copied from one that is migrated once per process."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from greenroom.sessions.migrate import upgrade
from greenroom.sessions.store import database_url

NAME = "greenroom.db"
"""The database of a data folder."""


def put_database(path: Path) -> None:
    """Let there be one at `path`; what is there already stays."""
    if not path.exists():
        path.write_bytes(_migrated())


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        upgrade(database_url(f"sqlite:///{path}", path.parent))
        assert sorted(each.name for each in path.parent.iterdir()) == [NAME]  # nothing in a WAL
        return path.read_bytes()
