from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from greenroom.commerce.analytics import cart_value, session_analytics
from greenroom.sessions.model import (
    AnalyticsEntry,
    ContextEntry,
    Entry,
    LifecycleEntry,
    Record,
    Session,
    Status,
    ToolCallEntry,
    TranscriptEntry,
)

START = datetime(2026, 1, 20, 14, 0, tzinfo=UTC)


def session(**changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": "s", "api": "commerce", "tenant": "t", "status": Status.ACTIVE,
        "created_at": START, "started_at": START,
    }  # fmt: skip
    return Session(**(values | changes))


def records(*entries: Entry) -> list[Record]:
    return [
        Record(number, "s", START + timedelta(seconds=number), entry)
        for number, entry in enumerate(entries, start=1)
    ]


def item(amount: str, quantity: int) -> dict[str, Any]:
    return {"unit_price": {"amount": amount, "currency": "USD"}, "quantity": quantity}


def test_a_session_is_summed_up_as_the_contract_says() -> None:
    journal = records(
        LifecycleEntry(None, "started"),
        TranscriptEntry("t1", "user", "show me running shoes"),
        ToolCallEntry("t1", "search_products", {}, {}, ok=True, duration_ms=1),
        TranscriptEntry("t1", "assistant", "I found", reply_id="r1", intent="product_search"),
        TranscriptEntry(
            "t1", "assistant", "I", reply_id="r1", full_text="I found", intent="product_search"
        ),
        TranscriptEntry("t2", "user", "how much is it", intent="price_inquiry"),
        ToolCallEntry("t2", "get_product_details", {}, {}, ok=False, duration_ms=1),
        TranscriptEntry("t2", "assistant", "It is", reply_id="r2", intent="price_inquiry"),
        AnalyticsEntry(None, "evt_1", "tool_execution", {"tool_name": "search_products"}),
        AnalyticsEntry(None, "evt_2", "product_view", {"product_id": "p2"}),
        AnalyticsEntry(None, "evt_3", "product_view", {"product_id": 7}),
        AnalyticsEntry(None, "evt_4", "page_view", {}),
        ContextEntry("t1", {"cart_items": [item("10.00", 9)], "viewed_products": []}),
        ContextEntry("t2", {"cart_items": [item("75.00", 2)], "viewed_products": ["p1", "p2"]}),
    )
    assert session_analytics(session(), journal, START + timedelta(seconds=180.9)) == {
        "session_id": "s",
        "metrics": {
            "duration_seconds": 180,
            "messages_count": 4,
            "tools_executed": 3,
            "products_viewed": 2,
            "cart_value": 150.0,
        },
        "tool_usage": {"search_products": 2, "get_product_details": 1},
        "intents": ["product_search", "price_inquiry"],
        "latency": {"turns": 0},
        "usage": [],
        "cost": {"amount": "0.00", "currency": None, "complete": True},
    }


def test_an_ended_session_lasts_until_its_end_and_an_unstarted_one_not_at_all() -> None:
    later = START + timedelta(hours=1)
    ended = session(ended_at=START + timedelta(seconds=5), status=Status.COMPLETED)
    assert session_analytics(ended, [], later)["metrics"]["duration_seconds"] == 5
    waiting = session(started_at=None, status=Status.WAITING)
    assert session_analytics(waiting, [], later)["metrics"]["duration_seconds"] == 0
    early = session_analytics(session(), [], START - timedelta(seconds=9))
    assert early["metrics"]["duration_seconds"] == 0


def test_an_event_of_a_client_may_lack_what_it_should_have() -> None:
    journal = records(
        AnalyticsEntry(None, "e", "tool_execution", {}),
        AnalyticsEntry(None, "e", "tool_execution", {"tool_name": ["x"]}),
        ContextEntry(None, {"viewed_products": "x", "cart_items": [{}, 3, item("x", 1)]}),
    )
    summed = session_analytics(session(), journal, START)
    assert summed["tool_usage"] == {"unknown": 2}
    assert summed["metrics"]["products_viewed"] == 0
    assert summed["metrics"]["cart_value"] == 0.0


def test_a_cart_is_summed_to_the_cent() -> None:
    assert cart_value({"cart_items": [item("0.10", 3)]}) == 0.3
    assert cart_value({}) == 0.0
