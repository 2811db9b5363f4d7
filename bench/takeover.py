"""How soon another worker takes over from one that is killed. In `bench`, run

    ../.venv/bin/python takeover.py [--quick]

Two workers, Redis and PostgreSQL. A person is in the room and has heard the opening line; then the
worker whose agent that is gets kill -9. Measured from the kill, at the person's own LiveKit client:
until the other worker's agent is a participant of the room, and until its first sound (it says in a
sentence that it is back). The dead worker is started again before the next run. What the session's
records say of it is told beside that: who was there, and how long the gap was. 20 runs take three
minutes, most of which is starting workers.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import tempfile
from pathlib import Path
from typing import Any

import orchestrator_cluster as o
from greenroom.sessions.attendance import gaps
from greenroom.sessions.model import PresenceEntry
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store, database_url
from orchestrator_caller import Caller
from processes import Server

OPENING = "Hello, I am here."
RENEWAL_S = 1.0
"""A third of a lease: a kill falls anywhere between two renewals."""
DICE = random.Random(7)


async def one(
    server: Server, workers: o.Workers, reader: SessionReader, number: int
) -> dict[str, Any]:
    async with o.http(server) as http:
        started = await o.start(http, f"person-{number}", OPENING)
    caller = Caller()
    await caller.enter(started.url, started.token)
    await caller.next("heard")
    await asyncio.sleep(DICE.uniform(0, RENEWAL_S))
    dead = workers.of((await reader.get(started.id)).node)
    killed = await workers.kill(dead)
    joined = (await caller.next("joined", since=killed)).at
    heard = (await caller.next("heard", since=joined)).at
    async with o.http(server) as http:
        details = await o.end(http, started.id)
    await caller.leave()
    await workers.stop(dead)
    await workers.start(dead)
    records = await reader.records(started.id, kinds=["presence", "lifecycle"])
    events = [r.entry.event for r in records if isinstance(r.entry, PresenceEntry)]
    silent = [
        (gap.ended - gap.began).total_seconds() for gap in gaps(records) if gap.ended is not None
    ]
    return {
        "joined": joined - killed,
        "heard": heard - killed,
        "gap": sum(silent),
        "most_agents": caller.most_agents,
        "agents": [event for event in events if event.startswith("agent")],
        "errors": details["errors"],
    }


async def main(a: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with o.cluster(Path(folder)) as cluster:
            store = Store(database_url(cluster.database_url, Path(folder)))
            async with o.workers(cluster, "one", "two") as workers:
                rows = []
                for number in range(a.runs):
                    rows.append(await one(cluster.server, workers, SessionReader(store), number))
                    o.say("takeover.run", **{k: _rounded(v) for k, v in rows[-1].items()})
            await store.close()
    o.say(
        "takeover",
        joined_ms=o.milliseconds(row["joined"] for row in rows),
        heard_ms=o.milliseconds(row["heard"] for row in rows),
        recorded_gap_ms=o.milliseconds(row["gap"] for row in rows),
        most_agents_at_once=max(row["most_agents"] for row in rows),
        goal_ms=5_000,
    )


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 runs")
    parser.add_argument("--runs", type=int, default=20)
    a = parser.parse_args()
    # Rooms are closed under the clients, who complain.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    if a.quick:
        a.runs = 5
    asyncio.run(main(a))
