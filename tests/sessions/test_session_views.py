from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from greenroom.errors import InvalidInput
from greenroom.sessions import views
from greenroom.sessions.codec import KINDS, MAX_JSON_BYTES, decode, encode, encode_json
from greenroom.sessions.model import (
    AnalyticsEntry,
    ContextEntry,
    EndReason,
    Entry,
    LifecycleEntry,
    MetricEntry,
    PresenceEntry,
    Record,
    Session,
    Status,
    ToolCallEntry,
    TranscriptEntry,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

ENTRIES: list[Entry] = [
    LifecycleEntry(None, "created"),
    TranscriptEntry("t1", "user", "running shoes", confidence=0.9, start_ms=10.5, end_ms=900.0),
    ToolCallEntry("t1", "search_products", {"query": "shoes"}, None, ok=True, duration_ms=3.25),
    TranscriptEntry(
        "t1",
        "assistant",
        "I found",
        reply_id="r1",
        full_text="I found three.",
        intent="product_search",
        tools_used=("search_products",),
    ),
    MetricEntry("t1", "stages", {"first_token": 120.5}),
    ContextEntry("t1", {"cart_items": [], "viewed_products": ["p1"]}),
    PresenceEntry(None, "human_joined", 1_767_355_200_000_001, "ann"),
    AnalyticsEntry(None, "evt_1", "tool_execution", {"success": True, "note": "é\u0000"}),
]


def records(*entries: Entry) -> list[Record]:
    return [
        Record(seq, "s", NOON + timedelta(seconds=seq), entry) for seq, entry in enumerate(entries)
    ]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.kind)
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    assert decode(entry.kind, entry.turn_id, encode(entry)) == entry


def test_every_kind_of_entry_is_known() -> None:
    assert {entry.kind for entry in ENTRIES} == KINDS


def test_what_is_not_set_takes_no_room() -> None:
    assert encode(TranscriptEntry("t1", "user", "hi")) == (
        '{"role":"user","text":"hi","tools_used":[]}'
    )


@pytest.mark.parametrize("value", [{1, 2}, {"a": object()}, {2: "x"}, "\ud800", 2**70])
def test_what_is_not_json_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode(MetricEntry(None, "m", {"value": value}))
    assert caught.value.field == "metric"
    assert caught.value.allowed == "JSON values"


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 1048576 bytes"):
        encode_json("settings", "x" * MAX_JSON_BYTES)


def test_messages_are_what_was_said_and_heard() -> None:
    assert views.messages(records(*ENTRIES)) == [
        {"role": "user", "content": "running shoes", "timestamp": NOON + timedelta(seconds=1)},
        {
            "role": "assistant",
            "content": "I found",
            "timestamp": NOON + timedelta(seconds=3),
            "tools_used": ["search_products"],
        },
    ]


def test_the_later_entry_of_a_reply_replaces_the_earlier_in_its_place() -> None:
    said = records(
        TranscriptEntry("t1", "assistant", "One. Two. Three.", reply_id="r1"),
        TranscriptEntry("t2", "user", "wait"),
        TranscriptEntry("t1", "assistant", "One.", reply_id="r1", full_text="One. Two. Three."),
        TranscriptEntry("t2", "assistant", "Yes?", reply_id="r2"),
    )
    assert [message["content"] for message in views.messages(said)] == ["One.", "wait", "Yes?"]
    assert views.messages(said)[0]["timestamp"] == NOON


def test_a_reply_of_which_nothing_was_heard_is_no_message() -> None:
    said = records(
        TranscriptEntry("t1", "assistant", "Well,", reply_id="r1"),
        TranscriptEntry("t1", "assistant", "", reply_id="r1", full_text="Well, no."),
    )
    assert views.messages(said) == []
    assert len(views.transcript(said)) == 1


def test_the_last_context_counts() -> None:
    assert views.last_context(records()) == {}
    both = records(ContextEntry("t1", {"cart": 1}), ContextEntry("t2", {"cart": 2}))
    assert views.last_context(both) == {"cart": 2}


def test_tool_calls_come_in_order() -> None:
    assert [call.tool for call in views.tool_calls(records(*ENTRIES, ENTRIES[2]))] == [
        "search_products",
        "search_products",
    ]


def test_a_duration_counts_from_the_start_to_the_end_or_to_now() -> None:
    session = Session("s", "commerce", "shop", Status.WAITING, NOON)
    assert views.duration_seconds(session, NOON) == 0
    session = Session("s", "commerce", "shop", Status.ACTIVE, NOON, started_at=NOON)
    assert views.duration_seconds(session, NOON + timedelta(seconds=2.5)) == 2.5
    assert views.duration_seconds(session, NOON - timedelta(seconds=2.5)) == 0
    session = Session(
        "s",
        "commerce",
        "shop",
        Status.STOPPED,
        NOON,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=180),
        end_reason=EndReason.CLIENT_STOPPED,
    )
    assert session.ended
    assert views.duration_seconds(session, NOON + timedelta(days=1)) == 180
