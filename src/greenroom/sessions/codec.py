"""Journal entries as JSON text, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from typing import Any

import orjson
from sqlalchemy import RowMapping

from greenroom.errors import InvalidInput
from greenroom.sessions.model import (
    AnalyticsEntry,
    ContextEntry,
    Entry,
    LifecycleEntry,
    MetricEntry,
    PresenceEntry,
    Record,
    ToolCallEntry,
    TranscriptEntry,
)
from greenroom.sessions.tables import moment

MAX_JSON_BYTES = 1_048_576
"""The largest entry, or settings of a session, in bytes of JSON."""

_TYPES: dict[str, type[Entry]] = {
    entry.kind: entry
    for entry in (
        TranscriptEntry,
        ToolCallEntry,
        MetricEntry,
        ContextEntry,
        AnalyticsEntry,
        LifecycleEntry,
        PresenceEntry,
    )
}

KINDS = frozenset(_TYPES)
"""Every kind of entry."""

# Of each type: the field names beside turn_id (a column of its own), and whether None is left out.
_FIELDS: dict[type[Entry], tuple[tuple[str, bool], ...]] = {
    entry: tuple(
        (field.name, field.default is not MISSING and field.default is None)
        for field in fields(entry)
        if field.name != "turn_id"
    )
    for entry in _TYPES.values()
}


def encode_json(name: str, value: Any) -> str:
    """`value` as JSON text. Raises InvalidInput for `name` where it isn't JSON or is too large."""
    try:
        data = orjson.dumps(value)
    except TypeError as exc:
        raise InvalidInput(name, f"can't be stored: {exc}", "JSON values") from exc
    if len(data) > MAX_JSON_BYTES:
        problem = f"is {len(data)} bytes of JSON"
        raise InvalidInput(name, problem, f"at most {MAX_JSON_BYTES} bytes")
    return data.decode()


def encode(entry: Entry) -> str:
    """All of an entry but its kind and its turn id. Raises InvalidInput."""
    values: dict[str, Any] = {}
    for name, omit_none in _FIELDS[type(entry)]:
        value = getattr(entry, name)
        if value is not None or not omit_none:
            values[name] = value
    return encode_json(entry.kind, values)


def decode(kind: str, turn_id: str | None, data: str) -> Entry:
    """The entry that `encode` wrote."""
    values = orjson.loads(data)
    if "tools_used" in values:
        values["tools_used"] = tuple(values["tools_used"])
    make: Callable[..., Entry] = _TYPES[kind]
    return make(turn_id=turn_id, **values)


def decode_rows(rows: Iterable[RowMapping]) -> list[Record]:
    """The records that rows of the journal hold."""
    return [
        Record(
            seq=row["seq"],
            session_id=row["session_id"],
            at=moment(row["at"]),
            entry=decode(row["kind"], row["turn_id"], row["data"]),
        )
        for row in rows
    ]
