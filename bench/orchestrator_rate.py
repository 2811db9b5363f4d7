"""Sessions started and ended again, as many as one server can. In `bench`, run

    ../.venv/bin/python orchestrator_rate.py [--quick]

`--clients` connections at once each start a session and end it as soon as the answer is there. The
server runs its agents itself: every start makes a durable record (SQLite), a room, an agent that
joins it and its conversation; every end takes all of that down, is durable, and waits until the
agent is gone. Beside it, in turns, bare Starlette routes in the same uvicorn that validate the same
bodies and sign the same token, and do nothing (`baseline.py`). CPU is the server's alone; a pair is
a start and an end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import orchestrator_cluster as o
import processes
from processes import Server
from server import Http

BODY = json.dumps({"userName": "bench", "systemPrompt": o.PROMPT}).encode()


async def pairs(a: argparse.Namespace, server: Server) -> tuple[float, float, list[float]]:
    """CPU seconds of a pair, pairs in a second, and the seconds that each start took."""
    connections = [await Http.to(server) for _ in range(a.clients)]
    took: list[float] = []

    async def client(http: Http, until: float) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            made = await http.ask("POST", "/api/session/start", BODY)
            took.append(time.monotonic() - began)
            await o.end(http, made["sessionId"])

    await asyncio.gather(*[client(http, time.monotonic() + 0.5) for http in connections])
    took.clear()
    used, began = server.cpu_seconds(), time.monotonic()
    await asyncio.gather(*[client(http, began + a.seconds) for http in connections])
    used, lasted = server.cpu_seconds() - used, time.monotonic() - began
    for http in connections:
        http.close()
    return used / len(took), len(took) / lasted, took


async def main(a: argparse.Namespace) -> None:
    cpu: dict[str, list[float]] = {"bare": [], "greenroom": []}
    for _ in range(a.rounds):
        for name, run in (("bare", processes.baseline), ("greenroom", o.embedded)):
            with tempfile.TemporaryDirectory() as folder:
                async with run(Path(folder)) as server:
                    used, rate, took = await pairs(a, server)
                    resident = server.resident_mib()
            cpu[name].append(used)
            o.say(
                "rate",
                cpu_ms_per_start_and_end=round(used * 1000, 2),
                system=name,
                starts_and_ends_per_s=round(rate, 1),
                start_ms=o.milliseconds(took),
                clients=a.clients,
                resident_mib=resident,
            )
    bare, ours = min(cpu["bare"]), min(cpu["greenroom"])
    o.say("rate.ratio", cpu_over_bare=round(ours / bare, 1), a_core_makes_per_s=round(1 / ours))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of 3 s")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=16)
    a = parser.parse_args()
    if a.quick:
        a.seconds, a.rounds = 3, 1
    asyncio.run(main(a))
