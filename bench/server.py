"""The whole server, as a process, from outside. In `bench`, run

    ../.venv/bin/python server.py idle|create|talk|kill

`idle`    memory of idle sessions on their WebSockets, beside bare idle WebSockets
`create`  session creations, beside a bare route that validates and signs the same
`talk`    talking sessions through real WebSockets: the server's CPU and the delay of answers
`kill`    kill -9 while sessions talk, then a restart: what the journal kept
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import importlib.metadata
import json
import resource
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

import harness as h
import measures
import processes
from greenroom.sessions.store import DATABASE_FILE
from greenroom.settings import DEVELOPMENT_API_KEY
from processes import Server

KEY = f"Bearer {DEVELOPMENT_API_KEY}"
BODY = b'{"user_id": "bench", "metadata": {"source": "bench", "campaign": "none"}}'
CHUNK_FRAMES = 5
"""Frames of 20 ms in an `audio.input`: ten messages a second."""


class Http:
    """One keep-alive connection; as little client as possible, so that the server is the limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server: Server) -> Http:
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = await self._reader.readexactly(length)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return dict(json.loads(answer))

    def close(self) -> None:
        self._writer.close()


async def open_session(server: Server, http: Http) -> tuple[str, ClientConnection]:
    """A session that is ready, and its WebSocket."""
    made = await http.ask("POST", "/api/sessions", BODY)
    url = f"ws://127.0.0.1:{server.port}/ws/voice/session?token={made['token']}"
    socket = await connect(url, compression=None, max_size=None)
    start = {"session_id": made["session_id"], "context": {"store_id": "bench"}}
    await socket.send(json.dumps({"type": "session.start", "data": start}))
    ready = json.loads(await socket.recv())
    assert ready["type"] == "session.ready", ready
    return made["session_id"], socket


# -- idle ------------------------------------------------------------------------------------


async def idle(a: argparse.Namespace, folder: Path) -> dict[str, Any]:
    async with processes.baseline(folder) as server:

        async def bare() -> ClientConnection:
            socket = await connect(f"ws://127.0.0.1:{server.port}/ws", compression=None)
            await socket.send("{}")
            await socket.recv()
            return socket

        bare_kib, bare_cpu = await _grow(a, server, bare)
    async with processes.greenroom(folder, processes.SCRIPTED) as server:
        http = await Http.to(server)

        async def session() -> ClientConnection:
            return (await open_session(server, http))[1]

        session_kib, session_cpu = await _grow(a, server, session)
        http.close()
    return {
        "connections": a.connections,
        "bare_websocket_kib": bare_kib,
        "session_kib": session_kib,
        "session_over_bare_kib": round(session_kib - bare_kib, 1),
        "goal_over_bare_kib": 64,
        "bare_idle_cpu_s_per_minute": bare_cpu,
        "session_idle_cpu_s_per_minute": session_cpu,
    }


async def _grow(
    a: argparse.Namespace, server: Server, one: Callable[[], Coroutine[Any, Any, ClientConnection]]
) -> tuple[float, float]:
    """KiB of server memory for each connection, and CPU of one idle connection in a minute."""
    sockets = [await one() for _ in range(a.connections // 5)]  # buffers and pools that stay
    await asyncio.sleep(1)
    before = server.resident_mib()
    sockets += [await one() for _ in range(a.connections)]
    await asyncio.sleep(3)
    kib = (server.resident_mib() - before) * 1024 / a.connections
    cpu, wall = server.cpu_seconds(), time.monotonic()
    await asyncio.sleep(a.seconds / 2)
    cpu, wall = server.cpu_seconds() - cpu, time.monotonic() - wall
    await asyncio.gather(*[socket.close() for socket in sockets])
    return round(kib, 1), round(cpu * 60 / wall / len(sockets), 5)


# -- create ----------------------------------------------------------------------------------


async def create(a: argparse.Namespace, folder: Path) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, float]]] = {"bare": [], "greenroom": []}
    for k in range(a.rounds):
        async with processes.baseline(folder) as server:
            rows["bare"].append(await _create(a, server))
        data = folder / str(k)
        data.mkdir()
        async with processes.greenroom(data, processes.SCRIPTED) as server:
            rows["greenroom"].append(await _create(a, server))
    rate = {name: max(r for r, _ in rs) for name, rs in rows.items()}
    cpu = {name: min(c for _, c in rs) for name, rs in rows.items()}
    return {
        "clients": a.clients,
        "bare_per_s": round(rate["bare"]),
        "greenroom_per_s": round(rate["greenroom"]),
        "rate_of_bare": round(rate["greenroom"] / rate["bare"], 3),
        "goal_rate_of_bare": 0.5,
        "bare_cpu_us": round(cpu["bare"] * 1e6),
        "greenroom_cpu_us": round(cpu["greenroom"] * 1e6),
        "cpu_over_bare": round(cpu["greenroom"] / cpu["bare"], 2),
    }


async def _create(a: argparse.Namespace, server: Server) -> tuple[float, float]:
    """Creations in a second, and CPU seconds of one."""
    connections = [await Http.to(server) for _ in range(a.clients)]
    for http in connections:
        await http.ask("POST", "/api/sessions", BODY)
    made = 0
    end = time.monotonic() + a.seconds / 2

    async def client(http: Http) -> None:
        nonlocal made
        while time.monotonic() < end:
            await http.ask("POST", "/api/sessions", BODY)
            made += 1

    cpu, wall = server.cpu_seconds(), time.monotonic()
    await asyncio.gather(*[client(http) for http in connections])
    cpu, wall = server.cpu_seconds() - cpu, time.monotonic() - wall
    for http in connections:
        http.close()
    return made / wall, cpu / made


# -- talk ------------------------------------------------------------------------------------


@dataclass
class Talk:
    """One talking client: it speaks in messages of 100 ms, in real time, and notes the answers."""

    session_id: str
    socket: ClientConnection
    user: h.User
    spoken_until: float = 0.0
    answered: bool = True
    delays: list[float] = field(default_factory=list)
    got: Counter[str] = field(default_factory=Counter)
    finals: list[float] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    replies: list[float] = field(default_factory=list)

    async def speak(self, phase: float) -> None:
        begin = time.monotonic() + phase
        with contextlib.suppress(Exception):  # the server was killed
            for k in range(0, 1_000_000, CHUNK_FRAMES):
                frames = range(k, k + CHUNK_FRAMES)
                due = begin + (k + CHUNK_FRAMES) * h.FRAME_S
                await asyncio.sleep(max(due - time.monotonic(), 0))
                audio = b"".join(self.user.frame(i) for i in frames)
                if spoken := [i for i in frames if self.user.speaking(i)]:
                    self.spoken_until = begin + (spoken[-1] + 1) * h.FRAME_S
                    self.answered = False
                data = {"format": "pcm16", "sample_rate": h.IN_RATE}
                data["audio"] = base64.b64encode(audio).decode()
                await self.socket.send(json.dumps({"type": "audio.input", "data": data}))

    async def listen(self) -> None:
        with contextlib.suppress(Exception):
            async for text in self.socket:
                now = time.monotonic()
                message = json.loads(text)
                kind = message["type"]
                self.got[kind] += 1
                if kind == "transcription" and message["data"]["is_final"]:
                    self.finals.append(now)
                    self.heard.set()
                elif kind == "agent.response":
                    self.replies.append(now)
                elif kind == "audio.output" and not self.answered:
                    self.answered = True
                    self.delays.append(now - self.spoken_until)


@contextlib.asynccontextmanager
async def talking(a: argparse.Namespace, server: Server) -> Any:
    """`n` clients that talk."""
    http = await Http.to(server)
    talks = []
    for k in range(a.n):
        user = h.TalkingUser.staggered(a.silence, k, a.n)
        talks.append(Talk(*await open_session(server, http), user))
    http.close()
    tasks = [asyncio.create_task(t.listen()) for t in talks]
    tasks += [asyncio.create_task(t.speak((k % 20) / 200)) for k, t in enumerate(talks)]
    try:
        yield talks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*[t.socket.close() for t in talks], return_exceptions=True)


async def talk(a: argparse.Namespace, folder: Path) -> dict[str, Any]:
    async with (
        processes.greenroom(folder, processes.SCRIPTED) as server,
        talking(a, server) as talks,
    ):
        await asyncio.sleep(a.warmup)
        for t in talks:
            t.got.clear()
            t.delays.clear()
        cpu, wall = server.cpu_seconds(), time.monotonic()
        await asyncio.sleep(a.seconds)
        cpu, wall = server.cpu_seconds() - cpu, time.monotonic() - wall
        got = sum((t.got for t in talks), Counter[str]())
        return {
            "n": a.n,
            "server_cpu_s_per_session_minute": round(cpu * 60 / wall / a.n, 4),
            "server_cores_used": round(cpu / wall, 3),
            "speech_end_to_audio_ms": h.stats_ms(x for t in talks for x in t.delays),
            "messages": dict(got),
            "resident_mib": server.resident_mib(),
        }


# -- kill ------------------------------------------------------------------------------------


async def kill(a: argparse.Namespace, folder: Path) -> dict[str, Any]:
    settings = processes.SCRIPTED if a.scripted else {}
    if not a.scripted:
        a.n = min(a.n, 4)  # real recognition: as many as two cores keep up with
    async with processes.greenroom(folder, settings) as server:
        async with talking(a, server) as talks:
            await asyncio.sleep(a.seconds)
            await _next_final(talks)
            await asyncio.sleep(0.101)  # as soon as what was just said must be in the journal
            killed = time.monotonic()
            await server.kill()
        await asyncio.sleep(3)
        left = len(server.family())
    old = killed - 0.1
    said = {t.session_id: _count(t.finals, old) for t in talks}
    answered = {t.session_id: _count(t.replies, old) for t in talks}
    begin = time.monotonic()
    async with processes.greenroom(folder, settings) as server:
        restart = time.monotonic() - begin
        http = await Http.to(server)
        kept = {s: (await http.ask("GET", f"/api/sessions/{s}"))["messages"] for s in said}
        http.close()
    roles = {s: Counter(m["role"] for m in messages) for s, messages in kept.items()}
    with contextlib.closing(sqlite3.connect(folder / DATABASE_FILE)) as database:
        ends = dict(database.execute("select id, end_reason from sessions").fetchall())
    return {
        "sessions": len(talks),
        "transcripts_seen_100_ms_before": sum(said.values()),
        "transcripts_missing": sum(max(n - roles[s]["user"], 0) for s, n in said.items()),
        "replies_seen_100_ms_before": sum(answered.values()),
        "replies_missing": sum(max(n - roles[s]["assistant"], 0) for s, n in answered.items()),
        "end_reasons": dict(Counter(ends[s] for s in said)),
        "processes_left_after_3_s": left,
        "restart_s": round(restart, 2),
    }


async def _next_final(talks: list[Talk]) -> None:
    for t in talks:
        t.heard.clear()
    waiting = [asyncio.create_task(t.heard.wait()) for t in talks]
    await asyncio.wait(waiting, timeout=15, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _count(times: list[float], until: float) -> int:
    return sum(t < until for t in times)


BENCHES = {"idle": idle, "create": create, "talk": talk, "kill": kill}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("bench", choices=BENCHES)
    p.add_argument("--n", type=int, default=25, help="talk: sessions")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--warmup", type=float, default=6)
    p.add_argument("--silence", type=float, default=3.0)
    p.add_argument("--connections", type=int, default=500, help="idle: of each kind")
    p.add_argument("--clients", type=int, default=16, help="create: at once")
    p.add_argument("--rounds", type=int, default=2, help="create: of bare and Greenroom in turns")
    p.add_argument("--scripted", action="store_true", help="kill: without real recognition")
    a = p.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(BENCHES[a.bench](a, Path(folder)))
    measures.emit("server", importlib.metadata.version("greenroom"), a, result)


if __name__ == "__main__":
    main()
