"""Four upstream servers of the chat protocol, forty callers at once, and one server that dies.

In `bench`, run

    ../.venv/bin/python duplex_pool.py

Each caller speaks for a second once it is ready, at the pace of speech, and leaves. After 2.6 s
one server is killed: its talk is told, or goes elsewhere. One JSON line: how
many were served or told why not, whether anybody was left hanging, how long they waited, and what
was left behind. The servers are in this process, on real sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import harness as h
from greenroom.audio.pcm import Pcm
from greenroom.duplex.personaplex.model import PersonaPlexModel, create
from greenroom.duplex.ports import DUPLEX_RATE, Persona
from greenroom.sessions.model import Session, Status
from greenroom.settings import DuplexSettings, TurnSettings
from greenroom.testing import EnergyVoiceActivity, ScriptedTranscriber

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.moshi_server import MoshiServer

FRAME_S = 0.08
FRAME = round(FRAME_S * DUPLEX_RATE)
DIES_AFTER = 2.6
"""Seconds: within a talk."""
SESSION = Session("s", "duplex", "t", Status.ACTIVE, datetime(2026, 1, 1, tzinfo=UTC), {})


class Caller:
    """A talk's listener, and the one who speaks in it."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.positions: list[int] = []
        self.words = ""
        self.why = ""
        self.waited = 0.0

    def on_queued(self, position: int) -> None:
        self.positions.append(position)

    def on_ready(self) -> None:
        self.ready.set()

    def on_voice(self, pcm: Pcm) -> None: ...

    def on_flush(self) -> None: ...

    def on_words(self, text: str) -> None:
        self.words += text

    def on_user_words(self, text: str, began: float) -> None: ...

    def on_failure(self, why: str) -> None:
        self.why = why
        self.ready.set()
        self.over.set()

    def on_ended(self) -> None:
        self.over.set()

    async def call(self, model: PersonaPlexModel, seconds: float) -> None:
        began = time.monotonic()
        talk = await model.open(SESSION, Persona("NATF2.pt"), self, ())
        try:
            await self.ready.wait()
            self.waited = time.monotonic() - began
            tone = (8_000 * np.sin(np.arange(FRAME) / 19)).astype(np.int16)
            for _ in range(round(seconds / FRAME_S)):
                talk.hear(tone)
                try:
                    await asyncio.wait_for(self.over.wait(), FRAME_S)
                except TimeoutError:
                    continue
                return
        finally:
            await talk.close()


async def run(a: argparse.Namespace) -> dict[str, object]:
    servers = [MoshiServer(("Hello", " there.")) for _ in range(a.servers)]
    for server in servers:
        await server.__aenter__()
    loop = asyncio.get_running_loop()
    model = create(
        [f"personaplex:{server.url}" for server in servers],
        transcriber=ScriptedTranscriber(["word"] * 10_000),
        voice_activity=EnergyVoiceActivity(),
        clock=loop,
        settings=DuplexSettings(),
        turns=TurnSettings(),
    )
    before = asyncio.all_tasks()
    cpu = h.cpu_seconds()
    callers = [Caller() for _ in range(a.callers)]
    calls = [loop.create_task(caller.call(model, a.seconds)) for caller in callers]
    await asyncio.sleep(DIES_AFTER)
    await servers[0].die()
    _, hanging = await asyncio.wait(calls, timeout=60)
    cpu = h.cpu_seconds() - cpu
    waiting = model.leases.waiting
    await model.close()
    served = [caller for caller in callers if caller.words and not caller.why]
    told = [caller for caller in callers if caller.why]
    for server in servers:
        await server.__aexit__()
    left = asyncio.all_tasks() - before - set(calls)
    return {
        "measure": "duplex.pool",
        "servers": a.servers,
        "callers": a.callers,
        "served": len(served),
        "told": len(told),
        "hanging": len(hanging),
        "why": sorted({caller.why for caller in told}),
        "most_at_one_server": max(server.most for server in servers),
        "told_their_place": sum(bool(caller.positions) for caller in callers),
        "waited": h.stats_ms(caller.waited for caller in served),
        "cpu_s": round(cpu, 2),
        "still_queued": waiting,
        "tasks_left": len(left),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--callers", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1.0, help="of speech, each")
    print(json.dumps(asyncio.run(run(parser.parse_args()))))


if __name__ == "__main__":
    main()
