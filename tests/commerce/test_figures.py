from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from greenroom.commerce.figures import costs, latency
from greenroom.sessions.model import Entry, MetricEntry, Record, ToolCallEntry

AT = datetime(2026, 1, 20, 14, 0, tzinfo=UTC)


def records(*entries: Entry) -> list[Record]:
    return [Record(number, "s", AT, entry) for number, entry in enumerate(entries, start=1)]


def stages(**values: float) -> MetricEntry:
    return MetricEntry("t", "stages", dict(values))


def usage(port: str, provider: str, cost: str | None, **counts: float) -> MetricEntry:
    values: dict[str, Any] = {"port": port, "provider": provider, "currency": "EUR", **counts}
    return MetricEntry(None, "usage", values | ({} if cost is None else {"cost": cost}))


def test_the_percentiles_of_each_stage_are_values_that_were_measured() -> None:
    turns = [
        stages(transcript_ms=number, first_audio_sent_ms=2 * number) for number in range(1, 101)
    ]
    summed = latency(
        records(
            *turns,
            stages(transcript_ms=1_000.04),
            ToolCallEntry("t", "x", {}, {}, ok=True, duration_ms=1),
        )
    )
    assert summed == {
        "turns": 100,
        "transcript_ms": {"p50": 51.0, "p95": 96.0, "max": 1000.0},
        "first_audio_sent_ms": {"p50": 100.0, "p95": 190.0, "max": 200.0},
    }


def test_one_turn_is_its_own_percentiles() -> None:
    assert latency(records(stages(transcript_ms=7.26)))["transcript_ms"] == {
        "p50": 7.3, "p95": 7.3, "max": 7.3,
    }  # fmt: skip


def test_what_providers_used_is_summed_for_each() -> None:
    journal = records(
        usage("transcriber", "openai:whisper-1", "0.0001", audio_seconds=1.5),
        usage("synthesizer", "openai:tts-1", "0.002", characters=20, audio_seconds=2),
        usage("transcriber", "openai:whisper-1", "0.0002", audio_seconds=2.25),
    )
    summed = costs(journal)
    assert [(line["provider"], line["cost"]) for line in summed["usage"]] == [
        ("openai:whisper-1", "0.0003"),
        ("openai:tts-1", "0.002"),
    ]
    assert summed["usage"][0]["audio_seconds"] == 3.75
    assert summed["usage"][1]["characters"] == 20
    assert summed["cost"] == {"amount": "0.0023", "currency": "EUR", "complete": True}


def test_a_sum_without_a_price_says_that_it_is_not_whole() -> None:
    journal = records(
        usage("model", "openai:new", None, input_tokens=100, requests=1),
        usage("model", "openai:new", "0.01", input_tokens=100, requests=1),
        usage("transcriber", "pocketsphinx:", "0", audio_seconds=3),
    )
    summed = costs(journal)
    assert summed["usage"][0]["cost"] is None
    assert summed["usage"][0]["input_tokens"] == 200
    assert summed["usage"][1]["cost"] == "0.00"
    assert summed["cost"] == {"amount": "0.01", "currency": "EUR", "complete": False}
