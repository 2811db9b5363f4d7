"""How long a failure is heard: from the failure to the fallback's first word, or first sound.

The first provider of each chain is a real one of the OpenAI kind, against a server on a real socket
that is in trouble: it refuses the connection, says 500, breaks off, or hangs (`limit_ms` of that is
the chain's time limit). The second is the embedded one: pocketsphinx hears the whole turn again,
espeak speaks, the offline model thinks. Each round has a chain that knows of no trouble yet.
One line of JSON for each result; `alone_ms` is the fallback's own time without a failure before it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from greenroom.agents.models import create_model_chain
from greenroom.agents.ports import TextDelta
from greenroom.agents.shop import ShopAgents
from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.commerce.demo import create as create_shop
from greenroom.commerce.ports import CatalogueContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProviderFailed
from greenroom.settings import ProviderSettings
from greenroom.speech.ports import ProviderContext, SpeechChunk, Synthesizer, Transcriber
from greenroom.speech.registry import create_synthesizer, create_transcriber
from greenroom.speech.synthesizer_chain import SynthesizerChain
from greenroom.speech.transcriber_chain import TranscriberChain

DEFAULTS = ProviderSettings()
SENTENCE = "Show me running shoes under one hundred dollars."
ANSWER = "I have two pairs of running shoes, and the first one costs ninety dollars."
NOBODY = "http://127.0.0.1:9/v1"
"""Where nothing listens."""
TROUBLES = ("none", "refused", "500", "broken", "hangs")


class Bench:
    """The servers, the embedded providers and what is said."""

    def __init__(self, servers: Any, data_dir: Path) -> None:
        self.servers = servers
        self.server: Any = None
        self.context = ProviderContext(data_dir, vocabulary=(SENTENCE.rstrip(".").lower(),))
        self.pocketsphinx = create_transcriber("pocketsphinx:", self.context)
        self.espeak = create_synthesizer("espeak:", self.context)
        self.toolbox: Toolbox
        self.turn: Pcm

    async def start(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.pocketsphinx.close)
        stack.push_async_callback(self.espeak.close)
        await self.pocketsphinx.warm_up()
        await self.espeak.warm_up()
        catalogue = create_shop("demo:", CatalogueContext(self.context.data_dir))
        stack.push_async_callback(catalogue.close)
        self.toolbox = Toolbox(catalogue)
        said = [chunk.pcm async for chunk in self.espeak.speak(SENTENCE, "Craig")]
        self.turn = resample(np.concatenate(said), self.espeak.rate, HEARING_RATE)

    def first(self, trouble: str, cut_at: int) -> str:
        """The URL of the first provider, which is in trouble from now on."""
        fresh = self.servers
        match trouble:
            case "refused":
                return NOBODY
            case "500":  # once for each try
                self.server.behave(*(fresh.refused(500) for _ in range(1 + DEFAULTS.retries)))
            case "broken":
                self.server.behave(
                    *(fresh.Behaviour(cut_at=cut_at) for _ in range(1 + DEFAULTS.retries))
                )
            case _:
                self.server.behave(fresh.silent())
        return str(self.server.url)

    async def run(self, port: str, trouble: str) -> float:
        """One round, in milliseconds, with a server of its own."""
        ports = {"transcriber": self.hear, "synthesizer": self.speak, "model": self.think}
        async with self.servers.openai_server(key=None) as self.server:
            return 1000 * await ports[port](trouble)

    async def hear(self, trouble: str) -> float:
        """From the end of the turn to its words."""
        members: list[Transcriber] = [self.pocketsphinx]
        if trouble != "none":
            uri = f"openai:whisper-1?base_url={self.first(trouble, 5)}&key=none"
            members.insert(0, create_transcriber(uri, self.context))
        chain = TranscriberChain(
            members,
            retries=DEFAULTS.retries,
            timeout=DEFAULTS.transcript_timeout,
            recovery_interval=DEFAULTS.recovery_interval,
            clock=asyncio.get_running_loop(),
        )
        stream = chain.open()
        frame = samples_of(32)
        for start in range(0, len(self.turn), frame):
            stream.feed(self.turn[start : start + frame])
            if trouble == "none":  # as it comes from a user; else the fallback hears it all at once
                await asyncio.sleep(0.032)
        began = time.perf_counter()
        transcript = await stream.finish()
        taken = time.perf_counter() - began
        assert "shoes" in transcript.text, transcript
        await _close(members[:-1])
        return taken

    async def speak(self, trouble: str) -> float:
        """From the sentence, or the break in it, to the fallback's first sound."""
        members: list[Synthesizer] = [self.espeak]
        broken: _Breaking | None = None
        if trouble == "broken":
            broken = _Breaking(self.espeak)
            members.insert(0, broken)
        elif trouble != "none":
            uri = f"openai:tts-1?base_url={self.first(trouble, 0)}&key=none"
            members.insert(0, create_synthesizer(uri, self.context))
        chain = SynthesizerChain(
            members,
            retries=DEFAULTS.retries,
            first_audio_timeout=DEFAULTS.first_audio_timeout,
            recovery_interval=DEFAULTS.recovery_interval,
            clock=asyncio.get_running_loop(),
        )
        began, taken = time.perf_counter(), -1.0
        async for chunk in chain.speak(ANSWER, "Ashley"):
            if not len(chunk.pcm) or (broken is not None and not broken.broke_at):
                continue
            if taken < 0:
                taken = time.perf_counter() - (broken.broke_at if broken is not None else began)
        assert taken >= 0
        await _close(members[:-1])
        return taken

    async def think(self, trouble: str) -> float:
        """From the question to the answer's first word; or, broken in mid-answer, to the error."""
        settings = ["offline"]
        if trouble != "none":
            settings.insert(0, f"openai-chat:m?base_url={self.first(trouble, 600)}&key=none")
        self.server.thoughts[:] = [ANSWER.split(" ")]
        chain = create_model_chain(
            settings,
            retries=DEFAULTS.retries,
            first_token_timeout=DEFAULTS.first_token_timeout,
            recovery_interval=DEFAULTS.recovery_interval,
            clock=asyncio.get_running_loop(),
        )
        shop = ShopAgents(self.toolbox, chain)
        await shop.warm_up()
        spoken = 0.0
        began = time.perf_counter()
        try:
            async for event in shop.create().answer("hello", ()):
                if isinstance(event, TextDelta):
                    spoken = spoken or time.perf_counter()
        except ProviderFailed:
            assert trouble == "broken"
            return time.perf_counter() - spoken
        finally:
            await shop.close()
        return spoken - began


class _Breaking:
    """espeak, which breaks off after its second chunk: a provider that tells when words begin."""

    uri = "breaking:"

    def __init__(self, espeak: Synthesizer) -> None:
        self._espeak, self.rate = espeak, espeak.rate
        self.broke_at = 0.0

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        number = 0
        async for chunk in self._espeak.speak(text, voice):
            yield chunk
            number += 1
            if number == 2:
                break
        self.broke_at = time.perf_counter()
        raise ProviderFailed(self.uri, "broke off")

    async def warm_up(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def _close(members: Any) -> None:
    for member in members:
        await member.close()


async def measure(rounds: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support import openai_server

    async with AsyncExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(openai_server, data_dir)
        await bench.start(stack)
        limits = {
            "transcriber": DEFAULTS.transcript_timeout,
            "synthesizer": DEFAULTS.first_audio_timeout,
            "model": DEFAULTS.first_token_timeout,
        }
        for port, time_limit in limits.items():
            alone = 0.0
            for trouble in TROUBLES:
                await bench.run(port, "none")  # code and caches are warm
                times = [await bench.run(port, trouble) for _ in range(rounds)]
                median = statistics.median(times)
                alone = median if trouble == "none" else alone
                limit = 1000 * time_limit if trouble == "hangs" else 0.0
                result = {
                    "measure": "fallback",
                    "port": port,
                    "trouble": trouble,
                    "rounds": rounds,
                    "median_ms": round(median, 1),
                    "max_ms": round(max(times), 1),
                    "alone_ms": round(alone, 1),
                    "limit_ms": limit,
                }
                print(json.dumps(result), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    logging.disable(logging.WARNING)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
