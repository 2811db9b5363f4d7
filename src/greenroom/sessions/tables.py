"""The tables, one schema for SQLite and PostgreSQL, and how a row becomes a `Session`.

Times are whole microseconds since 1970 in UTC: the same number, order and precision in both
databases, and no time zone to get wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    text,
)
from sqlalchemy.types import UserDefinedType

from greenroom.sessions.model import EndReason, Session, Status

SCHEMA_REVISION = "0003"
"""The newest migration. Kept here so that a start on an up-to-date database needs no Alembic."""

LIVE = (Status.WAITING.value, Status.ACTIVE.value)
"""The statuses of a session that has not ended."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EncodedJson(UserDefinedType[str]):
    """A JSON column whose values are handed over and taken back as JSON text.

    What can't be written as JSON must be refused where it is appended: it is encoded there, once.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the column type's name, the same in both databases."""
        return "JSON"


metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("settings", EncodedJson, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("end_reason", Text),
    Column("node", Text),
    Index("sessions_newest", "created_at", "id"),
    Index("sessions_of_tenant", "tenant", "created_at", "id"),
    # Few sessions are live at once: upkeep finds them here however many have ended.
    Index(
        "sessions_live",
        "status",
        "created_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

journal = Table(
    "journal",
    metadata,
    # SQLite makes an INTEGER primary key its row id; a BIGINT one it does not.
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("turn_id", Text),
    Column("at", BigInteger, nullable=False),
    Column("data", EncodedJson, nullable=False),
    # What tells an entry from its repetition, where a client gave it.
    Column("key", Text),
    Index("journal_of_session", "session_id", "seq"),
    Index(
        "journal_by_key",
        "session_id",
        "key",
        unique=True,
        sqlite_where=text("key IS NOT NULL"),
        postgresql_where=text("key IS NOT NULL"),
    ),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("boot", Text, nullable=False),
    Column("heartbeat_at", BigInteger, nullable=False),
    # The number of the last batch that this boot committed: after a connection that broke during a
    # commit, the writer reads here whether the batch is in.
    Column("committed", BigInteger, nullable=False),
    # Where its avatars are reached, and the labels by which a client asks for this node.
    Column("address", Text, nullable=False, server_default=""),
    Column("cluster", Text, nullable=False, server_default=""),
    Column("pod", Text, nullable=False, server_default=""),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware `moment`."""
    return round(moment.timestamp() * 1_000_000)


def moment(micros: int) -> datetime:
    """The aware UTC time of `micros` microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def session_of(row: RowMapping) -> Session:
    """The session that a row of `sessions` holds."""
    return Session(
        id=row["id"],
        api=row["api"],
        tenant=row["tenant"],
        status=Status(row["status"]),
        created_at=moment(row["created_at"]),
        settings=orjson.loads(row["settings"]),
        started_at=None if row["started_at"] is None else moment(row["started_at"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
        end_reason=None if row["end_reason"] is None else EndReason(row["end_reason"]),
        node=row["node"],
    )
