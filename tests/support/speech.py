"""Real speech for tests: said by the espeak provider, at 16 kHz."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.speech.ports import ProviderContext
from greenroom.speech.registry import create_synthesizer

SILENCE_MS = 1_500
"""More than the longest silence that ends a turn."""


async def say(text: str, data_dir: Path, voice: str = "Craig") -> Pcm:
    """`text` as sound, with silence around it, 16 kHz."""
    synthesizer = create_synthesizer("espeak:", ProviderContext(data_dir))
    try:
        parts = [chunk.pcm async for chunk in synthesizer.speak(text, voice)]
    finally:
        await synthesizer.close()
    spoken = resample(np.concatenate(parts), synthesizer.rate, HEARING_RATE)
    before = np.zeros(samples_of(300), np.int16)
    return np.concatenate([before, spoken, np.zeros(samples_of(SILENCE_MS), np.int16)])


def audio_inputs(pcm: Pcm, ms: int = 500) -> list[str]:
    """The `audio.input` messages that carry `pcm`."""
    size = samples_of(ms)
    return [
        json.dumps(
            {
                "type": "audio.input",
                "data": {
                    "audio": base64.b64encode(pcm[at : at + size].tobytes()).decode(),
                    "format": "pcm16",
                    "sample_rate": HEARING_RATE,
                },
            }
        )
        for at in range(0, len(pcm), size)
    ]


async def receive(socket: Any, kind: str, seconds: float = 20) -> dict[str, Any]:
    """The data of the next message of a kind; others before it are passed over."""
    async with asyncio.timeout(seconds):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind:
                data: dict[str, Any] = message.get("data", {})
                return data
            assert message["type"] != "error", message
