"""piper in its real helper, with voices that hum."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed, ProviderUnavailable
from greenroom.speech import piper
from greenroom.speech.model_catalogue import piper_model
from greenroom.speech.model_files import fetch
from greenroom.speech.piper import PiperSynthesizer, create, model_is_present
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.registry import create_synthesizer
from support.hub import Hub, serving
from support.tiny_piper import build, pitch_of

TEXT = "I found three running shoes. The first one is blue."
VCTK = ("p225", "p226", "p228", "p248", "p294", "p305", "p360")
DEFAULT = "en_GB-vctk-medium"


def place(data_dir: Path, name: str) -> Path:
    return data_dir / "models" / "piper" / name


@pytest.fixture
async def synthesizer(data_dir: Path) -> AsyncIterator[PiperSynthesizer]:
    build(place(data_dir, DEFAULT), DEFAULT, speakers=VCTK)
    made = create("piper:", ProviderContext(data_dir))
    await made.warm_up()
    yield made
    await made.close()


async def utterance(
    synthesizer: PiperSynthesizer, text: str = TEXT, voice: str = "Craig"
) -> list[SpeechChunk]:
    async with asyncio.timeout(30):
        return [chunk async for chunk in synthesizer.speak(text, voice)]


def joined(chunks: list[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.pcm for chunk in chunks])


def pitch(pcm: Pcm, rate: int) -> float:
    """Hz of a hum."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm)), 4 * rate))
    return float(spectrum.argmax()) / 4


async def test_an_utterance_comes_sentence_by_sentence(synthesizer: PiperSynthesizer) -> None:
    chunks = await utterance(synthesizer)
    pcm = joined(chunks)
    assert len(chunks) > 2
    assert pcm.dtype == np.int16
    assert max(len(chunk.pcm) for chunk in chunks) <= synthesizer.rate
    assert 20_000 < np.abs(pcm.astype(np.int32)).max() < 25_000
    seconds = len(pcm) / synthesizer.rate
    assert 0.02 * len(TEXT) < seconds < 0.08 * len(TEXT)
    assert not any(chunk.words for chunk in chunks)  # this voice doesn't tell


async def test_the_six_voices_are_six_speakers(synthesizer: PiperSynthesizer) -> None:
    found = {
        voice: pitch(joined(await utterance(synthesizer, voice=voice)), synthesizer.rate)
        for voice in VOICES
    }
    speakers = dict(zip(VOICES, ("p294", "p360", "p226", "p228", "p305", "p248"), strict=True))
    for voice, hz in found.items():
        assert hz == pytest.approx(pitch_of(VCTK.index(speakers[voice])), abs=1.5)


@pytest.mark.parametrize("speakers", [(), ("a", "b", "c"), tuple("abcdefghijkl")])
async def test_any_voice_gives_six_that_differ(data_dir: Path, speakers: tuple[str, ...]) -> None:
    path = build(data_dir, "mine", speakers=speakers, rate=16_000)
    made = create(f"piper:{path}", ProviderContext(data_dir))
    try:
        assert made.rate == 16_000
        spoken = {voice: joined(await utterance(made, voice=voice)) for voice in VOICES}
    finally:
        await made.close()
    found = {voice: pitch(pcm, made.rate) for voice, pcm in spoken.items()}
    for one, other in combinations(found.values(), 2):
        assert abs(np.log2(one / other)) > 0.06, found
    lengths = [len(pcm) for pcm in spoken.values()]
    assert max(lengths) / min(lengths) < 1.5  # the pace stays


async def test_a_speaker_or_another_voice_that_is_here_can_be_named(
    synthesizer: PiperSynthesizer, data_dir: Path
) -> None:
    for speaker, number in (("p248", 3), ("6", 6)):
        pcm = joined(await utterance(synthesizer, voice=speaker))
        assert pitch(pcm, synthesizer.rate) == pytest.approx(pitch_of(number), abs=1.5)
    build(place(data_dir, "en_US-amy-low"), "en_US-amy-low", rate=16_000)
    pcm = joined(await utterance(synthesizer, voice="en_US-amy-low"))
    assert pitch(pcm, synthesizer.rate) == pytest.approx(pitch_of(0), abs=1.5)
    build(place(data_dir, "en_US-arctic-medium"), "en_US-arctic-medium", speakers=("awb", "rms"))
    pcm = joined(await utterance(synthesizer, voice="en_US-arctic-medium/rms"))
    assert pitch(pcm, synthesizer.rate) == pytest.approx(pitch_of(1), abs=1.5)
    for kind in ("en_US-lessac-low", "en_US-ryan-low"):  # more than are kept loaded
        build(place(data_dir, kind), kind)
        assert await utterance(synthesizer, voice=kind)
    for voice in ("Bob", "", "7", "en_US-joe-medium", "en_US-arctic-medium/nobody"):
        with pytest.raises(InvalidInput, match=r"Ashley.*en_US-amy-medium") as caught:
            await utterance(synthesizer, voice=voice)
        assert caught.value.field == "voice"


async def test_nothing_to_say_gives_no_sound(synthesizer: PiperSynthesizer) -> None:
    for text in ("", "...", "🎉", "** **\n"):
        assert await utterance(synthesizer, text) == []


async def test_words_have_their_place_where_the_voice_tells(data_dir: Path) -> None:
    path = build(data_dir, "told", aligned=True)
    made = create(f"piper:{path}", ProviderContext(data_dir))
    text = "Running shoes, blue. It costs $89 at the shop."
    try:
        chunks = await utterance(made, text)
        low = await utterance(made, text, "Craig")
        long = await utterance(made, "This is one of many sentences. " * 20)
    finally:
        await made.close()
    words = [word for chunk in chunks for word in chunk.words]
    said = [text[at:].split(maxsplit=1)[0] for at, _ in words]
    assert said == ["Running", "shoes,", "blue.", "It", "costs", "$89", "$89", "at", "the", "shop."]
    onsets = [onset for _, onset in words]
    assert onsets == sorted(onsets)
    assert onsets[0] < made.rate // 10
    assert len(joined(chunks)) * 0.7 < onsets[-1] < len(joined(chunks))
    # Within the first sentence a word begins where its first phoneme does.
    assert onsets[1] == pytest.approx(9 * 0.04 * made.rate, rel=0.4)
    assert [word[0] for chunk in low for word in chunk.words] == [at for at, _ in words]
    last = [word for chunk in long for word in chunk.words][-1]
    assert last[0] > 600
    assert last[1] > len(joined(long)) * 0.95


async def test_a_spoilt_voice_fails_alone(synthesizer: PiperSynthesizer, data_dir: Path) -> None:
    (pid,) = synthesizer.pids
    for name, spoilt, words in (
        ("en_US-joe-medium", "nan", "no numbers"),
        ("en_US-john-medium", "nothing", "no sound"),
        ("en_US-amy-medium", "garbage", "can't speak"),
    ):
        path = build(place(data_dir, name), name, spoilt=spoilt)
        if spoilt == "garbage":
            path.write_bytes(b"no model")
        with pytest.raises(ProviderFailed, match=words) as caught:
            await utterance(synthesizer, voice=name)
        assert "running" not in str(caught.value)
    assert await utterance(synthesizer)
    assert synthesizer.pids == [pid]


async def test_a_few_samples_that_are_no_numbers_and_silence_are_mended(
    synthesizer: PiperSynthesizer, data_dir: Path
) -> None:
    build(place(data_dir, "en_US-joe-medium"), "en_US-joe-medium", spoilt="some nan")
    assert np.abs(joined(await utterance(synthesizer, voice="en_US-joe-medium"))).max() > 20_000
    build(place(data_dir, "en_US-amy-low"), "en_US-amy-low", spoilt="silence")
    assert not joined(await utterance(synthesizer, voice="en_US-amy-low")).any()


async def test_lengths_that_do_not_add_up_are_not_believed(data_dir: Path) -> None:
    path = build(data_dir, "wrong", aligned=True, spoilt="wrong lengths")
    made = create(f"piper:{path}", ProviderContext(data_dir))
    try:
        chunks = await utterance(made, "Blue shoes.")
    finally:
        await made.close()
    (first, second) = (word for chunk in chunks for word in chunk.words)
    assert first == (0, 0)
    assert second[1] == pytest.approx(len(joined(chunks)) * 5 / 11, abs=2)  # by its characters


async def test_a_voice_that_cannot_be_loaded_is_reported(data_dir: Path) -> None:
    path = build(data_dir, "broken")
    path.write_bytes(b"no model")
    made = create(f"piper:{path}", ProviderContext(data_dir))
    with pytest.raises(ProviderFailed, match="piper"):
        await made.warm_up()
    build(data_dir, "broken")
    assert await utterance(made)
    await made.close()


async def test_an_utterance_that_is_cut_says_no_more_and_frees_the_helper(
    synthesizer: PiperSynthesizer,
) -> None:
    chunks = synthesizer.speak("A very long sentence, that goes on. " * 30, "Craig")
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
    assert synthesizer.load() == 0
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    assert await utterance(synthesizer)


async def test_utterances_at_once_take_turns_and_are_all_spoken_whole(
    synthesizer: PiperSynthesizer,
) -> None:
    alone = len(joined(await utterance(synthesizer)))
    voices = [VOICES[n % 6] for n in range(12)]
    spoken = await asyncio.gather(*(utterance(synthesizer, TEXT, voice) for voice in voices))
    assert {len(joined(chunks)) for chunks in spoken} == {alone}


async def test_a_crash_in_mid_utterance_is_mended_where_nothing_was_heard(
    synthesizer: PiperSynthesizer,
) -> None:
    (pid,) = synthesizer.pids
    os.kill(pid, signal.SIGSTOP)  # so that no answer comes before its end
    speaking = asyncio.create_task(utterance(synthesizer))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert joined(await speaking).size
    chunks = synthesizer.speak("One more. " * 30, "Craig")
    await anext(chunks)
    os.kill(synthesizer.pids[0], signal.SIGKILL)
    with pytest.raises(ProviderFailed, match="piper"):
        [chunk async for chunk in chunks]
    assert await utterance(synthesizer)


async def test_closing_leaves_no_process(synthesizer: PiperSynthesizer) -> None:
    (pid,) = synthesizer.pids
    await synthesizer.close()
    await synthesizer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_voice_is_fetched_at_the_first_use(tmp_path: Path, data_dir: Path) -> None:
    source = build(tmp_path, DEFAULT, speakers=VCTK)
    inside = "en/en_GB/vctk/medium"
    files = {
        f"{inside}/{path.name}": path.read_bytes()
        for path in (source, source.with_name(f"{source.name}.json"))
    }
    assert not model_is_present(data_dir, "")
    async with serving(Hub("rhasspy/piper-voices", files)) as hub:
        context = ProviderContext(data_dir, models_url=hub.url)
        made = create_synthesizer("piper:", context)
        try:
            assert made.rate == 22_050
            async with asyncio.timeout(30):
                assert [chunk async for chunk in made.speak("hello", "Priya")]
        finally:
            await made.close()
    assert model_is_present(data_dir, DEFAULT)
    assert model_is_present(data_dir, str(source))
    assert not model_is_present(data_dir, str(source.parent / "other.onnx"))


async def test_offline_it_says_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nap(seconds: float) -> None:
        pass

    monkeypatch.setattr(piper, "fetch", partial(fetch, sleep=nap))
    made = create("piper:en_US-amy-low", ProviderContext(data_dir, models_url="http://127.0.0.1:9"))
    assert made.rate == 16_000
    with pytest.raises(ProviderUnavailable, match=r"en_US-amy-low\.onnx\.json.*espeak:") as caught:
        await made.warm_up()
    assert caught.value.setting == "providers.synthesizer"
    await made.close()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("piper:amy", r"no voice 'amy'.*en_US-amy-medium"),
        ("piper:en_US-nobody-medium", r"no voice.*en_GB-vctk-medium"),
        ("piper:/no/such.onnx", r"/no/such\.onnx is not there"),
        ("piper:en_US-amy-medium?speed=2", "no option 'speed'"),
    ],
)
def test_a_uri_that_does_not_fit_says_what_would(data_dir: Path, uri: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        create(uri, ProviderContext(data_dir))
    assert caught.value.setting == "providers.synthesizer"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"audio": {"sample_rate": 1}, "num_speakers": 1}']
)
def test_a_description_that_is_none_is_told(data_dir: Path, text: str) -> None:
    path = build(data_dir, "mine")
    path.with_name("mine.onnx.json").write_text(text)
    with pytest.raises(ProviderUnavailable, match=r"mine\.onnx"):
        create(f"piper:{path}", ProviderContext(data_dir))
    path.with_name("mine.onnx.json").unlink()
    with pytest.raises(ProviderUnavailable, match="can't be read"):
        create(f"piper:{path}", ProviderContext(data_dir))


def test_without_the_package_it_says_how_to_install_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piper, "find_spec", lambda name: None)
    with pytest.raises(ProviderUnavailable, match=r"greenroom\[piper\]"):
        create("piper:", ProviderContext(data_dir))


def test_voices_of_other_languages_are_found_by_their_names() -> None:
    model = piper_model("de_DE-thorsten-x_low")
    assert model.remote_folder == "de/de_DE/thorsten/x_low"
    assert model.uri == "piper:de_DE-thorsten-x_low"
