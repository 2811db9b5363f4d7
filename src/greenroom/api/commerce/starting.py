"""What `session.start` does: finds or makes the session that a socket will hold."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from greenroom.api.auth import Principal
from greenroom.api.commerce.models import MAX_JSON_BYTES, StartData
from greenroom.api.commerce.parts import API, CommerceParts
from greenroom.errors import InvalidInput, SessionNotFound
from greenroom.sessions.model import AnalyticsEntry, Session

START_EVENT = "session.start"
"""The type of the event under which a socket's `user_id` and `context` are kept."""

CREATIONS = "new sessions from one address"


def new_event_id() -> str:
    """The id of an analytics event."""
    return f"evt_{uuid.uuid4().hex}"


async def find_session(
    parts: CommerceParts, principal: Principal, data: StartData, address: str
) -> Session:
    """The session that is to be started; a new one where an API key names none.

    Raises Forbidden (another session's token), SessionNotFound, RateLimited, StorageUnavailable,
    InvalidInput.
    """
    asked = _asked(data)
    session_id = data.session_id or principal.session_id
    if session_id is None:
        await parts.limits.require(parts.limits.session_creation, address, CREATIONS)
        return await parts.sessions.create(api=API, tenant=principal.tenant, settings=asked)
    principal.require_session(session_id)
    session = await parts.sessions.get(session_id, tenant=principal.tenant)
    if session.api != API:
        raise SessionNotFound(session_id)
    return session


def with_context(parts: CommerceParts, session: Session, data: StartData) -> Session:
    """The session with what this start says of user and shop, which goes into the journal too."""
    asked = _asked(data)
    if not asked or asked.items() <= session.settings.items():
        return session
    parts.sessions.append(session.id, AnalyticsEntry(None, new_event_id(), START_EVENT, asked))
    return dataclasses.replace(session, settings=session.settings | asked)


def _asked(data: StartData) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if data.user_id is not None:
        asked["user_id"] = data.user_id
    if data.context is not None:
        if len(data.context.model_dump_json()) > MAX_JSON_BYTES:
            raise InvalidInput("data.context", "is too large", f"at most {MAX_JSON_BYTES} bytes")
        asked["context"] = data.context.model_dump(exclude_none=True)
    return asked
