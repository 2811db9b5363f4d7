"""From `POST /api/session/start` to the opening line in the caller's ear. In `bench`, run

    ../.venv/bin/python orchestrator_start.py [--quick]

One start after the other; as a real client does, LiveKit's own (native, Python) joins as soon as
the answer is there, while the agent joins too. *Heard* is the first sample of the opening line, at
the client's output: some 40 ms of its jitter buffer are in it. First with agents in the server
(*embedded*: SQLite, no Redis), then on a worker (*worker*: Celery, Redis, PostgreSQL, the room is
joined through the SDK). *Taken* and *joined* are read from the records afterwards, from a session's
creation: until it was started by who runs the agent, and until the agent was in the room.

*Missed* is how much less than the whole opening line was heard: Opus and the jitter buffer swallow
some 20 ms, more is a word that was said before the client could hear. Speaking takes no time here.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orchestrator_cluster as o
from greenroom.sessions.model import PresenceEntry
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store, database_url
from greenroom.sessions.tables import micros
from orchestrator_caller import Caller
from processes import Server
from server import Http

OPENING = "Hello! How can I help you today?"
OPENING_S = len(OPENING) * o.MS_PER_CHARACTER / 1000
AFTER_S = 0.3
"""For what is still on its way."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds from the request."""

    session_id: str
    answered: float
    connected: float
    heard: float
    missed: float
    """So much of the opening line was not heard, which is its beginning."""
    ended: float
    """Of the end call alone."""


async def one(http: Http, number: int) -> Start:
    began = time.monotonic()
    started = await o.start(http, f"person-{number}", OPENING)
    answered = time.monotonic()
    caller = Caller(attentive=True)
    await caller.enter(started.url, started.token)
    connected = time.monotonic()
    heard = (await caller.next("heard")).at
    await asyncio.sleep(OPENING_S + AFTER_S)
    ending = time.monotonic()
    await o.end(http, started.id)
    ended = time.monotonic() - ending
    await caller.leave()
    missed = max(OPENING_S - caller.heard_s, 0.0)
    return Start(started.id, answered - began, connected - began, heard - began, missed, ended)


async def measure(mode: str, starts: int, server: Server, agents: Server, store: Store) -> None:
    """`agents`: the process in which they run."""
    async with o.http(server) as http:
        await one(http, 0)  # what is imported and connected at the first start
        used, served = agents.cpu_seconds(), server.cpu_seconds()
        rows = [await one(http, k + 1) for k in range(starts)]
        used, served = agents.cpu_seconds() - used, server.cpu_seconds() - served
    taken, joined = await from_journal(SessionReader(store), [row.session_id for row in rows])
    o.say(
        "start",
        cpu_s_per_start={"agents": round(used / starts, 3), "server": round(served / starts, 3)},
        mode=mode,
        heard_ms=o.milliseconds(row.heard for row in rows),
        missed_ms=o.milliseconds(row.missed for row in rows),
        answered_ms=o.milliseconds(row.answered for row in rows),
        taken_ms=o.milliseconds(taken),
        joined_ms=o.milliseconds(joined),
        connected_ms=o.milliseconds(row.connected for row in rows),
        end_ms=o.milliseconds(row.ended for row in rows),
    )


async def from_journal(
    reader: SessionReader, session_ids: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Seconds from each session's creation until it was started, and until its agent was there."""
    taken, joined = [], []
    for session_id in session_ids:
        session = await reader.get(session_id)
        if session.started_at is not None:
            taken.append((session.started_at - session.created_at).total_seconds())
        entries = [r.entry for r in await reader.records(session_id, kinds=["presence"])]
        joined += [
            (entry.happened - micros(session.created_at)) / 1e6
            for entry in entries
            if isinstance(entry, PresenceEntry) and entry.event == "agent_joined"
        ]
    return taken, joined


async def main(a: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with o.embedded(Path(folder)) as server:
            store = Store(database_url(None, Path(folder)))
            await measure("embedded", a.starts, server, server, store)
            await store.close()
    with tempfile.TemporaryDirectory() as folder:
        async with o.cluster(Path(folder)) as cluster, cluster.worker("one") as worker:
            store = Store(database_url(cluster.database_url, Path(folder)))
            await measure("worker", a.starts, cluster.server, worker, store)
            await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 starts of each kind")
    parser.add_argument("--starts", type=int, default=25)
    a = parser.parse_args()
    # Rooms are closed under the clients, who complain.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    if a.quick:
        a.starts = 8
    asyncio.run(main(a))
