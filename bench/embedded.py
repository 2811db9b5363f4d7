"""How soon the embedded providers answer: real calls to a real server, in real time.

One JSON line: p50, p95 and max of each stage in ms after the end of the user's speech, from the
server's journal, and the CPU seconds of the server and its helpers per minute of call.

    python bench/embedded.py [--turns 40]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from greenroom.cli.caller import place_call
from greenroom.commerce.figures import latency
from greenroom.sessions.model import Record
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store
from greenroom.settings import Settings
from greenroom.speech.ports import ProviderContext, Synthesizer
from greenroom.speech.registry import create_synthesizer
from processes import Server, greenroom

PROVIDERS = {
    "GREENROOM_PROVIDERS__TRANSCRIBER": "pocketsphinx:",
    "GREENROOM_PROVIDERS__SYNTHESIZER": "espeak:",
}
KEY = "test-api-key-123"
LINES = (
    "show me running shoes under one hundred dollars",
    "tell me more about the second one",
    "do you have it in size ten",
    "add it to my cart",
    "what is in my cart",
    "what is your return policy",
    "do you have waterproof jackets",
    "how much is the first one",
)
"""One shopper's talk; said again with another voice until there are enough turns."""

VOICES = ("Olivia", "Edward", "Ashley", "Priya")


async def measure(turns: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "server"
        synthesizer = create_synthesizer("espeak:", ProviderContext(Path(folder)))
        try:
            data_dir.mkdir()
            async with greenroom(data_dir, PROVIDERS) as server:
                cpu, began = server.cpu_seconds(), time.monotonic()
                for number in range(-(-turns // len(LINES))):
                    await _call(server, synthesizer, VOICES[number % len(VOICES)])
                minutes = (time.monotonic() - began) / 60
                used = server.cpu_seconds() - cpu
        finally:
            await synthesizer.close()
        return {
            "measure": "embedded_first_audio",
            "cpu_s_per_call_minute": round(used / minutes, 3),
            **latency(await _records(data_dir)),
        }


async def _call(server: Server, synthesizer: Synthesizer, voice: str) -> None:
    url = f"http://127.0.0.1:{server.port}"
    async with place_call(url, KEY, synthesizer, voice) as caller:
        for line in LINES:
            await caller.say(line, time_limit=60)


async def _records(data_dir: Path) -> list[Record]:
    """What the server wrote of all calls."""
    store = Store.of(Settings(data_dir=data_dir))
    try:
        reader = SessionReader(store)
        sessions = await reader.list(limit=1_000)
        return [r for s in sessions for r in await reader.records(s.id, kinds=("metric",))]
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=40)
    print(json.dumps(asyncio.run(measure(parser.parse_args().turns))))


if __name__ == "__main__":
    main()
