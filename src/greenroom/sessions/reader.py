"""Sessions as the database has them: enough for a command that only looks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Text, cast, func, or_, select, tuple_

from greenroom.errors import InvalidInput, SessionNotFound
from greenroom.sessions.codec import decode_rows
from greenroom.sessions.model import Record, Session, Status, TranscriptEntry
from greenroom.sessions.operations import find
from greenroom.sessions.store import Store
from greenroom.sessions.tables import (
    LIVE,
    journal,
    micros,
    moment,
    session_of,
    sessions,
)

MAX_ID_CHARACTERS = 128
"""The longest id of a session."""

_MAX_PAGE = 1_000
_DECODED_INLINE = 100
"""Records whose decoding takes less than the event loop may be held up."""


def is_session_id(value: str) -> bool:
    """Whether `value` can be a session's id at all."""
    return 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable()


# Named, since within a class that has a method `list` no annotation can say list[...].
Sessions: TypeAlias = list[Session]
Records: TypeAlias = list[Record]


class SessionReader:
    """Reads sessions and their records. Every method raises StorageUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, session_id: str, *, tenant: str | None = None) -> Session:
        """Return one session. Raises SessionNotFound, also for one of another tenant."""
        session = None
        if is_session_id(session_id):
            session = await self._store.read(lambda connection: find(connection, session_id))
        if session is None or tenant not in (None, session.tenant):
            raise SessionNotFound(session_id)
        return session

    async def list(
        self,
        *,
        tenant: str | None = None,
        api: str | None = None,
        status: Status | Sequence[Status] | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Sessions:
        """Return sessions, newest first, at most `limit` (1 to 1000).

        `status` is one, or several of which any will do. `before` is the id of the last session of
        the page before; raises SessionNotFound for one that does not exist, InvalidInput for a
        limit out of range.
        """
        if not 1 <= limit <= _MAX_PAGE:
            raise InvalidInput("limit", f"is {limit}", f"1 to {_MAX_PAGE}")
        query = select(sessions)
        wanted = [status] if isinstance(status, Status) else [*(status or ())]
        live = status is not None and all(one.value in LIVE for one in wanted)
        if tenant is not None:
            # An expression, where the index of the few that live does better than the tenant's.
            owner = func.coalesce(sessions.c.tenant, "") if live else sessions.c.tenant
            query = query.where(owner == tenant)
        if api is not None:
            query = query.where(sessions.c.api == api)
        if status is not None:
            query = query.where(sessions.c.status.in_([one.value for one in wanted]))
            if live:
                # So that the index of the few that live is used.
                query = query.where(sessions.c.ended_at.is_(None))
        if before is not None:
            last = await self.get(before, tenant=tenant)
            query = query.where(
                tuple_(sessions.c.created_at, sessions.c.id)
                < tuple_(micros(last.created_at), last.id)
            )
        query = query.order_by(sessions.c.created_at.desc(), sessions.c.id.desc()).limit(limit)

        def work(connection: Connection) -> Sessions:
            return [session_of(row) for row in connection.execute(query).mappings()]

        return await self._store.read(work)

    async def records(self, session_id: str, *, kinds: Collection[str] | None = None) -> Records:
        """Return what was written of a session, in order; none for an unknown one.

        `kinds`: of these kinds only.
        """
        if not is_session_id(session_id):
            return []
        query = select(journal).where(journal.c.session_id == session_id).order_by(journal.c.seq)
        if kinds is not None:
            query = query.where(journal.c.kind.in_(kinds))

        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        if len(rows) <= _DECODED_INLINE:
            return decode_rows(rows)
        return await asyncio.to_thread(decode_rows, rows)

    async def spoken(self, session_ids: Collection[str]) -> dict[str, Records]:
        """Return each session's transcript entries, of every turn id the last, in order."""
        if not session_ids:
            return {}
        last = (
            select(func.max(journal.c.seq))
            .where(journal.c.session_id.in_(session_ids), journal.c.kind == TranscriptEntry.kind)
            .group_by(journal.c.session_id, journal.c.turn_id)
        )
        query = select(journal).where(journal.c.seq.in_(last)).order_by(journal.c.seq)

        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        if len(rows) <= _DECODED_INLINE:
            records = decode_rows(rows)
        else:
            records = await asyncio.to_thread(decode_rows, rows)
        spoken: dict[str, Records] = {session_id: [] for session_id in session_ids}
        for record in records:
            spoken[record.session_id].append(record)
        return spoken


def last_entry(connection: Connection, session_id: str) -> tuple[int, datetime] | None:
    """Return the number and the time of a session's last record; None for an unknown one."""
    query = (
        select(journal.c.seq, journal.c.at)
        .where(journal.c.session_id == session_id)
        .order_by(journal.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], moment(row[1]))


def ended_without(
    connection: Connection, *, api: str, key: str, setting: str, since: datetime, limit: int
) -> list[Session]:
    """Return sessions of an API that have ended and have no record of a key, oldest first.

    Those created `since` then whose settings say something by a `setting` of type string.
    """
    query = (
        select(sessions)
        .where(
            sessions.c.created_at >= micros(since),
            sessions.c.api == api,
            sessions.c.ended_at.is_not(None),
            # JSON as orjson writes it; within a string the quotes would be escaped.
            cast(sessions.c.settings, Text).contains(f'"{setting}":"', autoescape=True),
            ~select(journal.c.seq)
            .where(journal.c.session_id == sessions.c.id, journal.c.key == key)
            .exists(),
        )
        .order_by(sessions.c.created_at, sessions.c.id)
        .limit(limit)
    )
    return [session_of(row) for row in connection.execute(query).mappings()]


def gone_among(connection: Connection, session_ids: Collection[str], node: str) -> list[Session]:
    """Return those of the sessions that have ended, or are active on another node than `node`."""
    query = select(sessions).where(
        sessions.c.id.in_(session_ids),
        or_(sessions.c.status.not_in(LIVE), sessions.c.node != node),
    )
    return [session_of(row) for row in connection.execute(query).mappings()]
