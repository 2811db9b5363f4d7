"""espeak-ng in its real helper."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.speech.espeak import EspeakSynthesizer
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.registry import create_synthesizer

TEXT = "I found three running shoes under $100. The first one costs $89.99."


async def utterance(
    synthesizer: EspeakSynthesizer, text: str = TEXT, voice: str = "Craig"
) -> list[SpeechChunk]:
    async with asyncio.timeout(10):
        return [chunk async for chunk in synthesizer.speak(text, voice)]


def joined(chunks: list[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.pcm for chunk in chunks])


def pitch(pcm: Pcm, rate: int) -> float:
    """Median fundamental frequency in Hz, by autocorrelation of loud 40 ms frames."""
    size = rate // 25
    found: list[float] = []
    for start in range(0, len(pcm) - size, size):
        frame = pcm[start : start + size].astype(np.float64)
        if np.abs(frame).max() < 4_000:
            continue
        spectrum = np.fft.rfft(frame - frame.mean(), 2 * size)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)
        low, high = rate // 400, rate // 70
        found.append(rate / (low + int(correlation[low:high].argmax())))
    return float(np.median(found))


def timbre(pcm: Pcm, rate: int) -> Pcm:
    """The long-term spectrum in 12 bands of equal ratio, in dB, without the level."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64))) ** 2
    frequencies = np.fft.rfftfreq(len(pcm), 1 / rate)
    edges = np.geomspace(150, 8_000, 13)
    bands = [
        10 * np.log10(spectrum[(frequencies >= a) & (frequencies < b)].mean())
        for a, b in pairwise(edges)
    ]
    return np.array(bands) - np.mean(bands)


async def test_an_utterance_comes_in_chunks_at_a_natural_pace(
    synthesizer: EspeakSynthesizer,
) -> None:
    chunks = await utterance(synthesizer)
    assert len(chunks) > 3
    assert all(chunk.pcm.dtype == np.int16 for chunk in chunks)
    words = 9 + 11  # with the prices spelled
    minutes = len(joined(chunks)) / synthesizer.rate / 60
    assert 130 < words / minutes < 200


async def test_the_six_voices_sound_different(synthesizer: EspeakSynthesizer) -> None:
    spoken = {voice: joined(await utterance(synthesizer, TEXT, voice)) for voice in VOICES}
    traits = {
        voice: (pitch(pcm, synthesizer.rate), timbre(pcm, synthesizer.rate))
        for voice, pcm in spoken.items()
    }
    for (one, (low, first)), (other, (high, second)) in combinations(traits.items(), 2):
        octaves = abs(np.log2(low / high))
        decibels = float(np.sqrt(np.mean((first - second) ** 2)))
        assert octaves > 0.15 or decibels > 3, (one, other, octaves, decibels)
    assert max(traits["Craig"][0], traits["Edward"][0]) < 150
    assert min(traits[name][0] for name in ("Ashley", "Olivia", "Wendy", "Priya")) > 150
    levels = [float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) for pcm in spoken.values()]
    assert max(levels) / min(levels) < 1.7


async def test_words_have_their_place_in_the_written_text_and_in_the_sound(
    synthesizer: EspeakSynthesizer,
) -> None:
    chunks = await utterance(synthesizer)
    words = [word for chunk in chunks for word in chunk.words]
    assert [TEXT[place:].split(maxsplit=1)[0] for place, _ in words[:5]] == TEXT.split()[:5]
    places, onsets = zip(*words, strict=True)
    assert list(places) == sorted(places)
    assert list(onsets) == sorted(onsets)
    assert onsets[0] < synthesizer.rate // 10
    assert onsets[-1] < len(joined(chunks))
    assert places[-1] == TEXT.index("$89.99")
    sound = joined(chunks).astype(np.int32)
    assert np.abs(sound[: synthesizer.rate // 10]).max() > 60  # no silence before it
    assert np.abs(sound[-synthesizer.rate // 4 :]).max() > 60  # and little after it


@pytest.mark.parametrize("text", ["", "...", "🎉", "** **\n"])
async def test_nothing_to_say_gives_no_sound(synthesizer: EspeakSynthesizer, text: str) -> None:
    assert await utterance(synthesizer, text) == []


async def test_words_of_a_long_text_have_their_place_in_all_of_the_sound(
    synthesizer: EspeakSynthesizer,
) -> None:
    chunks = await utterance(synthesizer, " and ".join([TEXT] * 12))
    onsets = [onset for chunk in chunks for _, onset in chunk.words]
    length = sum(len(chunk.pcm) for chunk in chunks)
    assert onsets == sorted(onsets)
    assert 0.9 * length < onsets[-1] < length


async def test_a_price_sounds_like_its_words(synthesizer: EspeakSynthesizer) -> None:
    figures = joined(await utterance(synthesizer, "It costs $89.99."))
    words = joined(
        await utterance(synthesizer, "It costs eighty-nine dollars and ninety-nine cents.")
    )
    assert len(figures) == pytest.approx(len(words), rel=0.05)


async def test_espeaks_own_voices_can_be_used_and_unknown_ones_are_refused(
    synthesizer: EspeakSynthesizer,
) -> None:
    for voice in ("en-us+f3", "en-gb", "DE", "gmw/en+Annie"):
        assert await utterance(synthesizer, "hello", voice)
    for voice in ("Bob", "en-us+nobody", ""):
        with pytest.raises(InvalidInput, match=r"Ashley.*en-us") as caught:
            await utterance(synthesizer, "hello", voice)
        assert caught.value.field == "voice"


async def test_a_text_of_many_pages_is_spoken_piece_by_piece(
    synthesizer: EspeakSynthesizer,
) -> None:
    text = "This is one of very many sentences. " * 60
    chunks = synthesizer.speak(text, "Ashley")
    first = await anext(chunks)
    assert len(first.pcm)
    await chunks.aclose()  # type: ignore[attr-defined]
    words = [word for chunk in await utterance(synthesizer, text) for word in chunk.words]
    assert words[-1][0] > len(text) - 15


async def test_an_utterance_that_is_cut_says_no_more_and_frees_the_helper(
    synthesizer: EspeakSynthesizer,
) -> None:
    chunks = synthesizer.speak("A very long sentence, that goes on and on. " * 9, "Craig")
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
    assert synthesizer.load() == 0
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    assert await utterance(synthesizer)


async def test_twenty_utterances_at_once_are_all_spoken_whole(
    synthesizer: EspeakSynthesizer,
) -> None:
    alone = {voice: len(joined(await utterance(synthesizer, TEXT, voice))) for voice in VOICES}
    voices = [VOICES[n % 6] for n in range(20)]
    spoken = await asyncio.gather(*(utterance(synthesizer, TEXT, voice) for voice in voices))
    for voice, chunks in zip(voices, spoken, strict=True):
        # A few samples differ with the helper's state: flutter is a little random.
        assert len(joined(chunks)) == pytest.approx(alone[voice], rel=0.1)


async def test_a_crash_in_mid_utterance_is_reported_and_mended(
    synthesizer: EspeakSynthesizer,
) -> None:
    (pid,) = synthesizer.pids
    os.kill(pid, signal.SIGSTOP)  # so that no answer comes before its end
    speaking = asyncio.create_task(utterance(synthesizer))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert joined(await speaking).size  # nothing was heard yet: it is said by the next helper
    chunks = synthesizer.speak("One. " * 70, "Craig")
    await anext(chunks)
    os.kill(synthesizer.pids[0], signal.SIGKILL)
    with pytest.raises(ProviderFailed, match="espeak"):
        [chunk async for chunk in chunks]
    assert await utterance(synthesizer)


async def test_the_registry_makes_it(data_dir: Path) -> None:
    synthesizer = create_synthesizer("espeak:", ProviderContext(data_dir, workers=4))
    try:
        assert synthesizer.uri == "espeak:"
        assert synthesizer.rate == 22_050
        async with asyncio.timeout(10):  # without a warm-up, too
            assert [chunk async for chunk in synthesizer.speak("hello", "Priya")]
    finally:
        await synthesizer.close()
    await synthesizer.close()
