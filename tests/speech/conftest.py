"""Real providers for the tests of speech; the language model is built once for all workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.speech.espeak import EspeakSynthesizer
from greenroom.speech.pocketsphinx import PocketsphinxTranscriber
from greenroom.speech.ports import ProviderContext

SHOP_SENTENCES = (
    "show me running shoes under one hundred dollars",
    "add the first one to my cart",
    "what's in my cart",
    "do you have it in size ten",
    "tell me more about the second one",
    "is the black jacket in stock",
    "i'm looking for a blue backpack",
    "how much does it cost",
    "remove the last item from my cart",
    "do you have anything cheaper",
)


@pytest.fixture
async def synthesizer(data_dir: Path) -> AsyncIterator[EspeakSynthesizer]:
    made = EspeakSynthesizer("espeak:")
    await made.warm_up()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose language model is built."""
    folder = tmp_path_factory.getbasetemp().parent / "greenroom-speech-models"

    async def build() -> None:
        transcriber = PocketsphinxTranscriber(
            "pocketsphinx:", ProviderContext(folder, 1, SHOP_SENTENCES)
        )
        await transcriber.warm_up()
        await transcriber.close()

    asyncio.run(build())
    return folder


@pytest.fixture
async def transcriber(model_dir: Path) -> AsyncIterator[PocketsphinxTranscriber]:
    made = PocketsphinxTranscriber("pocketsphinx:", ProviderContext(model_dir, 2, SHOP_SENTENCES))
    await made.warm_up()
    yield made
    await made.close()


Say = Callable[..., Awaitable[Pcm]]
"""`await say(text, voice)`: as a microphone would give it, 16 kHz, with quiet around it."""


def said_by(synthesizer: EspeakSynthesizer) -> Say:
    """The words of a synthesizer, as a microphone would give them."""

    async def say(text: str, voice: str = "Craig") -> Pcm:
        parts = [chunk.pcm async for chunk in synthesizer.speak(text, voice)]
        speech = resample(np.concatenate(parts), synthesizer.rate, HEARING_RATE)
        quiet = np.random.default_rng(0).normal(0, 4, samples_of(400)).astype(np.int16)
        return np.concatenate([quiet, speech, quiet])

    return say


@pytest.fixture
def say(synthesizer: EspeakSynthesizer) -> Say:
    return said_by(synthesizer)


@pytest.fixture(scope="session")
def shop_sentences() -> tuple[str, ...]:
    """What the transcriber was told that users are likely to say."""
    return SHOP_SENTENCES
