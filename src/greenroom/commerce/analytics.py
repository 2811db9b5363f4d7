"""Figures of one session, in the form of contract 004, as a view of its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from greenroom.commerce.figures import costs, latency
from greenroom.sessions.model import (
    AnalyticsEntry,
    ContextEntry,
    Record,
    Session,
    ToolCallEntry,
    TranscriptEntry,
)

TOOL_EVENT = "tool_execution"
"""The type of a client's event that counts as a tool call."""

PRODUCT_EVENTS = frozenset({"product_view", "product_viewed"})
"""Types of a client's event that count as a product view, with `product_id` in their data."""

_CENT = Decimal("0.01")


def session_analytics(session: Session, records: Iterable[Record], now: datetime) -> dict[str, Any]:
    """The body of `GET /api/analytics/sessions/:session_id`.

    `duration_seconds` is whole seconds from the start to the end, or to `now` (aware UTC) while
    the session lasts; 0 if it never started. A message is what one side said in one go: a reply
    counts once, however often its entry was revised. Tools are those that ran on the server and
    those that a client reported. A product counts as viewed when the shopper was told about it in
    particular (details, price, stock, cart), or when a client reported a view. `cart_value` is
    that of the last known cart.

    Beyond the contract: `latency` (of the turns' stages, ms), `usage` and `cost`; see `costs`.
    """
    spoken = _last_words(records := tuple(records))
    tools = _tool_usage(records)
    context = _last_context(records)
    return {
        "session_id": session.id,
        "metrics": {
            "duration_seconds": _duration(session, now),
            "messages_count": len(spoken),
            "tools_executed": sum(tools.values()),
            "products_viewed": len(_viewed(records, context)),
            "cart_value": cart_value(context),
        },
        "tool_usage": dict(tools),
        "intents": list(dict.fromkeys(entry.intent for entry in spoken if entry.intent)),
        "latency": latency(records),
        **costs(records),
    }


def cart_value(context: dict[str, Any]) -> float:
    """The sum of `cart_items` of an agent's snapshot, to the cent; what can't be read counts 0."""
    total = Decimal(0)
    for item in _list(context.get("cart_items")):
        try:
            total += Decimal(str(item["unit_price"]["amount"])) * int(item["quantity"])
        except (KeyError, TypeError, ValueError, InvalidOperation):
            continue
    return float(total.quantize(_CENT))


def _duration(session: Session, now: datetime) -> int:
    if session.started_at is None:
        return 0
    return max(0, int(((session.ended_at or now) - session.started_at).total_seconds()))


def _last_words(records: Iterable[Record]) -> list[TranscriptEntry]:
    """Each message once, in the order of first appearance, as it was revised last."""
    messages: dict[object, TranscriptEntry] = {}
    for record in records:
        if isinstance(record.entry, TranscriptEntry):
            messages[record.entry.reply_id or record.seq] = record.entry
    return list(messages.values())


def _tool_usage(records: Iterable[Record]) -> Counter[str]:
    tools: Counter[str] = Counter()
    for record in records:
        match record.entry:
            case ToolCallEntry(tool=tool):
                tools[tool] += 1
            case AnalyticsEntry(event_type=kind, data=data) if kind == TOOL_EVENT:
                name = data.get("tool_name")
                tools[name if isinstance(name, str) and name else "unknown"] += 1
            case _:
                pass
    return tools


def _last_context(records: Iterable[Record]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    for record in records:
        if isinstance(record.entry, ContextEntry):
            context = record.entry.values
    return context


def _viewed(records: Iterable[Record], context: dict[str, Any]) -> set[str]:
    viewed = {str(each) for each in _list(context.get("viewed_products"))}
    for record in records:
        entry = record.entry
        if isinstance(entry, AnalyticsEntry) and entry.event_type in PRODUCT_EVENTS:
            product_id = entry.data.get("product_id")
            if isinstance(product_id, str) and product_id:
                viewed.add(product_id)
    return viewed


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
