"""What can be seen in a session's records. Pure functions; records come in the order of `seq`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from greenroom.sessions.model import (
    ContextEntry,
    Record,
    Session,
    ToolCallEntry,
    TranscriptEntry,
)


class MessageView(TypedDict):
    """One thing said. `timestamp` is aware UTC; `tools_used` is there for the assistant's."""

    role: Literal["user", "assistant"]
    content: str
    timestamp: datetime
    tools_used: NotRequired[list[str]]


def transcript(records: Iterable[Record]) -> list[tuple[datetime, TranscriptEntry]]:
    """What was said, in order, with the time at which it was first written.

    Of a reply that was written more than once the latest entry counts, in the place of the first.
    """
    said: list[tuple[datetime, TranscriptEntry]] = []
    places: dict[str, int] = {}
    for record in records:
        entry = record.entry
        if not isinstance(entry, TranscriptEntry):
            continue
        place = None if entry.reply_id is None else places.get(entry.reply_id)
        if place is not None:
            said[place] = (said[place][0], entry)
            continue
        if entry.reply_id is not None:
            places[entry.reply_id] = len(said)
        said.append((record.at, entry))
    return said


def messages(records: Iterable[Record]) -> list[MessageView]:
    """What was said and heard, in order. A reply of which nothing was heard is left out."""
    views: list[MessageView] = []
    for at, entry in transcript(records):
        if not entry.text:
            continue
        view: MessageView = {"role": entry.role, "content": entry.text, "timestamp": at}
        if entry.role == "assistant":
            view["tools_used"] = list(entry.tools_used)
        views.append(view)
    return views


def duration_seconds(session: Session, now: datetime) -> float:
    """How long the session has been active by `now`, or was in all; 0 if it never started."""
    if session.started_at is None:
        return 0.0
    return max(0.0, ((session.ended_at or now) - session.started_at).total_seconds())


def last_context(records: Iterable[Record]) -> dict[str, Any]:
    """What the agent last remembered; empty if nothing yet."""
    values: dict[str, Any] = {}
    for record in records:
        if isinstance(record.entry, ContextEntry):
            values = record.entry.values
    return values


def tool_calls(records: Iterable[Record]) -> list[ToolCallEntry]:
    """Every tool call, in order."""
    return [record.entry for record in records if isinstance(record.entry, ToolCallEntry)]
