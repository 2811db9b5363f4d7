"""The speech-to-text of real plugins, against servers that speak their vendors' protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ProviderFailed
from greenroom.speech import livekit_transcriber
from greenroom.speech.livekit_transcriber import LiveKitTranscriber
from greenroom.speech.ports import ProviderContext, Transcript, TranscriptionStream
from greenroom.speech.registry import create_transcriber
from support.cartesia_server import CartesiaServer
from support.deepgram_server import DeepgramServer
from support.elevenlabs_server import ElevenLabsServer
from support.speech import say
from support.speechmatics_server import SpeechmaticsServer
from support.vendor_server import KEY, VendorServer

FRAME = 512
WORDS = "show me running shoes"


def deepgram(server: VendorServer, options: str = "") -> str:
    return f"livekit:deepgram/nova-3?base_url={server.url}/v1/listen{options}"


def cartesia(server: VendorServer, options: str = "") -> str:
    return f"livekit:cartesia/ink-2?base_url={server.url}{options}"


def elevenlabs(server: VendorServer, options: str = "") -> str:
    return f"livekit:elevenlabs?base_url={server.url}/v1{options}"


def scribe_realtime(server: VendorServer, options: str = "") -> str:
    return f"livekit:elevenlabs/scribe_v2_realtime?base_url={server.url}/v1{options}"


def speechmatics(server: VendorServer, options: str = "") -> str:
    return f"livekit:speechmatics?base_url={server.url.replace('http', 'ws')}/v2{options}"


SPEECHMATICS = pytest.param(speechmatics, lambda: SpeechmaticsServer(WORDS), id="speechmatics")
"""Not by aiohttp, and so without what Greenroom learns from aiohttp's sockets."""
STREAMING = [
    pytest.param(deepgram, lambda: DeepgramServer(WORDS), id="deepgram"),
    pytest.param(cartesia, lambda: CartesiaServer(WORDS), id="cartesia"),
    pytest.param(scribe_realtime, lambda: ElevenLabsServer(WORDS), id="elevenlabs"),
]
VENDORS = [
    *STREAMING,
    pytest.param(elevenlabs, lambda: ElevenLabsServer(WORDS), id="elevenlabs-batch"),
]
Uri = Callable[[VendorServer], str]
MakeServer = Callable[[], VendorServer]


@asynccontextmanager
async def transcriber(uri: str) -> AsyncIterator[LiveKitTranscriber]:
    """Warm; when it is closed, nothing is left running."""
    before = asyncio.all_tasks()
    made = create_transcriber(uri, ProviderContext(Path("/nowhere"), secret=lambda name: KEY))
    assert isinstance(made, LiveKitTranscriber)
    await made.warm_up()
    try:
        yield made
    finally:
        await made.close()
    left = [task for task in asyncio.all_tasks() - before if not _serves(task)]
    assert left == []


def _serves(task: asyncio.Task[object]) -> bool:
    """A task of the stand-in server's own."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "aiohttp/web" in code.co_filename


def speech(ms: int) -> Pcm:
    """Something loud."""
    count = samples_of(ms)
    return (3_000 * np.sin(np.arange(count) / 20)).astype(np.int16)


async def feed(turn: TranscriptionStream, pcm: Pcm) -> None:
    """In frames, with the event loop running between them."""
    for at in range(0, len(pcm), FRAME):
        turn.feed(pcm[at : at + FRAME])
        await asyncio.sleep(0)


async def finish(turn: TranscriptionStream) -> Transcript:
    async with asyncio.timeout(5):
        return await turn.finish()


async def until(condition: Callable[[], bool]) -> None:
    """The plugin's tasks are not ours to await."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_real_speech_arrives_whole_and_several_finals_become_one(data_dir: Path) -> None:
    pcm = await say("Show me running shoes under a hundred dollars.", data_dir)
    partials: list[Transcript] = []
    async with (
        DeepgramServer(WORDS, "under $100", segment_ms=1_500) as server,
        transcriber(deepgram(server, "&language=en-GB&keyterm=Acme,Nike")) as hears,
    ):
        turn = hears.open(partials.append)
        await feed(turn, pcm)
        await until(lambda: bool(partials) and "under" in partials[-1].text)
        final = await finish(turn)
        (connection,) = server.connections
        assert np.array_equal(connection.pcm, pcm)
        assert connection.query["model"] == ["nova-3"]
        assert connection.query["language"] == ["en-GB"]
        assert connection.query["keyterm"] == ["Acme", "Nike"]
        assert [m["type"] for m in connection.messages][-2:] == ["Finalize", "CloseStream"]
    assert final == Transcript(f"{WORDS} under $100", pytest.approx(0.9), final=True)
    texts = [partial.text for partial in partials]
    assert WORDS in texts
    assert f"{WORDS} under" in texts
    assert texts == sorted(texts, key=len)
    assert not any(partial.final for partial in partials)


@pytest.mark.parametrize(("uri", "make"), [*VENDORS, SPEECHMATICS])
async def test_every_vendor_hears_all_of_a_turn(uri: Uri, make: MakeServer) -> None:
    pcm = speech(1_300)
    async with make() as server, transcriber(uri(server)) as hears:
        for _ in range(2):  # turns follow one another
            turn = hears.open()
            await feed(turn, pcm)
            assert (await finish(turn)).text == WORDS
            assert np.array_equal(server.connections[-1].pcm, pcm)


@pytest.mark.parametrize(("uri", "make"), [*STREAMING, SPEECHMATICS])
async def test_words_are_told_while_the_user_speaks(uri: Uri, make: MakeServer) -> None:
    partials: list[Transcript] = []
    async with make() as server, transcriber(uri(server)) as hears:
        turn = hears.open(partials.append)
        await feed(turn, speech(900))
        await until(lambda: bool(partials))
        assert WORDS.startswith(partials[0].text)
        turn.cancel()


@pytest.mark.parametrize(("uri", "make"), [*STREAMING, SPEECHMATICS])
async def test_it_connects_when_the_turn_begins_and_loses_nothing_meanwhile(
    uri: Uri, make: MakeServer
) -> None:
    async with make() as server, transcriber(uri(server)) as hears:
        turn = hears.open()
        turn.feed(speech(300))  # nothing is connected: the event loop has not run
        await server.wait_for_connections(1)
        turn.feed(speech(300))
        await finish(turn)
        assert len(server.connections[0].pcm) == samples_of(600)


@pytest.mark.parametrize(("uri", "make"), [*VENDORS, SPEECHMATICS])
async def test_a_final_transcript_comes_at_once(uri: Uri, make: MakeServer) -> None:
    async with make() as server, transcriber(uri(server)) as hears:
        turn = hears.open()
        await feed(turn, speech(800))
        await until(lambda: not server.connections or len(server.connections[0].audio) > 16_000)
        begun = asyncio.get_running_loop().time()
        await finish(turn)
        # Deepgram's stream ends five seconds after its server has; nobody waits for that.
        assert asyncio.get_running_loop().time() - begun < 0.5


@pytest.mark.parametrize(("uri", "make"), [*VENDORS, SPEECHMATICS])
async def test_silence_is_no_words_and_no_failure(
    uri: Uri, make: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_transcriber, "_SILENT", 0.1)
    server = make()
    if not isinstance(server, ElevenLabsServer):  # which hears that it is silent
        server.script = () if isinstance(server, DeepgramServer) else ""  # type: ignore[attr-defined]
    async with server, transcriber(uri(server)) as hears:
        turn = hears.open()
        await feed(turn, np.zeros(samples_of(700), np.int16))
        assert await finish(turn) == Transcript("", 1.0, final=True)
        empty = hears.open()
        assert (await finish(empty)).text == ""


async def test_confidence_is_the_vendors_own() -> None:
    async with ElevenLabsServer(WORDS) as server:
        for uri in (elevenlabs(server), scribe_realtime(server)):
            async with transcriber(uri) as hears:
                turn = hears.open()
                await feed(turn, speech(600))
                assert (await finish(turn)).confidence == pytest.approx(0.8)


@pytest.mark.parametrize("uri", [deepgram, cartesia])
async def test_another_rate_is_resampled_to(uri: Callable[..., str]) -> None:
    async with (
        DeepgramServer(WORDS) if uri is deepgram else CartesiaServer(WORDS) as server,
        transcriber(uri(server, "&sample_rate=48000")) as hears,
    ):
        turn = hears.open()
        await feed(turn, speech(1_000))
        await finish(turn)
        (connection,) = server.connections
        assert connection.query["sample_rate"] == ["48000"]
        assert len(connection.pcm) == pytest.approx(48_000, abs=200)


@pytest.mark.parametrize(("uri", "make"), [*VENDORS, SPEECHMATICS])
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
    uri: Uri, make: MakeServer, fault: str, retryable: bool, says: str
) -> None:
    async with make() as server, transcriber(uri(server)) as hears:
        server.plan.append(fault)
        turn = hears.open()
        await feed(turn, speech(600))
        with pytest.raises(ProviderFailed, match=says) as caught:
            await finish(turn)
        assert caught.value.retryable is retryable
        assert caught.value.provider.startswith("livekit:")
        assert KEY not in str(caught.value)
        again = hears.open()
        await feed(again, speech(1_000))
        assert (await finish(again)).text == WORDS


async def test_how_long_to_wait_is_what_the_vendor_said() -> None:
    async with DeepgramServer(WORDS) as server, transcriber(deepgram(server)) as hears:
        server.plan.append("429")
        turn = hears.open()
        with pytest.raises(ProviderFailed) as caught:
            await finish(turn)
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(("uri", "make"), [*STREAMING, SPEECHMATICS])
@pytest.mark.parametrize(
    ("fault", "retryable"), [("cut", True), ("close:1011", True), ("close:1008", False)]
)
async def test_a_connection_that_ends_in_mid_turn_fails_at_its_end(
    uri: Uri, make: MakeServer, fault: str, retryable: bool
) -> None:
    async with make() as server, transcriber(uri(server)) as hears:
        server.plan.append(fault)
        turn = hears.open()
        await feed(turn, speech(800))
        await server.wait_for_connections(1)
        await asyncio.wait_for(server.connections[0].ended.wait(), 5)
        await feed(turn, speech(800))  # which nobody hears, and which raises nothing
        with pytest.raises(ProviderFailed) as caught:
            await finish(turn)
        if uri not in {cartesia, speechmatics}:  # whose plugins do not tell the code
            assert caught.value.retryable is retryable
        assert "show" not in str(caught.value)


@pytest.mark.parametrize(("uri", "make"), STREAMING)
async def test_an_answer_that_is_no_json_is_passed_over(uri: Uri, make: MakeServer) -> None:
    async with make() as server, transcriber(uri(server)) as hears:
        server.plan.append("garbage")
        turn = hears.open()
        await feed(turn, speech(1_200))
        assert (await finish(turn)).text == WORDS


async def test_a_whole_answer_that_is_no_json_is_a_failure() -> None:
    async with ElevenLabsServer(WORDS) as server, transcriber(elevenlabs(server)) as hears:
        server.plan.append("garbage")
        turn = hears.open()
        await feed(turn, speech(300))
        with pytest.raises(ProviderFailed):
            await finish(turn)


@pytest.mark.parametrize(("uri", "make"), [*VENDORS, SPEECHMATICS])
@pytest.mark.parametrize("fault", ["mute", "hang"])
async def test_a_server_that_says_nothing_more_holds_nobody_up(
    uri: Uri, make: MakeServer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_transcriber, "_FINAL_TIMEOUT", 0.2)
    # Speechmatics' own package waits for five seconds, and must not be cut short.
    monkeypatch.setattr("speechmatics.agent_stt._client.DISCONNECT_TIMEOUT_S", 0.3)
    async with make() as server:
        async with transcriber(uri(server)) as hears:
            # Speechmatics' package waits ten more seconds for a server that does not even read.
            server.plan.append("hold" if (uri, fault) == (speechmatics, "mute") else fault)
            turn = hears.open()
            await feed(turn, speech(800))
            with pytest.raises(ProviderFailed, match=r"in time") as caught:
                await finish(turn)
            assert caught.value.retryable
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 3


async def test_a_handshake_that_takes_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_transcriber, "TIMEOUT", 0.1)
    async with DeepgramServer(WORDS) as server, transcriber(deepgram(server)) as hears:
        server.plan.append("hang")
        turn = hears.open()
        with pytest.raises(ProviderFailed, match="connection"):
            await finish(turn)


@pytest.mark.parametrize(("uri", "make"), [*STREAMING, SPEECHMATICS])
async def test_a_cancelled_turn_lets_the_connection_go_and_tells_nothing_more(
    uri: Uri, make: MakeServer
) -> None:
    partials: list[Transcript] = []
    async with make() as server, transcriber(uri(server)) as hears:
        turn = hears.open(partials.append)
        await feed(turn, speech(700))
        await until(lambda: bool(partials))
        count = len(partials)
        turn.cancel()
        turn.cancel()
        turn.feed(speech(500))
        await asyncio.wait_for(server.connections[0].ended.wait(), 5)
        assert len(partials) == count


async def test_a_turn_that_ended_can_be_cancelled() -> None:
    async with DeepgramServer(WORDS) as server, transcriber(deepgram(server)) as hears:
        turn = hears.open()
        await feed(turn, speech(1_100))
        await finish(turn)
        turn.cancel()
        await asyncio.wait_for(server.connections[0].ended.wait(), 5)


async def test_a_very_long_turn_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_transcriber, "_MAX_TURN", HEARING_RATE)
    async with ElevenLabsServer(WORDS) as server:
        for uri in (elevenlabs(server), scribe_realtime(server)):
            async with transcriber(uri) as hears:
                turn = hears.open()
                await feed(turn, speech(1_500))
                await finish(turn)
                assert len(server.connections[-1].pcm) == HEARING_RATE


async def test_twenty_turns_at_once_are_kept_apart() -> None:
    async with DeepgramServer(WORDS) as server, transcriber(deepgram(server)) as hears:

        async def speak(n: int) -> str:
            turn = hears.open()
            await feed(turn, np.full(samples_of(1_000) + n, n, np.int16))
            return (await finish(turn)).text

        assert await asyncio.gather(*map(speak, range(20))) == [WORDS] * 20
        heard = {int(connection.pcm[0]): connection.pcm for connection in server.connections}
        assert heard.keys() == set(range(20))
        assert all(len(pcm) == samples_of(1_000) + n for n, pcm in heard.items())


async def test_a_turn_can_only_begin_when_it_is_warm() -> None:
    context = ProviderContext(Path("/nowhere"), secret=lambda name: KEY)
    cold = create_transcriber("livekit:deepgram", context)
    assert cold.uri == "livekit:deepgram"
    with pytest.raises(ProviderFailed, match="warm"):
        cold.open()
    await cold.close()


async def test_a_stream_that_the_plugin_refuses_fails_at_the_end_of_the_turn() -> None:
    async with (
        DeepgramServer(WORDS) as server,
        transcriber(deepgram(server, "&detect_language=true")) as hears,
    ):
        turn = hears.open()  # Deepgram can't stream without knowing the language
        turn.feed(speech(100))
        with pytest.raises(ProviderFailed, match="ValueError"):
            await finish(turn)


async def test_closing_in_mid_turn_ends_everything() -> None:
    async with DeepgramServer(WORDS) as server, transcriber(deepgram(server)) as hears:
        turn = hears.open()
        await feed(turn, speech(300))
        await server.wait_for_connections(1)
        turn.cancel()
        hears.open()  # and one that nobody ends
