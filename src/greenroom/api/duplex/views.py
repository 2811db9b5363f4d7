"""A session as it is shown: by REST, by MCP and to webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from greenroom.duplex.ports import Said, TrackedSession

CHAT_PATH = "/api/chat"

MAX_LINKED_PROMPT = 2_000
"""Characters of a prompt that the link repeats. All of it is kept with the session: the link's is
only for people to see, and a request's head has bounds."""

_NAMES = {"ai": "AI", "user": "User"}


def session_body(tracked: TrackedSession, token: str | None = None) -> dict[str, Any]:
    """The contract's object, with `end_reason` and `metadata` as additions.

    `token` becomes a part of the link, which then needs no other credential. About 1 us for an
    entry of the transcript.
    """
    session, persona = tracked.session, tracked.persona
    return {
        "session_id": session.id,
        "status": tracked.status,
        "voice_prompt": persona.voice_prompt,
        "text_prompt": persona.text_prompt,
        "transcript": [
            {"speaker": said.speaker, "text": said.text, "t": round(said.t, 3)}
            for said in tracked.transcript
        ],
        "created_at": utc(session.created_at),
        "started_at": utc(session.started_at),
        "ended_at": utc(session.ended_at),
        "websocket_url": websocket_url(tracked, token),
        "duration_seconds": _rounded(tracked.duration_seconds),
        "full_transcript": full_transcript(tracked.transcript),
        "word_count": word_count(tracked.transcript),
        "end_reason": session.end_reason,
        "metadata": session.settings.get("metadata", {}),
    }


def websocket_url(tracked: TrackedSession, token: str | None = None) -> str:
    """Where the person connects, relative to this port."""
    query = {
        "voice_prompt": tracked.persona.voice_prompt,
        "text_prompt": tracked.persona.text_prompt[:MAX_LINKED_PROMPT],
        "session_id": tracked.session.id,
    }
    if token is not None:
        query["token"] = token
    return f"{CHAT_PATH}?{urlencode(query, quote_via=quote)}"


def full_transcript(transcript: Sequence[Said]) -> str:
    """One line for each entry, after who says it."""
    return "\n".join(f"{name_of(said)}: {said.text}" for said in transcript)


def name_of(said: Said) -> str:
    """Who says it, for people to read."""
    return _NAMES[said.speaker]


def word_count(transcript: Sequence[Said]) -> int:
    """Words of both sides: what stands between white space."""
    return sum(len(said.text.split()) for said in transcript)


def utc(moment: datetime | None) -> str | None:
    """The contract's form of a time: whole seconds, with `+00:00`."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
