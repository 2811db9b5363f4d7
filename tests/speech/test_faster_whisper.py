"""faster-whisper in its real helper, with a model that says one sentence of whatever it hears."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ConfigurationError, ProviderFailed, ProviderUnavailable
from greenroom.speech import faster_whisper
from greenroom.speech.faster_whisper import FasterWhisperTranscriber, create, model_is_present
from greenroom.speech.model_catalogue import whisper_model
from greenroom.speech.model_files import fetch
from greenroom.speech.ports import ProviderContext, Transcript
from greenroom.speech.registry import create_transcriber
from support.hub import Hub, serving
from support.tiny_whisper import build

Say = Callable[..., Awaitable[Pcm]]
SAYS = "Show me twenty shoes."
HEARD = "Show me 20 shoes."


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper") / "tiny", SAYS)


@pytest.fixture
async def whisper(tiny: Path, data_dir: Path) -> AsyncIterator[FasterWhisperTranscriber]:
    made = create(f"faster-whisper:{tiny}", ProviderContext(data_dir))
    await made.warm_up()
    yield made
    await made.close()


async def heard(
    whisper: FasterWhisperTranscriber,
    pcm: Pcm,
    on_partial: Callable[[Transcript], None] | None = None,
) -> Transcript:
    stream = whisper.open(on_partial)
    for start in range(0, len(pcm), 320):
        stream.feed(pcm[start : start + 320])
    async with asyncio.timeout(30):
        return await stream.finish()


async def test_words_are_told_while_they_are_said_and_then_for_good(
    whisper: FasterWhisperTranscriber, say: Say
) -> None:
    pcm = await say("i'm looking for a blue backpack tell me more about the second one")
    told: list[Transcript] = []
    arrived = asyncio.Event()

    def on_partial(transcript: Transcript) -> None:
        told.append(transcript)
        arrived.set()

    stream = whisper.open(on_partial)
    stream.feed(pcm[: len(pcm) // 2])
    async with asyncio.timeout(30):
        await arrived.wait()
    stream.feed(pcm[len(pcm) // 2 :])
    final = await stream.finish()
    assert final.text == HEARD
    assert final.final
    assert 0.9 < final.confidence <= 1
    assert {transcript.text for transcript in told} == {HEARD.rstrip(".")}
    assert not any(transcript.final for transcript in told)
    count = len(told)
    await heard(whisper, pcm)
    assert len(told) == count  # none after the final one


def _noises() -> dict[str, Pcm]:
    random = np.random.default_rng(1)
    n = samples_of(1_500)
    time = np.arange(n) / HEARING_RATE
    sounds = {
        "nothing": np.zeros(0),
        "silence": np.zeros(n),
        "hiss": random.normal(0, 1_500, n),
        "hum": 3_000 * np.sin(2 * np.pi * 120 * time),
        "a bang": random.normal(0, 4_000, n) * np.exp(-(((time - 0.7) / 0.05) ** 2)),
        "half a block": random.normal(0, 500, 100),
    }
    return {name: sound.astype(np.int16) for name, sound in sounds.items()}


async def test_a_model_that_always_talks_is_not_believed_about_noise(
    whisper: FasterWhisperTranscriber,
) -> None:
    told: list[Transcript] = []
    for name, sound in _noises().items():
        nothing = Transcript("", 0.0, final=True)
        assert await heard(whisper, sound, told.append) == nothing, name
    assert not told


async def test_a_helper_that_is_killed_in_mid_turn_costs_no_word(
    whisper: FasterWhisperTranscriber, say: Say
) -> None:
    pcm = await say("add the first one to my cart")
    told = asyncio.Event()
    streams = [whisper.open(lambda _: told.set()) for _ in range(3)]
    for stream in streams:
        stream.feed(pcm[:24_000])
    async with asyncio.timeout(30):
        await told.wait()
    (pid,) = whisper.pids
    os.kill(pid, signal.SIGKILL)
    for stream in streams:
        stream.feed(pcm[24_000:])
    async with asyncio.timeout(30):
        results = await asyncio.gather(*(stream.finish() for stream in streams))
    assert {result.text for result in results} == {HEARD}
    assert whisper.pids != [pid]


async def test_a_cancelled_turn_tells_nothing_more(
    whisper: FasterWhisperTranscriber, say: Say
) -> None:
    pcm = await say("i'm looking for a blue backpack")
    told: list[Transcript] = []
    for _ in range(8):
        stream = whisper.open(told.append)
        stream.feed(pcm)
        stream.cancel()
        stream.cancel()
    assert (await heard(whisper, pcm)).text == HEARD
    assert not told
    stream.feed(pcm)
    stream.cancel()


async def test_many_turns_at_once_share_one_model(
    whisper: FasterWhisperTranscriber, say: Say
) -> None:
    pcm = await say("yes please")
    told: list[Transcript] = []
    results = await asyncio.gather(*(heard(whisper, pcm, told.append) for _ in range(12)))
    assert {result.text for result in results} == {HEARD}
    assert len(whisper.pids) == 1


async def test_a_long_turn_is_decoded_in_parts_that_are_put_together(
    whisper: FasterWhisperTranscriber, say: Say
) -> None:
    pcm = await say("show me running shoes under one hundred dollars", "Edward")
    long = np.tile(pcm, 1 + 35 * HEARING_RATE // len(pcm))
    assert (await heard(whisper, long)).text == f"{HEARD} {HEARD}"


async def test_a_turn_without_end_is_heard_up_to_a_bound(
    whisper: FasterWhisperTranscriber,
) -> None:
    stream = whisper.open()
    for _ in range(10):
        stream.feed(np.zeros(HEARING_RATE * 30, np.int16))
    async with asyncio.timeout(30):
        assert (await stream.finish()).text == ""


async def test_closing_fails_what_is_open_and_leaves_no_process(
    whisper: FasterWhisperTranscriber,
) -> None:
    stream, abandoned = whisper.open(), whisper.open()
    abandoned.feed(np.zeros(3_200, np.int16))
    (pid,) = whisper.pids
    await whisper.close()
    with pytest.raises(ProviderFailed, match="closed"):
        await stream.finish()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_before_it_is_warm_it_says_so(tiny: Path, data_dir: Path) -> None:
    cold = create_transcriber(f"faster-whisper:{tiny}?beam_size=2", ProviderContext(data_dir))
    with pytest.raises(ProviderFailed, match="warm"):
        cold.open()
    await cold.close()


async def test_a_model_is_fetched_at_the_first_warm_up_and_then_used(
    tiny: Path, data_dir: Path, say: Say
) -> None:
    files = {path.name: path.read_bytes() for path in tiny.iterdir()}
    told: list[str] = []
    async with serving(Hub("Systran/faster-whisper-tiny.en", files)) as hub:
        context = ProviderContext(
            data_dir, models_url=hub.url, progress=lambda what, done, total: told.append(what)
        )
        assert not model_is_present(data_dir, "tiny.en")
        first = create("faster-whisper:tiny.en?beam_size=2", context)
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(first.warm_up(), first.warm_up())
            assert (await heard(first, await say("yes please"))).text == HEARD
        finally:
            await first.close()
    assert "tiny.en/model.bin" in told
    assert model_is_present(data_dir, "tiny.en")
    assert not model_is_present(data_dir, "")
    offline = create("faster-whisper:tiny.en", context)
    await offline.warm_up()
    await offline.close()


async def test_offline_it_says_what_to_do_and_can_be_warmed_up_again(
    tiny: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nap(seconds: float) -> None:
        pass

    monkeypatch.setattr(faster_whisper, "fetch", partial(fetch, sleep=nap))
    context = ProviderContext(data_dir, models_url="http://127.0.0.1:9")
    made = create("faster-whisper:", context)
    with pytest.raises(ProviderUnavailable, match=r"base\.en.*by hand.*pocketsphinx:") as caught:
        await made.warm_up()
    assert caught.value.setting == "providers.transcriber"
    shutil.copytree(tiny, whisper_model("base.en").folder(data_dir), dirs_exist_ok=True)
    await made.warm_up()
    assert len(made.pids) == 1
    await made.close()


async def test_a_model_that_cannot_be_loaded_is_reported(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    (broken / "model.bin").write_bytes(b"not a model")
    made = create(f"faster-whisper:{broken}", ProviderContext(tmp_path))
    with pytest.raises(ProviderFailed, match="faster-whisper"):
        await made.warm_up()
    await made.close()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("faster-whisper:huge", r"no model 'huge'.*base\.en.*turbo"),
        ("faster-whisper:/no/such/folder", r"/no/such/folder has no model\.bin"),
        ("faster-whisper:base.en?colour=red", "no option 'colour'.*beam_size"),
        ("faster-whisper:base.en?device=tpu", "'device'.*cpu, cuda"),
        ("faster-whisper:base.en?compute_type=int1", "'compute_type'.*int8"),
        ("faster-whisper:base.en?beam_size=0", "'beam_size'.*1 to 10"),
        ("faster-whisper:base.en?language=de", r"'language'.*base\.en knows no other"),
        ("faster-whisper:base?language=German", "'language'.*such as en or de"),
    ],
)
def test_a_uri_that_does_not_fit_says_what_would(data_dir: Path, uri: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        create(uri, ProviderContext(data_dir))
    assert caught.value.setting == "providers.transcriber"


def test_without_the_package_it_says_how_to_install_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faster_whisper, "find_spec", lambda name: None)
    with pytest.raises(ProviderUnavailable, match=r"greenroom\[whisper\]"):
        create("faster-whisper:", ProviderContext(data_dir))


def test_a_folder_with_a_model_is_present(tiny: Path, data_dir: Path) -> None:
    assert model_is_present(data_dir, str(tiny))
    assert not model_is_present(data_dir, str(tiny.parent))
