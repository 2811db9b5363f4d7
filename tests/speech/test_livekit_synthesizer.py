"""The text-to-speech of real plugins, against servers that speak their vendors' protocols."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed, ProviderUnavailable
from greenroom.speech import livekit_synthesizer
from greenroom.speech.livekit_synthesizer import LiveKitSynthesizer
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.registry import create_synthesizer
from support.cartesia_server import CartesiaServer
from support.deepgram_server import DeepgramServer
from support.elevenlabs_server import ElevenLabsServer
from support.speechmatics_server import SpeechmaticsServer
from support.vendor_server import KEY, MS_PER_CHARACTER, VendorServer, pitch_of, sound_of

TEXT = "I found three **running shoes** [happy] under $100. The first one costs $89.99."
SPOKEN = (
    "I found three running shoes under 100 dollars. The first one costs 89 dollars and 99 cents."
)
RATE = 24_000


def deepgram(server: VendorServer, options: str = "") -> str:
    return f"livekit:deepgram?base_url={server.url}/v1/speak{options}"


def cartesia(server: VendorServer, options: str = "") -> str:
    return f"livekit:cartesia/sonic-3?base_url={server.url}{options}"


def elevenlabs(server: VendorServer, options: str = "") -> str:
    return f"livekit:elevenlabs/eleven_flash_v2_5?base_url={server.url}/v1{options}"


def speechmatics(server: VendorServer, options: str = "") -> str:
    return f"livekit:speechmatics?base_url={server.url}{options}"


Uri = Callable[..., str]
STREAMING = [
    pytest.param(deepgram, DeepgramServer, id="deepgram"),
    pytest.param(cartesia, CartesiaServer, id="cartesia"),
    pytest.param(elevenlabs, ElevenLabsServer, id="elevenlabs"),
]
VENDORS = [*STREAMING, pytest.param(speechmatics, SpeechmaticsServer, id="speechmatics")]


@asynccontextmanager
async def synthesizer(uri: str) -> AsyncIterator[LiveKitSynthesizer]:
    """Warm; when it is closed, nothing is left running."""
    before = asyncio.all_tasks()
    made = create_synthesizer(uri, ProviderContext(Path("/nowhere"), secret=lambda name: KEY))
    assert isinstance(made, LiveKitSynthesizer)
    try:
        await made.warm_up()
        yield made
    finally:
        await made.close()
    left = [task for task in asyncio.all_tasks() - before if not _serves(task)]
    assert left == []


def _serves(task: asyncio.Task[object]) -> bool:
    """A task of the stand-in server's own."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "aiohttp/web" in code.co_filename


async def utterance(
    speaks: LiveKitSynthesizer, text: str = TEXT, voice: str = "Craig"
) -> list[SpeechChunk]:
    async with asyncio.timeout(5):
        return [chunk async for chunk in speaks.speak(text, voice)]


def begin(speaks: LiveKitSynthesizer, text: str = TEXT) -> AsyncGenerator[SpeechChunk, None]:
    return cast("AsyncGenerator[SpeechChunk, None]", speaks.speak(text, "Craig"))


def joined(chunks: list[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.pcm for chunk in chunks])


def said(server: VendorServer) -> str:
    """All the text that has reached the vendor."""
    parts = [
        message.get("text") or message.get("transcript") or ""
        for connection in server.connections
        for message in connection.messages
    ]
    return " ".join(" ".join(parts).split())


@pytest.mark.parametrize(("uri", "make"), VENDORS)
async def test_every_vendor_says_the_text_as_it_is_spoken(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        chunks = await utterance(speaks)
        assert said(server) == SPOKEN  # no markup, no stage directions, prices as words
        assert speaks.rate == RATE
        assert all(chunk.pcm.dtype == np.int16 for chunk in chunks)
        seconds = len(joined(chunks)) / RATE
        assert seconds == pytest.approx(len(SPOKEN) * MS_PER_CHARACTER / 1000, abs=0.1)


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_the_six_voices_are_six_of_the_vendors(uri: Uri, make: type[VendorServer]) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        pitches = {
            voice: pitch_of(joined(await utterance(speaks, "Hello, hello.", voice)), RATE)
            for voice in VOICES
        }
        assert len({round(pitch) for pitch in pitches.values()}) == 6


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_a_connection_serves_many_utterances(uri: Uri, make: type[VendorServer]) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        for text in ("One.", "Two.", "Three."):
            assert await utterance(speaks, text)
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("uri", "make"),
    [(cartesia, CartesiaServer), (elevenlabs, ElevenLabsServer)],
    ids=["cartesia", "elevenlabs"],
)
async def test_words_have_their_place_in_the_written_text_and_in_the_sound(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        chunks = await utterance(speaks)
    words = [word for chunk in chunks for word in chunk.words]
    assert [TEXT[place:].split(maxsplit=1)[0] for place, _ in words[:4]] == [
        *("I", "found", "three"),
        "running",
    ]
    assert words[-1][0] >= TEXT.index("$89.99")
    places, onsets = zip(*words, strict=True)
    assert list(places) == sorted(places)
    for spoken, onset in zip(SPOKEN.split()[:8], onsets, strict=False):
        assert onset == pytest.approx(
            SPOKEN.index(spoken) * MS_PER_CHARACTER * RATE / 1000, abs=RATE * 0.03
        )


async def test_a_text_of_many_pieces_has_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "This is one of very many sentences. " * 24
    async with CartesiaServer() as server, synthesizer(cartesia(server)) as speaks:
        chunks = await utterance(speaks, text)
    words = [word for chunk in chunks for word in chunk.words]
    places, onsets = zip(*words, strict=True)
    assert list(onsets) == sorted(onsets)
    assert len(set(places)) == 7 * 24
    assert len(joined(chunks)) > onsets[-1] > 0.98 * len(joined(chunks)) - RATE


@pytest.mark.parametrize("text", ["", "...", "🎉", "** **\n", "[laughs]"])
async def test_nothing_to_say_asks_nobody(text: str) -> None:
    async with CartesiaServer() as server, synthesizer(cartesia(server)) as speaks:
        assert await utterance(speaks, text) == []
        assert server.connections == []


async def test_voices_can_be_chosen() -> None:
    mine = "0" * 8 + "-0000-0000-0000-" + "1" * 12
    other = "0" * 8 + "-0000-0000-0000-" + "2" * 12

    async def voice_of(options: str, name: str) -> str:
        async with CartesiaServer() as server, synthesizer(cartesia(server, options)) as speaks:
            await utterance(speaks, "Hello.", name)
            voice: str = server.connections[0].messages[0]["voice"]["id"]
            return voice

    assert await voice_of(f"&voices=Ashley:{mine}", "Ashley") == mine
    assert await voice_of(f"&voices=Ashley:{mine}", "Craig") not in {mine, other}
    assert await voice_of(f"&voice={other}", "Craig") == other  # one for all ...
    assert await voice_of(f"&voice={other}&voices=Ashley:{mine}", "Ashley") == mine  # ... but one
    assert await voice_of("", mine) == mine  # a client may name one of the vendor's own


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_an_unknown_voice_is_refused_before_anybody_is_asked(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        for voice in ("Bob", "", "../../voices", "aura-2-thalia-en/x"):
            with pytest.raises(InvalidInput, match=r"Ashley.*such as") as caught:
                await utterance(speaks, "Hello.", voice)
            assert caught.value.field == "voice"
        assert server.connections == []


async def test_a_plugin_without_known_voices_speaks_with_its_own_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "greenroom")
    async with SpeechmaticsServer() as server:
        async with synthesizer(speechmatics(server)) as speaks:
            await utterance(speaks, "Hello.", "Ashley")
            await utterance(speaks, "Hello.", "Craig")
            await utterance(speaks, "Hello.", "megan")
        assert [c.path for c in server.connections] == [
            *("/generate/sarah", "/generate/sarah"),
            "/generate/megan",
        ]
        assert [record.message.count("voices=") for record in caplog.records] == [1]
        all_six = ",".join(f"{name}:theo" for name in VOICES)
        async with synthesizer(speechmatics(server, f"&voices={all_six}")) as speaks:
            await utterance(speaks, "Hello.", "Wendy")
        assert server.connections[-1].path == "/generate/theo"
        assert len(caplog.records) == 1


@pytest.mark.parametrize("voices", ["Ashley", "Bob:x", "Ashley:x,Ashley:y", ""])
def test_a_table_of_voices_that_does_not_fit_is_refused(voices: str) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.synthesizer.*voices"):
        create_synthesizer(f"livekit:cartesia?voices={voices}", ProviderContext(Path("/nowhere")))


async def test_a_plugin_whose_voice_is_its_model_has_no_table() -> None:
    with pytest.raises(ProviderUnavailable, match="no voices to choose"):
        async with synthesizer("livekit:deepgram.TTSv2/flux-alexis-en?voices=Ashley:x"):
            pass


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_an_utterance_that_is_cut_stops_at_once_and_leaves_the_next_alone(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        chunks = begin(speaks, "A very long sentence, that goes on and on and on. " * 6)
        await anext(chunks)
        begun = asyncio.get_running_loop().time()
        await chunks.aclose()
        assert asyncio.get_running_loop().time() - begun < 0.05
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)
        pcm = joined(await utterance(speaks, "Hello."))
        assert len(pcm) == pytest.approx(6 * MS_PER_CHARACTER * RATE / 1000, rel=0.3)


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_after_a_cut_the_next_utterance_finds_a_connection(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        server.plan.append("hold" if uri is not elevenlabs else "")
        chunks = begin(speaks, "A very long sentence, that goes on and on and on. " * 6)
        await anext(chunks)
        await chunks.aclose()
        count = 1
        if uri is not elevenlabs:  # whose connection carries many utterances, and goes on
            await asyncio.wait_for(server.connections[0].ended.wait(), 5)
            await server.wait_for_connections(2)
            count = 2
        await utterance(speaks, "Hello.")
        assert len(server.connections) == count


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_a_connection_that_the_server_dropped_while_idle_is_opened_anew(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        await utterance(speaks, "Hello.")
        await server.hang_up()
        assert await utterance(speaks, "Hello again.")
        assert len(server.connections) == 2


@pytest.mark.parametrize(("uri", "make"), VENDORS)
@pytest.mark.parametrize(
    ("fault", "retryable", "says"),
    [
        ("401", False, "refused the key"),
        ("403", False, "refused the key"),
        ("429", True, "asked too often"),
        ("500", True, "500"),
    ],
)
async def test_a_refused_handshake_says_whether_to_try_again(
    uri: Uri, make: type[VendorServer], fault: str, retryable: bool, says: str
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        server.plan.append(fault)
        with pytest.raises(ProviderFailed, match=says) as caught:
            await utterance(speaks)
        assert caught.value.retryable is retryable
        assert caught.value.retry_after == (7 if fault == "429" else None)
        assert KEY not in str(caught.value)
        assert len(server.connections) == 1  # no attempts of the plugin's own
        assert await utterance(speaks)


@pytest.mark.parametrize(("uri", "make"), VENDORS)
async def test_a_connection_that_breaks_in_mid_utterance_fails_after_what_was_heard(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        server.plan.append("cut")
        with pytest.raises(ProviderFailed) as caught:
            await utterance(speaks)
        assert caught.value.retryable
        assert "shoes" not in str(caught.value)
        assert await utterance(speaks)


@pytest.mark.parametrize(("uri", "make"), STREAMING)
@pytest.mark.parametrize("fault", ["garbage", "close:1011"])
async def test_nonsense_and_an_abnormal_close_are_failures(
    uri: Uri, make: type[VendorServer], fault: str
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        server.plan.append(fault)
        with pytest.raises(ProviderFailed):
            await utterance(speaks)
        assert await utterance(speaks)


@pytest.mark.parametrize(("uri", "make"), VENDORS)
@pytest.mark.parametrize("fault", ["mute", "hang"])
async def test_a_server_that_says_nothing_more_holds_nobody_up(
    uri: Uri, make: type[VendorServer], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_synthesizer, "_GAP", 0.2)
    async with make() as server:
        async with synthesizer(uri(server)) as speaks:
            server.plan.append(fault)
            with pytest.raises(ProviderFailed, match="in time") as caught:
                await utterance(speaks)
            assert caught.value.retryable
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 3


async def test_a_server_that_speaks_without_end_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(livekit_synthesizer, "_MAX_PIECE_SECONDS", 0.5)
    async with CartesiaServer() as server, synthesizer(cartesia(server)) as speaks:
        with pytest.raises(ProviderFailed, match="without end"):
            await utterance(speaks)


@pytest.mark.parametrize(("uri", "make"), VENDORS)
async def test_a_dozen_utterances_at_once_are_kept_apart(
    uri: Uri, make: type[VendorServer]
) -> None:
    async with make() as server, synthesizer(uri(server)) as speaks:
        texts = ["Hello " * n for n in range(1, 13)]
        spoken = await asyncio.gather(*(utterance(speaks, text) for text in texts))
        lengths = [len(joined(chunks)) for chunks in spoken]
        assert lengths == sorted(lengths)
        assert lengths[-1] > 8 * lengths[0]


async def test_voices_that_nobody_uses_any_more_are_let_go() -> None:
    voices = [f"{n:08d}-0000-0000-0000-000000000000" for n in range(16)]
    async with CartesiaServer() as server, synthesizer(cartesia(server)) as speaks:
        for voice in voices:
            await utterance(speaks, "Hello.", voice)
        for connection in server.connections[:4]:
            await asyncio.wait_for(connection.ended.wait(), 5)
        assert not server.connections[-1].ended.is_set()


async def test_another_rate_is_what_is_asked_for_and_given() -> None:
    async with (
        CartesiaServer() as server,
        synthesizer(cartesia(server, "&sample_rate=48000")) as speaks,
    ):
        assert speaks.rate == 48_000
        pcm = joined(await utterance(speaks, "Hello."))
        asked = server.connections[0].messages[0]
        assert asked["output_format"]["sample_rate"] == 48_000
        assert len(pcm) == pytest.approx(48_000 * 7 * MS_PER_CHARACTER / 1000, abs=1_000)


async def test_samples_are_resampled_without_a_gap() -> None:
    async with SpeechmaticsServer() as server, synthesizer(speechmatics(server)) as speaks:
        pcm = joined(await utterance(speaks, "Hello there, hello there."))
    expected = sound_of("Hello there, hello there.", "sarah", RATE)
    middle = slice(RATE // 20, -RATE // 20)
    assert len(pcm) == pytest.approx(len(expected), abs=RATE // 50)
    difference = pcm[: len(expected)][middle].astype(int) - expected[: len(pcm)][middle].astype(int)
    assert np.abs(difference).max() < 400


async def test_closing_in_mid_utterance_ends_everything() -> None:
    async with CartesiaServer() as server, synthesizer(cartesia(server)) as speaks:
        chunks = begin(speaks)
        await anext(chunks)
        await speaks.close()
        await chunks.aclose()
        await asyncio.wait_for(server.connections[0].ended.wait(), 5)
