"""How quick a session was and what it cost, as views of its journal's metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from greenroom.sessions.model import MetricEntry, Record

STAGES = (
    "turn_end_ms",
    "transcript_ms",
    "first_token_ms",
    "first_audio_sent_ms",
    "first_audio_heard_ms",
)
"""Of a turn: ms after the end of the user's speech."""

COUNTS = ("audio_seconds", "characters", "requests", "input_tokens", "output_tokens")
"""What a provider may have used."""


def latency(records: Iterable[Record]) -> dict[str, Any]:
    """`turns`, how many were answered with sound, and `p50`, `p95`, `max` of each stage in ms.

    A stage that no turn reached is left out. Percentiles are those of the nearest rank: values
    that were measured.
    """
    stages: dict[str, list[float]] = {name: [] for name in STAGES}
    for entry in _metrics(records, "stages"):
        for name, values in stages.items():
            if isinstance(value := entry.values.get(name), int | float):
                values.append(float(value))
    return {"turns": len(stages["first_audio_sent_ms"])} | {
        name: _percentiles(values) for name, values in stages.items() if values
    }


def costs(records: Iterable[Record]) -> dict[str, Any]:
    """`usage`, a line for each provider, and their `cost`: its amount, a decimal as text.

    A line's `cost` is null where the price table has no price for something in it; then the sum is
    without it, and `complete` is false.
    """
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    unpriced: set[tuple[str, str]] = set()
    currency = ""
    for entry in _metrics(records, "usage"):
        values = entry.values
        key = (str(values["port"]), str(values["provider"]))
        line = lines.setdefault(
            key, {"port": key[0], "provider": key[1]} | dict.fromkeys(COUNTS, 0)
        )
        for name in COUNTS:
            line[name] = round(line[name] + values.get(name, 0), 3)
        currency = str(values.get("currency", currency))
        if values.get("cost") is None:
            unpriced.add(key)
        else:
            sums[key] += Decimal(values["cost"])
    for key, line in lines.items():
        line["cost"] = None if key in unpriced else _amount(sums[key])
    return {
        "usage": list(lines.values()),
        "cost": {
            "amount": _amount(sum(sums.values(), Decimal(0))),
            "currency": currency or None,
            "complete": not unpriced,
        },
    }


def _metrics(records: Iterable[Record], name: str) -> list[MetricEntry]:
    entries = (record.entry for record in records)
    return [entry for entry in entries if isinstance(entry, MetricEntry) and entry.name == name]


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)

    def rank(share: float) -> float:
        return round(ordered[math.ceil(share * len(ordered)) - 1], 1)

    return {"p50": rank(0.5), "p95": rank(0.95), "max": round(ordered[-1], 1)}


def _amount(value: Decimal) -> str:
    """At least cents, at most a millionth."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.partition(".")[2]))
