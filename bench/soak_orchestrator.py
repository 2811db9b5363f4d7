"""500 sessions in a minute, while one of two workers is killed every 10 s. In `bench`, run

    ../.venv/bin/python soak_orchestrator.py [--quick]

The sessions are started evenly over the time and live for 2 to 6 s; in `--people` of them somebody
is in the room, with LiveKit's own client, for 8 to 14 s. Every 10 s one worker gets kill -9, the
two in turns, and is started again at once. Each session is ended by its end call, as in the
document; a start that is refused (503) is tried again.

At the end everything is read back. *Lost*: sessions that did not end, or not by their call.
*Doubled*: two agents at once, by the records of who was there and by the people's own eyes.
*Durations*: of a session with nobody 0; of one with somebody, the time from the first sound heard
to the end, less that from each kill of its worker to the next agent's joining, is held against what
is billed: it may be 1 s off. A second end call must say the same. *Redis*: what keys are left when
the workers have stopped, but for the bindings of Celery's queues and a lock of its own.

On 2 cores this is near all that there is: some 60 ms of CPU for each time that LiveKit's client
joins, 3 s for each start of a worker, the people's own clients, and the databases. On a machine
with other work agents are slow to answer their end calls; `--sessions` takes fewer.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis.asyncio
from livekit import rtc

import orchestrator_cluster as o
from greenroom.sessions.attendance import billed
from greenroom.sessions.model import EndReason, PresenceEntry, Record, Session, Status
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store, database_url
from greenroom.workers.order import API
from orchestrator_caller import Caller

NAMES = ("one", "two")
OPENING = "Hello, this is the shop with the very long greeting."
"""1.4 s, so that some of it is heard however late a client is ready to hear."""
KILL_EVERY_S = 10.0
TRIES = 20
LIVES = (2.0, 6.0)
STAYS = (8.0, 14.0)
PROBLEMS = (RuntimeError, OSError, TimeoutError, asyncio.IncompleteReadError, rtc.ConnectError)
"""A call that is refused, a server that is not there, a room that can't be entered or heard."""
CELERY = ("_kombu.", "unacked_mutex")
"""Keys of Celery's transport: its queues' bindings, and a lock that expires by itself."""
SETTLED_S = 5.0
"""In which what is kept of a worker that was killed expires: longer than a lease."""
TOLERANCE_S = 1.0
"""A worker that was killed was last heard of up to a second before; that second isn't billed."""
WRONGS = (
    "lost",
    "doubled",
    "seen_doubled",
    "out_of_turn",
    "duration",
    "minutes",
    "billed_for_nobody",
)


@dataclass
class Life:
    """One session, as who started it saw it. Times are of `time.monotonic`."""

    id: str = ""
    refused: int = 0
    caller: Caller | None = None
    ended_at: float = 0.0
    end_s: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    kills: list[float] = field(default_factory=list)
    problem: str = ""

    def presence(self, until: float) -> float:
        """Seconds from the first sound on in which somebody and an agent were there."""
        if self.caller is None:
            return 0.0
        heard = [one.at for one in self.caller.happened if one.what == "heard" and one.at < until]
        if not heard:
            return 0.0
        joined = [one.at for one in self.caller.happened if one.what == "joined"]
        absent, back = 0.0, heard[0]
        for killed in self.kills:
            gone = max(killed, back)
            back = min((at for at in joined if at > killed), default=until)
            absent += max(min(back, until) - gone, 0.0)
        return until - heard[0] - absent

    def off(self) -> float:
        """Seconds by which what is billed, in whole seconds rounded down, is too much, or too
        little: the session ended between its end call and the answer to that."""
        seconds = float(self.details["durationSeconds"])
        least, most = self.presence(self.ended_at), self.presence(self.ended_at + self.end_s)
        return min(seconds - int(least), 0.0) + max(seconds - most, 0.0)


class Soak:
    """All sessions and the one who kills."""

    def __init__(self, cluster: o.Cluster, workers: o.Workers, store: Store) -> None:
        self.lives: list[Life] = []
        self.kills = 0
        self._server = cluster.server
        self._workers = workers
        self._reader = SessionReader(store)

    async def run(self, sessions: int, people: int, seconds: float) -> None:
        dice = random.Random(7)
        with_people = set(dice.sample(range(int(sessions * 0.8)), people))
        killer = asyncio.create_task(self._kill(seconds))
        began = time.monotonic()
        async with asyncio.TaskGroup() as living:
            for k in range(sessions):
                await asyncio.sleep(began + k * seconds / sessions - time.monotonic())
                life = Life(caller=Caller() if k in with_people else None)
                self.lives.append(life)
                stays = dice.uniform(*(STAYS if life.caller else LIVES))
                living.create_task(self._live(life, k, stays))
        await killer

    async def _live(self, life: Life, number: int, seconds: float) -> None:
        try:
            started = await self._start(life, number)
            try:
                if life.caller is not None:
                    await life.caller.enter(started.url, started.token)
                    await life.caller.next("heard")
                await asyncio.sleep(seconds)
            finally:
                life.ended_at = time.monotonic()
                async with o.http(self._server) as http:
                    life.details = await o.end(http, started.id)
                life.end_s = time.monotonic() - life.ended_at
        except PROBLEMS as error:
            life.problem = f"{type(error).__name__}: {error}"
        finally:
            if life.caller is not None:
                await life.caller.leave()

    async def _start(self, life: Life, number: int) -> o.Started:
        while True:
            try:
                async with o.http(self._server) as http:
                    started = await o.start(http, f"person-{number}", OPENING)
            except RuntimeError as refusal:
                life.refused += 1
                if ": 503 " not in str(refusal) or life.refused == TRIES:
                    raise
                await asyncio.sleep(1)
            else:
                life.id = started.id
                return started

    async def _kill(self, seconds: float) -> None:
        began = time.monotonic()
        for k in range(int(seconds / KILL_EVERY_S)):
            await asyncio.sleep(began + (k + 1) * KILL_EVERY_S - time.monotonic())
            name = NAMES[k % 2]
            killed = await self._workers.kill(name)
            # Until its leases lapse, these are its sessions.
            active = await self._reader.list(api=API, status=Status.ACTIVE, limit=1_000)
            its = {session.id for session in active if name in (session.node or "")}
            for life in self.lives:
                if life.id in its:
                    life.kills.append(killed)
            self.kills += 1
            await self._workers.stop(name)
            await self._workers.start(name)

    async def ended_again(self) -> int:
        """How many of the sessions say something else when they are ended once more."""
        other = 0
        async with o.http(self._server) as http:
            for life in self.lives:
                if life.details:
                    other += await o.end(http, life.id) != life.details
        return other

    async def verdict(self) -> dict[str, Any]:
        """What the records say of it. What is wrong with which session goes to standard error."""
        how: Counter[str] = Counter()
        wrong: Counter[str] = Counter(dict.fromkeys(WRONGS, 0))
        for life in self.lives:
            if not life.id:
                wrong["lost"] += 1
                continue
            session = await self._reader.get(life.id)
            records = await self._reader.records(life.id, kinds=["presence"])
            how[f"{session.status} {session.end_reason}"] += 1
            found = list(_wrongs(life, session, records))
            wrong.update(found)
            if found:
                course = [(entry.event, entry.who) for entry in _course(records)]
                print(*found, life, course, file=sys.stderr)
        stored = await self._reader.list(api=API, limit=1_000)
        people = [life for life in self.lives if life.caller is not None]
        off = [life.off() for life in people if life.details]
        return {
            "sessions": len(self.lives),
            "ended": dict(how),
            **wrong,
            "stored_beside": len(stored) - sum(bool(life.id) for life in self.lives),
            "duration_off_s": {"least": round(min(off), 2), "most": round(max(off), 2)},
            "people": len(people),
            "people_whose_worker_was_killed": sum(bool(life.kills) for life in people),
            "sessions_whose_worker_was_killed": sum(bool(life.kills) for life in self.lives),
            "refused_starts": sum(life.refused for life in self.lives),
            "problems": dict(Counter(life.problem for life in self.lives if life.problem)),
            "errors": dict(Counter(e for one in self.lives for e in one.details.get("errors", ()))),
            "end_ms": o.milliseconds(life.end_s for life in self.lives if life.details),
        }


def _wrongs(life: Life, session: Session, records: Sequence[Record]) -> Iterator[str]:
    """All that is wrong with one."""
    if not session.ended or session.end_reason is not EndReason.CLIENT_STOPPED:
        yield "lost"
    seconds, minutes = (life.details.get(f"duration{unit}") for unit in ("Seconds", "Minutes"))
    if seconds is None or minutes != billed(seconds)[1]:
        yield "minutes"
    elif life.caller is None and seconds:
        yield "billed_for_nobody"
    elif life.caller is not None and abs(life.off()) > TOLERANCE_S:
        yield "duration"
    # An agent whose worker was gone, or too slow, when the session was ended says nothing more.
    unsaid = bool(life.kills or life.details.get("errors"))
    yield from _agents_wrong(_course(records), may_stay=unsaid)
    if life.caller is not None and life.caller.most_agents > 1:
        yield "seen_doubled"


def _agents_wrong(course: Sequence[PresenceEntry], *, may_stay: bool) -> Iterator[str]:
    there = ""
    known = set()
    for entry in course:
        match entry.event:
            case "agent_joined":
                if there not in {"", entry.who}:
                    yield "doubled"
                there = entry.who
                known.add(entry.who)
            case "agent_left" if entry.who not in known:
                yield "out_of_turn"
            case _:  # one that was lost may have gone on, and left later; or never have joined
                there = "" if entry.who in {"", there} else there
    if there and not may_stay:
        yield "out_of_turn"


def _course(records: Sequence[Record]) -> list[PresenceEntry]:
    """How agents came and went, in the order in which it happened.

    One that is lost was last heard of at its lease's renewal, which may be before it joined.
    """
    entries = [r.entry for r in records if isinstance(r.entry, PresenceEntry)]
    joined = {entry.who: entry.happened for entry in entries if entry.event == "agent_joined"}
    agents = [entry for entry in entries if entry.event.startswith("agent")]
    return sorted(agents, key=lambda entry: max(entry.happened, joined.get(entry.who, 0)))


async def left_in(redis_url: str) -> list[str]:
    """The keys that are left, but for Celery's bindings."""
    client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)
    until = time.monotonic() + SETTLED_S
    while True:
        keys = [key async for key in client.scan_iter(count=1_000)]
        left = sorted(key for key in keys if not key.startswith(CELERY))
        if not left or time.monotonic() > until:
            await client.aclose()
            return left
        await asyncio.sleep(0.2)


async def main(a: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with o.cluster(Path(folder)) as cluster:
            store = Store(database_url(cluster.database_url, Path(folder)))
            began = time.monotonic()
            async with o.workers(cluster, *NAMES) as workers:
                soak = Soak(cluster, workers, store)
                used, began = cluster.server.cpu_seconds(), time.monotonic()
                await soak.run(a.sessions, a.people, a.seconds)
                lasted = time.monotonic() - began
                used = cluster.server.cpu_seconds() - used
                other = await soak.ended_again()
                cpu = {"server": round(used, 1), "workers": round(workers.cpu_seconds(), 1)}
            keys = await left_in(cluster.redis_url)
            verdict = await soak.verdict()
            await store.close()
            o.say(
                "soak",
                cpu_s=cpu,
                seconds=round(lasted, 1),
                kills=soak.kills,
                **verdict,
                second_end_differs=other,
                left_in_redis=keys,
                server_mib=cluster.server.resident_mib(),
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="80 sessions in 30 s, 6 of them with people"
    )
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    a = parser.parse_args()
    # Rooms are closed under the clients, who complain.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    if a.quick:
        a.sessions, a.people, a.seconds = 80, 6, 30
    asyncio.run(main(a))
