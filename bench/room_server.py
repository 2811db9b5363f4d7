"""The embedded rooms as a process of their own, for the bench: `python room_server.py [options]`.

Prints one JSON line with the signalling's URL, then answers each line on standard input with one
line of its own figures (CPU seconds, resident MiB, rooms, tasks, how late the event loop was).
`--agents N` puts an agent into the rooms `room-0` to `room-<N-1>` that says what it hears.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import uvloop

import harness as h
from greenroom.app.credentials import resolve_credentials
from greenroom.app.garbage import tune_garbage_collector
from greenroom.app.rooms import open_rooms
from greenroom.app.server import bind, http_server
from greenroom.audio.pcm import Pcm
from greenroom.rooms.ports import AudioTrack, Joining, Rooms
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.settings import Settings

TICK = 0.01


class Talker:
    """An agent in `talk` that says a tone for a second when told to, and is silent at once."""

    def __init__(self, voice: AudioTrack) -> None:
        self._voice = voice

    @classmethod
    async def join(cls, rooms: Rooms, rate: int) -> Talker:
        room = await rooms.join(Joining("talk", "agent"))
        return cls(await room.publish_audio(rate))

    def talk(self) -> None:
        time_ = np.arange(self._voice.rate) / self._voice.rate
        self._voice.write((8_000 * np.sin(2 * np.pi * 440 * time_)).astype(np.int16))

    def flush(self) -> float:
        """When, on the clock that all processes share."""
        self._voice.flush()
        return time.monotonic()


class Lag:
    """How late the event loop is, sampled every 10 ms from `start` on: it costs CPU itself."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._expected = 0.0
        self.worst = 0.0

    def start(self) -> None:
        self._expected = time.perf_counter() + TICK
        self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self.worst = max(self.worst, time.perf_counter() - self._expected)
        self.start()


async def echo(rooms: Rooms, name: str, rate: int, most_queued_ms: float) -> None:
    """An agent that says what it hears.

    What came in a burst would be a delay for ever: with `most_queued_ms` it is dropped instead.
    """
    room = await rooms.join(Joining(name, "agent"))
    voice = await room.publish_audio(rate)

    def say_again(_: str, pcm: Pcm) -> None:
        if most_queued_ms and voice.queued_ms > most_queued_ms:
            voice.flush()
        voice.write(pcm)

    room.hear(say_again, rate=rate)


def announce_only(address: str) -> None:
    """Clients learn of this address alone: what is behind it leads here through a bad network."""
    candidates = UdpMux.candidates
    UdpMux.candidates = lambda mux: [  # type: ignore[method-assign]
        line for line in candidates(mux) if line.split()[4] == address
    ]


async def main(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    with TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            server={"host": arguments.host, "port": 0},
            rooms={
                "provider": "embedded",
                "port": 0,
                "udp_ports": arguments.udp_port,
                "max_rooms": 10_000,
                "public_address": arguments.announce,
            },
            livekit_api_key="devkey",
            livekit_api_secret="a secret for the bench that is long enough",
            auth={"api_key": "bench"},
        )
        if arguments.announce:
            announce_only(arguments.announce)
        credentials = resolve_credentials(settings, has_stored_keys=True)
        async with AsyncExitStack() as stack:
            listener = bind(arguments.host, 0)
            port = listener.getsockname()[1]
            service = await open_rooms(settings, credentials, stack, port)
            assert service.app is not None
            assert service.rooms is not None
            server = http_server(service.app, settings.server)
            serving = asyncio.create_task(server.serve([listener]))
            await server.listening.wait()
            for n in range(arguments.agents):
                await echo(service.rooms, f"room-{n}", arguments.rate, arguments.most_queued_ms)
            tune_garbage_collector()
            talker = await Talker.join(service.rooms, arguments.rate)
            lag = Lag()
            if arguments.lag:
                lag.start()
            say({"url": f"ws://{arguments.host}:{port}"})
            stdin = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
            while line := await stdin.readline():
                match line.strip():
                    case b"collect":
                        gc.collect()
                    case b"talk":
                        talker.talk()
                    case b"flush":
                        say({"flushed_at": talker.flush()})
                        continue
                used = resource.getrusage(resource.RUSAGE_SELF)
                say(
                    {
                        "cpu_s": used.ru_utime + used.ru_stime,
                        "rss_mib": h.resident_mib(os.getpid()),
                        "tasks": len(asyncio.all_tasks()),
                        "worst_lag_ms": round(lag.worst * 1000, 1),
                        "objects": len(gc.get_objects()) if line.strip() == b"collect" else 0,
                    }
                )
                lag.worst = 0.0
            await service.rooms.close()
            server.should_exit = True
            await serving


def say(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--udp-port", default="0")
    parser.add_argument("--announce", default="", help="the only address that clients are told")
    parser.add_argument("--lag", action="store_true", help="sample the event loop's delay")
    parser.add_argument("--agents", type=int, default=0)
    parser.add_argument("--most-queued-ms", type=float, default=0)
    parser.add_argument("--rate", type=int, default=48_000)
    uvloop.run(main(parser.parse_args()))
