"""What the client adds to bare `websockets`, and what importing it takes.

Prints one JSON line a result. Both sides of every comparison run in this process, against the same
in-process server, one after the other, several times; the least of each counts. CPU is that of the
whole process, so the server's own part is in both sides and falls out of the difference.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from voice_agent import VoiceAgentClient

MESSAGES = 2_000
ROUNDS = 7
BLOCK = bytes(range(256)) * 25  # 200 ms of pcm16 at 16 kHz
SENTENCE = base64.b64encode(bytes(range(256)) * 94).decode()  # 24 KB: 3 s of MP3 at 64 kbit/s

READY = json.dumps(
    {"type": "session.ready", "data": {"session_id": "s", "room": "r", "token": "t"}}
)
TRANSCRIPTION = json.dumps(
    {
        "type": "transcription",
        "data": {"text": "show me running shoes", "confidence": 0.95, "is_final": True},
    }
)
AUDIO_OUTPUT = json.dumps(
    {
        "type": "audio.output",
        "data": {"audio": SENTENCE, "format": "mp3", "duration_ms": 3000},
    }
)
AUDIO_INPUT = json.dumps(
    {
        "type": "audio.input",
        "data": {
            "audio": base64.b64encode(BLOCK).decode(),
            "format": "pcm16",
            "sample_rate": 16000,
        },
    }
)


async def server(socket: ServerConnection) -> None:
    """Answers a start, counts sound, and floods when it is told what with."""
    counted = 0
    async for text in socket:
        if text[:24].startswith('{"type": "session.start"'):
            await socket.send(READY)
        elif text[:2] == "->":
            for _ in range(MESSAGES):
                await socket.send(text[2:])
        else:
            counted += 1
            if counted % MESSAGES == 0:
                await socket.send(TRANSCRIPTION)


async def cpu_us(work: Callable[[], Awaitable[Any]]) -> float:
    """CPU of this process for each of MESSAGES, in µs."""
    began = time.process_time()
    await work()
    return (time.process_time() - began) / MESSAGES * 1e6


async def bare_receives(socket: ClientConnection, text: str) -> None:
    await socket.send("->" + text)
    for _ in range(MESSAGES):
        await socket.recv()


async def bare_sends(socket: ClientConnection) -> None:
    for _ in range(MESSAGES):
        await socket.send(AUDIO_INPUT)
    await socket.recv()


async def voice_receives(ws: Any, text: str) -> None:
    await ws._line.tell("->" + text)  # noqa: SLF001 - only this server understands it
    for _ in range(MESSAGES):
        await anext(ws)


async def voice_sends(ws: Any) -> None:
    for _ in range(MESSAGES):
        await ws.send_audio(BLOCK)
    await anext(ws)


async def measure(url: str) -> dict[str, tuple[float, float]]:
    """Least CPU of bare and of voice_agent for each case, in µs a message."""
    least: dict[str, tuple[float, float]] = {}
    client = VoiceAgentClient(api_key="k", base_url=url)
    address = url.replace("http", "ws", 1)
    async with (
        connect(address, compression=None, max_size=2**24) as bare,
        client.connect_voice("t") as ws,
    ):
        ws._pacer._max_ms = float("inf")  # noqa: SLF001 - speed, not real time, is measured
        assert (await anext(ws)).type == "session.ready"
        cases: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "received_transcription": (
                lambda: bare_receives(bare, TRANSCRIPTION),
                lambda: voice_receives(ws, TRANSCRIPTION),
            ),
            "received_audio_24kb": (
                lambda: bare_receives(bare, AUDIO_OUTPUT),
                lambda: voice_receives(ws, AUDIO_OUTPUT),
            ),
            "sent_audio_200ms": (lambda: bare_sends(bare), lambda: voice_sends(ws)),
        }
        for _ in range(ROUNDS):
            for name, (one, other) in cases.items():
                before = least.get(name, (float("inf"), float("inf")))
                figures = (await cpu_us(one), await cpu_us(other))
                least[name] = (min(before[0], figures[0]), min(before[1], figures[1]))
    client.close()
    return least


def import_ms(program: str) -> float:
    """Wall time of an import in a fresh process, less that of the interpreter alone: least of 5."""

    def run(text: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], check=True)
        return (time.perf_counter() - began) * 1000

    return min(run(program) for _ in range(5)) - min(run("pass") for _ in range(5))


async def main() -> None:
    async with serve(server, "127.0.0.1", 0, compression=None, max_size=2**24) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        for name, (bare, ours) in (await measure(url)).items():
            figures = {"bare_us": bare, "voice_agent_us": ours, "added_us": ours - bare}
            print(json.dumps({"name": name} | {key: round(v, 1) for key, v in figures.items()}))


if __name__ == "__main__":
    asyncio.run(main())
    libraries = "import httpx, websockets, websockets.asyncio.client"
    for name, program in (
        ("import_voice_agent", "import voice_agent"),
        ("import_libraries", libraries),
        ("import_both", f"import voice_agent\n{libraries}"),
    ):
        print(json.dumps({"name": name, "ms": round(import_ms(program), 1)}))
