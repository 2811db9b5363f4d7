"""The whole comparison, side by side: one JSON line for each result, then tables of ratios.

    .venv/bin/python bench/run.py --quick --livekit .../bin/python --pipecat .../bin/python

The systems take turns (A B C, A B C), each in a process of its own with nothing else running, so
that a machine that slows down slows down for all. A system that fails or hangs is reported and the
rest goes on. Results are appended to bench/results/; `--table FILE` prints the tables of such a
file again. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tables

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    rounds: int
    window: tuple[str, ...]
    turn: tuple[str, ...]
    bargein: tuple[str, ...]
    full: bool


QUICK = Plan(
    rounds=2,
    window=("--seconds", "12", "--warmup", "4"),
    turn=("--turns", "5", "--reply", "0.6"),
    bargein=("--turns", "4"),
    full=False,
)
FULL = Plan(
    rounds=3,
    window=("--seconds", "24", "--warmup", "6"),
    turn=("--turns", "20"),
    bargein=("--turns", "20"),
    full=True,
)

Job = tuple[str, tuple[str, ...]]
"""A system's name and the arguments of its runner."""


def jobs(plan: Plan, peers: list[str], measures: list[str]) -> Iterator[Job]:
    """Everything to be run, in order."""
    if "load" in measures:
        yield from _load(plan, peers)
    everyone = ["greenroom", *peers]
    if "turn" in measures:
        yield from [(name, ("turn", *plan.turn)) for name in everyone]
    if "bargein" in measures:
        yield from [(name, ("bargein", *plan.bargein)) for name in everyone]
    if "server" in measures:
        yield from [("server", (bench,)) for bench in ("idle", "create", "talk", "kill")]


def _load(plan: Plan, peers: list[str]) -> Iterator[Job]:
    def load(n: int, *more: str) -> tuple[str, ...]:
        return ("load", "--n", str(n), *plan.window, *more)

    for k in range(plan.rounds):
        if plan.full or k == 0:
            yield "floor", load(25)
            yield "detector", load(25)
        yield from [(name, load(25)) for name in ("greenroom", *peers)]
    if plan.full:
        yield "greenroom", load(25, "--no-journal")
        yield from [(name, load(25, "--vad", "energy")) for name in ("greenroom", *peers)]
        yield from [(name, load(25, "--loop", "uvloop")) for name in ("floor", "greenroom")]
        yield from [(name, load(50)) for name in ("greenroom", *peers)]
        yield from [(name, load(100)) for name in ("floor", "greenroom", "livekit", "greenroom")]
    else:
        yield "greenroom", load(100)


def run(job: Job, interpreters: dict[str, list[str]]) -> dict[str, Any]:
    """One result; where the runner failed, one with `error`."""
    name, arguments = job
    row: dict[str, Any] = {"system": name, "bench": arguments[0], "arguments": arguments}
    process = subprocess.Popen(
        [*interpreters[name], *arguments],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        out, err = "", "no result in time"
    finally:
        # Whatever a framework left running must not disturb the next one.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = [line for line in out.splitlines() if line.startswith('{"system"')]
    if lines:
        return dict(json.loads(lines[-1]))
    return {**row, "error": err.strip()[-600:] or f"exit code {process.returncode}"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="about 5 minutes (the default)")
    length.add_argument("--full", action="store_true", help="about 30 minutes, with the server")
    for peer in ("livekit", "pipecat"):
        variable = f"BENCH_{peer.upper()}"
        parser.add_argument(
            f"--{peer}",
            metavar="PYTHON",
            default=os.environ.get(variable),
            help=f"interpreter with bench/peers/requirements-{peer}.txt (or {variable})",
        )
    parser.add_argument("--only", help="of load,turn,bargein,server: these, with commas")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print tables of old results")
    a = parser.parse_args()
    if a.table:
        tables.show([json.loads(line) for line in a.table.read_text().splitlines()])
        return
    interpreters = {
        "floor": [sys.executable, "floor.py"],
        "greenroom": [sys.executable, "talk.py"],
        "detector": [sys.executable, "detector.py"],
        "server": [sys.executable, "server.py"],
    }
    peers = [name for name in ("livekit", "pipecat") if getattr(a, name)]
    for name in ("livekit", "pipecat"):
        if name in peers:
            interpreters[name] = [getattr(a, name), "-m", f"peers.{name}_bench"]
        else:
            print(f"{name} is left out: no interpreter was given for it", file=sys.stderr)
    measures = ["load", "turn", "bargein", *(["server"] if a.full else [])]
    results = []
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    file = folder / time.strftime("%Y%m%d-%H%M%S.jsonl")
    plan = FULL if a.full else QUICK
    for job in jobs(plan, peers, a.only.split(",") if a.only else measures):
        if job[0] not in interpreters:
            continue
        row = run(job, interpreters)
        results.append(row)
        line = json.dumps(row)
        print(line, flush=True)
        with file.open("a") as out:
            out.write(line + "\n")
    print()
    tables.show(results)


if __name__ == "__main__":
    main()
