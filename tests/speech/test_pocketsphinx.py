"""pocketsphinx in its real helpers, hearing what espeak-ng says."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ProviderFailed
from greenroom.speech import helper_calls
from greenroom.speech.espeak import EspeakSynthesizer
from greenroom.speech.numbers import to_digits
from greenroom.speech.pocketsphinx import PocketsphinxTranscriber
from greenroom.speech.pocketsphinx_files import directory_for
from greenroom.speech.ports import VOICES, ProviderContext, Transcript
from greenroom.speech.registry import create_transcriber
from speech.conftest import Say, said_by

# One event loop, one voice and one pair of ears for all: each costs a while to start.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def say() -> AsyncIterator[Say]:
    synthesizer = EspeakSynthesizer("espeak:")
    await synthesizer.warm_up()
    yield said_by(synthesizer)
    await synthesizer.close()


@asynccontextmanager
async def listening(
    model_dir: Path, sentences: tuple[str, ...]
) -> AsyncIterator[PocketsphinxTranscriber]:
    transcriber = PocketsphinxTranscriber("pocketsphinx:", ProviderContext(model_dir, 2, sentences))
    await transcriber.warm_up()
    yield transcriber
    await transcriber.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def transcriber(
    model_dir: Path, shop_sentences: tuple[str, ...]
) -> AsyncIterator[PocketsphinxTranscriber]:
    async with listening(model_dir, shop_sentences) as made:
        yield made


async def heard(
    transcriber: PocketsphinxTranscriber,
    pcm: Pcm,
    on_partial: Callable[[Transcript], None] | None = None,
) -> Transcript:
    stream = transcriber.open(on_partial)
    for start in range(0, len(pcm), 320):
        stream.feed(pcm[start : start + 320])
    async with asyncio.timeout(20):
        return await stream.finish()


def errors(said: str, text: str) -> int:
    """Words wrong, missing or too many (Levenshtein's distance)."""
    before = list(range(len(text.split()) + 1))
    for i, word in enumerate(said.split(), 1):
        row = [i]
        for j, other in enumerate(text.split(), 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (word != other)))
        before = row
    return before[-1]


async def test_six_voices_are_understood(
    transcriber: PocketsphinxTranscriber, say: Say, shop_sentences: tuple[str, ...]
) -> None:
    wrong = words = 0
    results = {
        (voice, sentence): await heard(transcriber, await say(sentence, voice))
        for number, sentence in enumerate(shop_sentences)
        for voice in VOICES
        if (number + VOICES.index(voice)) % 2
    }
    for (_, sentence), result in results.items():
        expected = to_digits(sentence)
        wrong += errors(expected, result.text)
        words += len(expected.split())
    assert wrong / words < 0.15, {
        key: result.text for key, result in results.items() if result.text != to_digits(key[1])
    }
    assert all(result.final for result in results.values())


async def test_clear_speech_is_told_from_doubtful_speech_by_its_confidence(
    transcriber: PocketsphinxTranscriber, say: Say
) -> None:
    clear = await heard(transcriber, await say("show me running shoes under one hundred dollars"))
    assert clear.text == "show me running shoes under 100 dollars"
    assert clear.confidence > 0.7
    doubtful = await heard(transcriber, await say("the zebra quietly forgave nine umbrellas"))
    assert doubtful.confidence < clear.confidence


async def test_words_are_told_while_they_are_said(
    transcriber: PocketsphinxTranscriber, say: Say
) -> None:
    pcm = await say("i'm looking for a blue backpack tell me more about the second one")
    told: list[Transcript] = []
    arrived = asyncio.Event()

    def on_partial(transcript: Transcript) -> None:
        told.append(transcript)
        if "looking for" in transcript.text:
            arrived.set()

    stream = transcriber.open(on_partial)
    stream.feed(pcm[: len(pcm) * 2 // 3])
    async with asyncio.timeout(10):
        await arrived.wait()
    stream.feed(pcm[len(pcm) * 2 // 3 :])
    final = await stream.finish()
    assert not any(transcript.final for transcript in told)
    assert told[0].confidence < told[-1].confidence <= 1
    assert final.final
    count = len(told)
    await heard(transcriber, pcm[:16_000])
    assert len(told) == count  # none after the final one


def _noises() -> dict[str, Pcm]:
    random = np.random.default_rng(1)
    n = samples_of(1_500)
    time = np.arange(n) / HEARING_RATE
    burst = random.normal(0, 4_000, n) * np.exp(-(((time - 0.7) / 0.1) ** 2))
    sounds = {
        "nothing": np.zeros(0),
        "silence": np.zeros(n),
        "hiss": random.normal(0, 1_500, n),
        "hum": 3_000 * np.sin(2 * np.pi * 120 * time),
        "whistle": 3_000 * np.sin(2 * np.pi * 800 * time),
        "a bang": burst,
        "half a sample block": random.normal(0, 500, 100),
    }
    return {name: sound.astype(np.int16) for name, sound in sounds.items()}


@pytest.mark.parametrize("name", list(_noises()))
async def test_noise_is_no_words(transcriber: PocketsphinxTranscriber, name: str) -> None:
    assert await heard(transcriber, _noises()[name]) == Transcript("", 0.0, final=True)


async def test_many_turns_at_once_share_the_decoders(
    transcriber: PocketsphinxTranscriber, say: Say
) -> None:
    pcm = await say("yes please")
    results = await asyncio.gather(*(heard(transcriber, pcm) for _ in range(18)))  # for 16
    assert {result.text for result in results} == {"yes please"}


async def test_a_helper_that_dies_in_mid_turn_costs_no_word(
    transcriber: PocketsphinxTranscriber, say: Say
) -> None:
    pcm = await say("add the first one to my cart", "Edward")
    calm = await heard(transcriber, pcm)
    streams = [transcriber.open() for _ in range(4)]
    for stream in streams:
        stream.feed(pcm[:24_000])
    for pid in transcriber.pids:
        os.kill(pid, signal.SIGKILL)
    for stream in streams:
        stream.feed(pcm[24_000:])
    async with asyncio.timeout(20):
        results = await asyncio.gather(*(stream.finish() for stream in streams))
    assert {result.text for result in results} == {calm.text}


async def test_a_cancelled_turn_tells_nothing_more_and_frees_its_place(
    transcriber: PocketsphinxTranscriber, say: Say
) -> None:
    pcm = await say("i'm looking for a blue backpack")
    told: list[Transcript] = []
    for _ in range(20):  # more than there are decoders
        stream = transcriber.open(told.append)
        stream.feed(pcm)
        stream.cancel()
        stream.cancel()
    result = await heard(transcriber, pcm)
    assert "backpack" in result.text
    assert not told
    stream.feed(pcm)
    stream.cancel()


async def test_a_turn_without_end_is_heard_up_to_a_bound(
    transcriber: PocketsphinxTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is 75 s, which take the decoder some.
    monkeypatch.setattr(helper_calls, "MAX_TURN", 8 * HEARING_RATE)
    stream = transcriber.open()
    silence = np.zeros(HEARING_RATE * 30, np.int16)
    for _ in range(10):
        stream.feed(silence)
    assert stream._fed == 8 * HEARING_RATE
    async with asyncio.timeout(30):
        assert (await stream.finish()).text == ""


async def test_closing_fails_what_is_open_and_leaves_no_process(model_dir: Path) -> None:
    transcriber = PocketsphinxTranscriber("pocketsphinx:", ProviderContext(model_dir))
    with pytest.raises(ProviderFailed, match="warm"):
        transcriber.open()
    await transcriber.close()
    await transcriber.close()


async def test_an_open_turn_fails_when_its_transcriber_closes(
    model_dir: Path, shop_sentences: tuple[str, ...]
) -> None:
    async with listening(model_dir, shop_sentences) as transcriber:
        stream = transcriber.open()
        abandoned = transcriber.open()
        abandoned.feed(np.zeros(3_200, np.int16))
        pids = transcriber.pids
    with pytest.raises(ProviderFailed, match="closed"):
        await stream.finish()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_built_model_is_found_again_and_starts_at_once(
    model_dir: Path, shop_sentences: tuple[str, ...]
) -> None:
    context = ProviderContext(model_dir, 1, shop_sentences)
    assert directory_for(model_dir, shop_sentences).is_dir()
    assert directory_for(model_dir, ("other",)) != directory_for(model_dir, shop_sentences)
    transcriber = create_transcriber("pocketsphinx:", context)
    async with asyncio.timeout(1.5):
        await asyncio.gather(transcriber.warm_up(), transcriber.warm_up())
    await transcriber.close()


async def test_a_data_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "speech").write_text("a file where the folder should be")
    transcriber = PocketsphinxTranscriber("pocketsphinx:", ProviderContext(tmp_path))
    with pytest.raises(ProviderFailed, match="speech"):
        await transcriber.warm_up()
    await transcriber.close()
