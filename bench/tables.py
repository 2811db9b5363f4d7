"""Results as tables in Markdown, with the ratios that matter."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
MISSING = "-"


def show(results: Sequence[Row]) -> None:
    """Print all tables that the results allow."""
    failed = [r for r in results if "error" in r]
    good = [r for r in results if "error" not in r]
    _load(good)
    _delays(good, "turn", "End of turn to first audio of the reply, ms (median / p90)", _TURN)
    _delays(
        good, "bargein", "Barge-in: from the user's onset to silence, ms (median / p90)", _BARGE
    )
    for row in good:
        if row["system"] == "server":
            _facts(f"Server: {row['bench']}", row["result"])
    for row in failed:
        print(f"FAILED {row['system']} {' '.join(row['arguments'])}: {row['error']}")


def _print(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}\n")
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for cells in [head, ["-" * w for w in widths], *rows]:
        print("| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |")


def _variant(row: Row) -> str:
    args = row["args"]
    parts = [row["system"]]
    if args.get("vad") == "energy":
        parts.append("energy")
    if args.get("loop") == "uvloop":
        parts.append("uvloop")
    if args.get("journal") is False:
        parts.append("no journal")
    return ", ".join(parts)


def _load(results: Sequence[Row]) -> None:
    loads = [r for r in results if r["bench"] == "load"]
    for n in sorted({r["args"]["n"] for r in loads}):
        rows: dict[str, list[Row]] = {}
        for r in loads:
            if r["args"]["n"] == n:
                rows.setdefault(_variant(r), []).append(r["result"])
        cost = {name: _median(rs, "cpu_s_per_session_minute") for name, rs in rows.items()}
        ours = cost.get("greenroom")
        _print(
            f"Load, {n} talking sessions in one process",
            [
                "system", "runs", "CPU s / session-min", "x greenroom", "feeder late > 40 ms",
                "input late > 40 ms", "output late > 40 ms", "worst, ms", "collector, worst ms",
                "turn, ms", "MiB",
            ],
            [
                [
                    name,
                    str(len(rs)),
                    f"{cost[name]:.3f}",
                    f"{cost[name] / ours:.2f}" if ours else MISSING,
                    *[
                        f"{max(_missed(r, which) for r in rs):.2f} %"
                        for which in ("feed", "input", "output")
                    ],
                    f"{max(_worst(r) for r in rs):.1f}",
                    f"{max(r['gc']['max_pause_ms'] for r in rs):.1f}",
                    _median_or_dash(rs),
                    f"{max(r['resident_mib'] for r in rs):.0f}",
                ]
                for name, rs in rows.items()
            ],
        )  # fmt: skip
        if ours:
            print()
        peers = [cost[p] for p in ("livekit", "pipecat") if p in cost]
        if ours and peers:
            share = ours / min(peers)
            print(
                f"Greenroom takes {share:.3f} of the better peer's CPU; "
                f"goal 0.25: {_verdict(share <= 0.25)}."
            )
        if ours:
            late = max(_worst(r) for r in rows["greenroom"])
            print(f"Greenroom's latest frame: {late:.1f} ms; goal 40: {_verdict(late <= 40)}.")


def _delays(results: Sequence[Row], bench: str, title: str, columns: dict[str, str]) -> None:
    rows = [r for r in results if r["bench"] == bench]
    if not rows:
        return
    _print(
        title,
        ["system", "n", *columns.values()],
        [
            [
                _variant(r),
                str(next(iter(r["result"].values()))["n"]),
                *[_delay(r["result"].get(key)) for key in columns],
            ]
            for r in rows
        ],
    )
    ours = next((r["result"] for r in rows if r["system"] == "greenroom"), None)
    if ours is None:
        return
    key, limit = _GOALS[bench]
    value = ours[key]["median_ms" if bench == "turn" else "max_ms"]
    print(f"\nGreenroom, {columns[key]}: {value} ms; goal {limit}: {_verdict(value <= limit)}.")


_TURN = {
    "vad_stop_to_first_audio": "turn decided to first audio",
    "transcript_to_first_audio": "transcript to first audio",
}
_BARGE = {
    "onset_to_output_stop": "onset to silence",
    "onset_to_vad_start": "onset to speech noticed",
    "vad_start_to_output_stop": "noticed to silence",
    "deciding_frame_to_output_stop": "deciding frame due to silence",
    "onset_to_reply_dropped": "onset to reply dropped",
}
_GOALS: dict[str, tuple[str, float]] = {
    "turn": ("vad_stop_to_first_audio", 2.0),
    "bargein": ("deciding_frame_to_output_stop", 20.0),
}


def _facts(title: str, result: Row) -> None:
    _print(title, ["what", "figure"], [[k, str(v)] for k, v in result.items()])


def _verdict(good: bool) -> str:
    return "met" if good else "NOT met"


def _median(rows: Sequence[Row], key: str) -> float:
    return float(statistics.median(r[key] for r in rows))


def _missed(result: Row, which: str) -> float:
    return float(result[f"{which}_lateness"].get("missed_pct", 0.0))


def _worst(result: Row) -> float:
    lateness = (result[f"{which}_lateness"] for which in ("feed", "input", "output"))
    return max(float(each.get("max_ms", 0.0)) for each in lateness)


def _median_or_dash(rows: Sequence[Row]) -> str:
    values = [
        r["vad_stop_to_first_audio"]["median_ms"] for r in rows if r["vad_stop_to_first_audio"]["n"]
    ]
    return f"{statistics.median(values):.2f}" if values else MISSING


def _delay(stats: Row | None) -> str:
    if not stats or not stats["n"]:
        return MISSING
    return f"{stats['median_ms']:.2f} / {stats['p90_ms']:.2f}"
