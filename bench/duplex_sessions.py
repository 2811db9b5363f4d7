"""What it costs to list and to get duplex sessions where many are stored. In `bench`,

../.venv/bin/python duplex_sessions.py --sessions 100000 --said 20 --rounds 40

makes a database (SQLite, in a folder that is removed) with so many ended sessions of which each has
so many entries in its transcript, every second one written twice as it grew, and prints one JSON
line for each question: p50, p95 and max in milliseconds as a caller of `TalkSessions` sees them,
p50 and p95 of the CPU time, and how long the event loop was held up at most meanwhile. The same
questions are asked of a database of 50 sessions first, to compare with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, insert

from greenroom.app.garbage import tune_garbage_collector
from greenroom.duplex.archive import TalkArchive, settings_of
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.ports import API, Persona, SessionOrder
from greenroom.duplex.sessions import TalkSessions
from greenroom.sessions.control import LocalBus
from greenroom.sessions.model import EndReason, Status, TranscriptEntry
from greenroom.sessions.node import Node
from greenroom.sessions.operations import append_row
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from greenroom.sessions.tables import journal, sessions
from greenroom.settings import DuplexSettings
from greenroom.testing.duplex import ScriptedDuplexModel

TENANT = "bench"
AT_ONCE = 2_000
BEGAN = 1_700_000_000_000_000
SETTINGS = orjson.dumps(
    settings_of(SessionOrder(Persona("NATF2.pt", "You are a planner. " * 10)))
).decode()


def session_row(number: int) -> dict[str, Any]:
    at = BEGAN + number * 1_000_000
    return {
        "id": str(uuid.UUID(int=random.Random(number).getrandbits(128), version=4)),
        "api": API,
        "tenant": TENANT,
        "status": Status.COMPLETED.value,
        "created_at": at,
        "settings": SETTINGS,
        "started_at": at,
        "ended_at": at + 300_000_000,
        "end_reason": EndReason.CLIENT_STOPPED.value,
        "node": "one",
    }


def entry_rows(session_id: str, said: int) -> Iterator[dict[str, Any]]:
    for number in range(said):
        ai, start = number % 2 == 0, number * 3_000.0
        text = "That sounds great! What kind of sensors would you like to begin with?"
        for part in (text[:30], text) if ai else (text,):
            entry = TranscriptEntry(
                f"a-{number}",
                "assistant" if ai else "user",
                part,
                reply_id=f"a-{number}" if ai else None,
                start_ms=start,
            )
            yield append_row(session_id, BEGAN, entry)


def fill(connection: Connection, first: int, count: int, said: int) -> None:
    rows = [session_row(number) for number in range(first, first + count)]
    connection.execute(insert(sessions), rows)
    connection.execute(
        insert(journal), [entry for row in rows for entry in entry_rows(row["id"], said)]
    )


async def longest_stall(stop: asyncio.Event) -> float:
    """The longest time, in ms, for which the event loop was held up until `stop`."""
    longest = 0.0
    while not stop.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before - 0.001)
    return longest * 1000


async def measure(
    what: str, stored: int, ask: Callable[[int], Awaitable[object]], rounds: int
) -> None:
    await ask(0)
    stop = asyncio.Event()
    stalls = asyncio.create_task(longest_stall(stop))
    wall, cpu = [], []
    for number in range(1, rounds + 1):
        before, cpu_before = time.perf_counter(), time.process_time()
        await ask(number)
        wall.append((time.perf_counter() - before) * 1000)
        cpu.append((time.process_time() - cpu_before) * 1000)
    stop.set()
    wall.sort()
    cpu.sort()
    line = {
        "bench": "duplex_sessions",
        "what": what,
        "stored": stored,
        "p50_ms": round(wall[len(wall) // 2], 2),
        "p95_ms": round(wall[int(len(wall) * 0.95)], 2),
        "max_ms": round(wall[-1], 2),
        "cpu_p50_ms": round(cpu[len(cpu) // 2], 2),
        "cpu_p95_ms": round(cpu[int(len(cpu) * 0.95)], 2),
        "loop_held_ms": round(await stalls, 2),
    }
    print(json.dumps(line), flush=True)


async def run(stored: int, said: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(database_url(None, Path(folder)))
        await store.migrate()
        for first in range(0, stored, AT_ONCE):
            count = min(AT_ONCE, stored - first)
            await store.write(
                lambda connection, first=first, count=count: fill(connection, first, count, said)  # type: ignore[misc]
            )
        service = SessionService(store, Node("one", "bench"), bus=LocalBus())
        await service.open()
        talks = TalkSessions(
            TalkParts(
                sessions=service,
                archive=TalkArchive(service),
                settings=DuplexSettings(),
                model=ScriptedDuplexModel(),
                voices=("NATF2.pt",),
                webhooks=None,
                recordings=None,
                clock=asyncio.get_running_loop(),
                now=lambda: datetime.now(UTC),
            )
        )
        dice = random.Random(7)

        def any_id() -> str:
            return str(session_row(dice.randrange(stored))["id"])

        questions: dict[str, Callable[[int], Awaitable[object]]] = {
            "list": lambda _: talks.list(tenant=TENANT),
            "list before": lambda _: talks.list(tenant=TENANT, before=any_id()),
            "list active": lambda _: talks.list(tenant=TENANT, status="active"),
            "get": lambda _: talks.get(any_id(), tenant=TENANT),
        }
        for what, ask in questions.items():
            await measure(what, stored, ask, rounds)
        await talks.drain(0)
        await service.close()
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--said", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    tune_garbage_collector()  # as the server does
    for stored in (50, arguments.sessions):
        asyncio.run(run(stored, arguments.said, arguments.rounds))


if __name__ == "__main__":
    main()
