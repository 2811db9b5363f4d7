"""What may be written of sessions: each operation is a row or a change of state, and its entry.

A batch of them is one transaction. A change of state takes effect only on a session in a state that
allows it, decided by the database itself, so that two servers can't both end one session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from greenroom.sessions.codec import decode_rows, encode
from greenroom.sessions.model import Entry, LifecycleEntry, Record, Session, Status
from greenroom.sessions.tables import LIVE, journal, nodes, session_of, sessions

JournalRow: TypeAlias = dict[str, Any]

# Made once: to make a statement costs more than to run it.
_INSERT_SESSIONS = insert(sessions)
_INSERT_ENTRIES = insert(journal)
_MARK = (
    update(nodes)
    .where(nodes.c.id == bindparam("node"), nodes.c.boot == bindparam("its_boot"))
    .values(committed=bindparam("number"))
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change of state came to: the session as it is now, None where there is none.

    `previous_node` is the node that a reconnected session had before. `record` is the entry that
    has the key of an `AppendOnce`.
    """

    session: Session | None = None
    previous_node: str | None = None
    record: Record | None = None


@dataclass(slots=True, eq=False)
class Operation:
    """Something to be written. `done`, where somebody waits for it, is set after the commit."""

    size: int = field(default=0, init=False)
    """Bytes that it holds while it waits, beside a small fixed part."""
    done: asyncio.Future[Outcome] | None = field(default=None, init=False)
    queued: float = field(default=0.0, init=False)


@dataclass(slots=True, eq=False)
class Append(Operation):
    """One entry more."""

    row: JournalRow


@dataclass(slots=True, eq=False)
class AppendOnce(Operation):
    """One entry more, unless its session has one of the same key. The row holds the key."""

    row: JournalRow


@dataclass(slots=True, eq=False)
class Barrier(Operation):
    """Nothing; done when all before it is."""


@dataclass(slots=True, eq=False)
class Create(Operation):
    """A new session. Its row is inserted before the rest of its batch, with those of all others."""

    row: dict[str, Any]


@dataclass(slots=True, eq=False)
class Start(Operation):
    """A waiting session becomes active on `node`; an active one moves there (a reconnect)."""

    session_id: str
    node: str
    at: int


@dataclass(slots=True, eq=False)
class End(Operation):
    """A live session ends. `at` is the time of the entry; the session's own may lie before it.

    `only_on`: not if it is another node's by then. `only_from`: not if it is in no state of these.
    """

    session_id: str
    status: str
    reason: str
    detail: str
    at: int
    ended_at: int
    only_on: str | None = None
    only_from: Sequence[str] = LIVE


@dataclass(frozen=True, slots=True)
class Mark:
    """Tells one batch of one boot of a node from all others."""

    node: str
    boot: str
    number: int


def write_batch(
    connection: Connection, batch: Sequence[Operation], mark: Mark | None, again: bool
) -> list[Outcome | None]:
    """Write a batch in the transaction of `connection`; return what came of each operation.

    `again`: an earlier try failed, perhaps after its commit. With a `mark`, which must then be the
    same, nothing is written twice; it is needed where a failure leaves open whether it was.
    """
    if again and mark is not None and _is_committed(connection, mark):
        return [_current(connection, operation) for operation in batch]
    created = [operation.row for operation in batch if isinstance(operation, Create)]
    if created:
        connection.execute(_INSERT_SESSIONS, created)
    rows: list[JournalRow] = []
    outcomes = [_apply(connection, operation, rows) for operation in batch]
    if rows:
        connection.execute(_INSERT_ENTRIES, rows)
    if rows and mark is not None:
        connection.execute(_MARK, {"node": mark.node, "its_boot": mark.boot, "number": mark.number})
    return outcomes


def find(connection: Connection, session_id: str) -> Session | None:
    """Return the session of that id, if there is one."""
    row = connection.execute(select(sessions).where(sessions.c.id == session_id)).mappings().first()
    return None if row is None else session_of(row)


def _apply(connection: Connection, operation: Operation, rows: list[JournalRow]) -> Outcome | None:
    """Write an operation, but for its entry, which is added to `rows`."""
    match operation:
        case Append():
            rows.append(operation.row)
        case AppendOnce(row=row):
            return _append_once(connection, row)
        case Create(row=row):
            rows.append(_lifecycle(row["id"], row["created_at"], "created"))
        case Start():
            return _start(connection, operation, rows)
        case End():
            return _end(connection, operation, rows)
    return None


def _append_once(connection: Connection, row: JournalRow) -> Outcome:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(journal)
        .values(row)
        .on_conflict_do_nothing(
            index_elements=[journal.c.session_id, journal.c.key],
            index_where=journal.c.key.is_not(None),
        )
    )
    return _of_key(connection, row)


def _of_key(connection: Connection, row: JournalRow) -> Outcome:
    found = select(journal).where(
        journal.c.session_id == row["session_id"], journal.c.key == row["key"]
    )
    return Outcome(record=decode_rows(connection.execute(found).mappings())[0])


def _start(connection: Connection, start: Start, rows: list[JournalRow]) -> Outcome:
    values = {"status": Status.ACTIVE.value, "started_at": start.at, "node": start.node}
    session = _move(connection, start.session_id, (Status.WAITING.value,), values)
    if session is not None:
        rows.append(_lifecycle(start.session_id, start.at, "started"))
        return Outcome(session)
    # Locked on PostgreSQL, so that of two nodes the later one sees the earlier as the previous.
    previous = connection.execute(
        select(sessions.c.node).where(sessions.c.id == start.session_id).with_for_update()
    ).scalar_one_or_none()
    values = {"node": start.node}
    session = _move(connection, start.session_id, (Status.ACTIVE.value,), values)
    if session is None:
        return Outcome(find(connection, start.session_id))
    rows.append(_lifecycle(start.session_id, start.at, "reconnected"))
    return Outcome(session, previous)


def _end(connection: Connection, end: End, rows: list[JournalRow]) -> Outcome:
    values = {"status": end.status, "ended_at": end.ended_at, "end_reason": end.reason}
    session = _move(connection, end.session_id, end.only_from, values, end.only_on)
    if session is None:
        return Outcome(find(connection, end.session_id))
    detail = f"{end.reason}: {end.detail}" if end.detail else end.reason
    rows.append(_lifecycle(end.session_id, end.at, "ended", detail))
    return Outcome(session)


def _current(connection: Connection, operation: Operation) -> Outcome | None:
    """Return what came of an operation that is known to be committed."""
    if isinstance(operation, Start | End):
        return Outcome(find(connection, operation.session_id))
    if isinstance(operation, AppendOnce):
        return _of_key(connection, operation.row)
    return None


def _move(
    connection: Connection,
    session_id: str,
    allowed: Sequence[str],
    values: dict[str, Any],
    only_on: str | None = None,
) -> Session | None:
    change = update(sessions).where(sessions.c.id == session_id, sessions.c.status.in_(allowed))
    if only_on is not None:
        change = change.where(sessions.c.node == only_on)
    row = connection.execute(change.values(values).returning(sessions)).mappings().first()
    return None if row is None else session_of(row)


def _lifecycle(session_id: str, at: int, event: str, detail: str = "") -> JournalRow:
    return append_row(session_id, at, LifecycleEntry(None, event, detail))


def append_row(session_id: str, at: int, entry: Entry) -> JournalRow:
    """Return the row of an entry. Raises InvalidInput for one that isn't JSON or is too large."""
    return {
        "session_id": session_id,
        "kind": entry.kind,
        "turn_id": entry.turn_id,
        "at": at,
        "data": encode(entry),
    }


def _is_committed(connection: Connection, mark: Mark) -> bool:
    committed = connection.execute(
        select(nodes.c.committed).where(nodes.c.id == mark.node, nodes.c.boot == mark.boot)
    ).scalar_one_or_none()
    return committed == mark.number
