"""Duplex sessions as they are stored: an order to a session's settings, and back to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from greenroom.duplex.ports import (
    API,
    Persona,
    Sampling,
    SessionOrder,
    TrackedSession,
    shown_status,
)
from greenroom.duplex.transcript import shown
from greenroom.errors import InvalidInput, SessionNotFound
from greenroom.sessions.model import Record, Session, Status, TranscriptEntry
from greenroom.sessions.reader import last_entry
from greenroom.sessions.service import SessionService

_SHOWN_INLINE = 100
"""Records that are put in order in less time than the event loop may be held up."""

TrackedSessions: TypeAlias = Sequence[TrackedSession]


@dataclass(frozen=True, slots=True)
class State:
    """What tells whether a session has changed: its last record's number. `at`: that one's time."""

    seq: int
    at: datetime
    ended: bool


class TalkArchive:
    """The sessions of this API in the database. Every method may raise StorageUnavailable."""

    def __init__(self, sessions: SessionService) -> None:
        self._sessions = sessions

    async def create(self, order: SessionOrder, *, tenant: str) -> TrackedSession:
        """A new session, that waits. Raises InvalidInput for an order that can't be stored."""
        session = await self._sessions.create(api=API, tenant=tenant, settings=settings_of(order))
        return TrackedSession(session, order.persona)

    async def find(self, session_id: str, *, tenant: str | None = None) -> Session:
        """The session without its transcript. Raises SessionNotFound."""
        session = await self._sessions.get(session_id, tenant=tenant)
        if session.api != API:
            raise SessionNotFound(session_id)
        return session

    async def get(self, session_id: str, *, tenant: str | None = None) -> TrackedSession:
        """The session with all that was said by now. Raises SessionNotFound."""
        (tracked,) = await self.with_transcripts([await self.find(session_id, tenant=tenant)])
        return tracked

    async def list(
        self, *, tenant: str, limit: int, before: str | None, status: str | None
    ) -> TrackedSessions:
        """See `ports.DuplexSessions.list`. Raises InvalidInput, SessionNotFound."""
        wanted = None
        if status is not None:
            wanted = [kept for kept in Status if shown_status(kept) == status]
            if not wanted:
                known = dict.fromkeys(shown_status(kept) for kept in Status)
                raise InvalidInput("status", f"{status!r} is none", ", ".join(known))
        return await self.with_transcripts(
            await self._sessions.list(
                tenant=tenant, api=API, status=wanted, limit=limit, before=before
            )
        )

    async def with_transcripts(self, sessions: Sequence[Session]) -> TrackedSessions:
        """The sessions with what was said in them."""
        spoken = await self._sessions.spoken([session.id for session in sessions])
        if sum(map(len, spoken.values())) <= _SHOWN_INLINE:
            return _tracked(sessions, spoken)
        return await asyncio.to_thread(_tracked, sessions, spoken)

    async def state(self, session_id: str) -> State:
        """Where the session is by now. Raises SessionNotFound."""
        await self._sessions.journal.flush()
        session = await self.find(session_id)
        last = await self._sessions.store.read(partial(last_entry, session_id=session_id))
        seq, at = last or (0, session.created_at)
        return State(seq, at, session.ended)


def settings_of(order: SessionOrder) -> dict[str, Any]:
    """JSON values."""
    settings = asdict(order)
    # A recording's own service reads `recording` too: there None is not the same as False.
    return {name: value for name, value in settings.items() if value not in (None, "")}


def persona_of(session: Session) -> Persona:
    """Who the AI is in a session of this API. Raises SessionNotFound for one of another."""
    try:
        persona = dict(session.settings["persona"])
        return Persona(**persona | {"sampling": Sampling(**persona["sampling"])})
    except (KeyError, TypeError, ValueError) as error:
        raise SessionNotFound(session.id) from error


def webhook_of(session: Session) -> str:
    """The URL that is told of its end; empty: none is."""
    return str(session.settings.get("webhook_url", ""))


def wants_recording(session: Session) -> bool:
    """Whether a recording was asked for."""
    return session.settings.get("recording") is True


def _tracked(
    sessions: Sequence[Session], spoken: Mapping[str, Sequence[Record]]
) -> TrackedSessions:
    return [
        TrackedSession(
            session,
            persona_of(session),
            shown(
                record.entry
                for record in spoken[session.id]
                if isinstance(record.entry, TranscriptEntry)
            ),
        )
        for session in sessions
    ]
