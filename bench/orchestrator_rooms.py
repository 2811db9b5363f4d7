"""What an agent costs that talks with a person in a room, beside LiveKit Agents. In `bench`, run

    ../.venv/bin/python orchestrator_rooms.py [--quick] [--livekit PYTHON]

They take turns at the same thing: `--n` agents in one process join as many rooms of a Greenroom
server through LiveKit's SDK; as many people (`orchestrator_people.py`, a process apart) each say
3 s of speech and hear a reply of 2 s, every 7 s. Voice activity is on, each system's own Silero;
hearing, thinking and speaking take no time. Greenroom's agents are those of a `greenroom worker`,
started by `POST /api/session/start` through Celery, with leases, a journal (PostgreSQL) and the
offline assistant's loop of model and tools. LiveKit's are `peers/livekit_rooms.py`, without their
worker and its dispatch.

One JSON line for each run: CPU seconds (user and system, all threads and processes of the agents,
nothing subtracted) for a session and minute of the measured time, how many such agents a core
carries, and the memory they take; whether all went well, which the people's ears tell (replies,
and gaps of 20 ms in replies); and the CPU of the server, which forwards, and of the people. Then
the ratio. `--alone` measures Greenroom with more and more agents instead, up to `--n`.

Most of an agent's CPU is LiveKit's native client, which both use: *native* is that client alone, in
the same rooms, with as much to play and to hear (`orchestrator_floor.py`). The ratio is told with
it, and beside it that of what each takes beyond it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livekit import api

import orchestrator_cluster as o
import processes
import room_client as c
from processes import Server

JOIN_TIMEOUT_S = 60.0
Rooms = list[dict[str, str]]


@dataclass
class Lines:
    """A process that answers lines with lines; leader of a process session of its own."""

    process: asyncio.subprocess.Process

    @property
    def family(self) -> Server:
        return Server(self.process, 0)

    async def ask(self, line: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        said = await asyncio.wait_for(self.process.stdout.readline(), JOIN_TIMEOUT_S)
        answer: dict[str, Any] = json.loads(said)
        return answer


@contextlib.asynccontextmanager
async def lines(*command: str) -> AsyncIterator[Lines]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=processes.HERE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield Lines(process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def greenroom(a: argparse.Namespace, n: int) -> dict[str, Any]:
    """A worker's agents."""
    with tempfile.TemporaryDirectory() as folder:
        async with o.cluster(Path(folder)) as cluster, cluster.worker("one") as worker:
            before = worker.resident_mib()
            async with o.http(cluster.server) as http:
                started = [await o.start(http, f"person-{k}") for k in range(n)]
            rooms = [{"url": one.url, "token": one.token} for one in started]
            figures = await talk(a, cluster.server, worker, rooms)
            async with o.http(cluster.server) as http:
                details = [await o.end(http, one.id) for one in started]
    durations = [one["durationSeconds"] for one in details]
    return figures | {"idle_mib": before, "shortest_duration_s": min(durations)}


async def livekit(a: argparse.Namespace, n: int) -> dict[str, Any]:
    """LiveKit's agents, in rooms of a server like it."""
    gain = ["--gain"] if a.gain else []
    return await told_of_rooms(a, n, a.livekit, "-m", "peers.livekit_rooms", *gain)


async def native(a: argparse.Namespace, n: int) -> dict[str, Any]:
    """No agents, but the client that both are built on."""
    return await told_of_rooms(a, n, sys.executable, "orchestrator_floor.py")


async def told_of_rooms(a: argparse.Namespace, n: int, *command: str) -> dict[str, Any]:
    """What a process costs that is given tokens and joins."""
    names = [f"room-{k}" for k in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        async with o.cluster(Path(folder)) as cluster, lines(*command) as agents:
            await agents.ask([room(cluster.rooms_url, name, "agent") for name in names])
            people = [room(cluster.rooms_url, name, "person") for name in names]
            return await talk(a, cluster.server, agents.family, people)


def room(url: str, name: str, identity: str) -> dict[str, str]:
    grants = api.VideoGrants(room_join=True, room=name, agent=identity == "agent")
    token = api.AccessToken(c.KEY, c.SECRET).with_identity(identity).with_grants(grants)
    return {"url": url, "token": token.to_jwt()}


async def talk(
    a: argparse.Namespace, server: Server, agents: Server, rooms: Rooms
) -> dict[str, Any]:
    """The measured time."""
    async with lines(sys.executable, "orchestrator_people.py") as people:
        await people.ask(rooms)
        await asyncio.sleep(a.warmup)
        before = await people.ask("heard")
        used, served, began = agents.cpu_seconds(), server.cpu_seconds(), time.monotonic()
        await asyncio.sleep(a.seconds)
        used, served = agents.cpu_seconds() - used, server.cpu_seconds() - served
        lasted = time.monotonic() - began
        after = await people.ask("heard")
        resident = agents.resident_mib()
    minutes = len(rooms) * lasted / 60
    return {
        "cpu_s_per_session_minute": round(used / minutes, 3),
        "agents_per_core": round(len(rooms) * lasted / used, 1),
        "n": len(rooms),
        "seconds": round(lasted, 1),
        "replies": after["replies"],
        "fewest_replies_of_one": after["fewest_replies"],
        "heard_s": after["heard_s"],
        "gaps": after["gaps"],
        "server_cpu_s_per_session_minute": round(served / minutes, 3),
        "people_cpu_s_per_session_minute": round((after["cpu_s"] - before["cpu_s"]) / minutes, 3),
        "resident_mib": resident,
    }


SYSTEMS = {"greenroom": greenroom, "livekit": livekit, "native": native}


async def compare(a: argparse.Namespace) -> None:
    costs: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    for _ in range(a.rounds):
        for name, system in SYSTEMS.items():
            figures = await system(a, a.n)
            costs[name].append(figures["cpu_s_per_session_minute"])
            o.say("rooms", **figures, system=name)
    cost = {name: round(statistics.median(each), 3) for name, each in costs.items()}
    ours, theirs, client = (cost[name] for name in ("greenroom", "livekit", "native"))
    o.say(
        "rooms.ratio",
        cpu_s_per_session_minute=cost,
        of_livekit=round(ours / theirs, 3),
        of_livekit_beyond_the_native_client=round((ours - client) / (theirs - client), 3),
    )


async def alone(a: argparse.Namespace) -> None:
    for n in sorted({max(1, a.n // 4), max(1, a.n // 2), a.n}):
        o.say("rooms", **await greenroom(a, n), system="greenroom")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of 14 s")
    parser.add_argument("--n", type=int, default=8, help="agents in the process")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=21, help="measured; a cycle is 7")
    parser.add_argument("--warmup", type=float, default=7)
    parser.add_argument("--gain", action="store_true", help="LiveKit's automatic gain control on")
    parser.add_argument("--livekit", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--only", choices=SYSTEMS, help="one system, once")
    parser.add_argument("--alone", action="store_true", help="Greenroom, with up to N agents")
    a = parser.parse_args()
    if a.quick:
        a.rounds, a.seconds = 1, 14
    if a.only:
        o.say("rooms", **asyncio.run(SYSTEMS[a.only](a, a.n)), system=a.only)
    else:
        asyncio.run(alone(a) if a.alone else compare(a))
