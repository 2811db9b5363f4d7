"""Finding, loading and making plugins of LiveKit Agents; what that does to the process."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from greenroom.errors import ConfigurationError, ProviderFailed, ProviderUnavailable
from greenroom.speech import livekit_plugins
from greenroom.speech.livekit_errors import NoDetails
from greenroom.speech.livekit_plugins import LiveKitPlugin
from greenroom.speech.ports import ProviderContext, SpeechChunk
from greenroom.speech.registry import create_synthesizer, create_transcriber
from support.deepgram_server import DeepgramServer
from support.vendor_server import KEY, sound_of

NO_KEYS = ProviderContext(Path("/nowhere"), secret=lambda name: None)
KEYS = ProviderContext(Path("/nowhere"), secret=lambda name: KEY)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in ("DEEPGRAM", "CARTESIA", "ELEVEN", "SPEECHMATICS"):
        monkeypatch.delenv(f"{vendor}_API_KEY", raising=False)


async def refusal(uri: str, context: ProviderContext = KEYS) -> str:
    """Why a transcriber can't be used: told when it is made, or at the latest when it warms up."""
    with pytest.raises(ProviderUnavailable, match=r"providers\.transcriber") as caught:  # noqa: PT012
        made = create_transcriber(uri, context)
        try:
            await made.warm_up()
        finally:
            await made.close()
    assert caught.value.setting == "providers.transcriber"
    return caught.value.args[0]  # type: ignore[no-any-return]


async def test_a_plugin_that_is_not_installed_is_told_with_the_way_to_get_it() -> None:
    why = await refusal("livekit:turn_detector")
    assert "pip install 'greenroom[livekit]' livekit-plugins-turn-detector" in why


async def test_a_server_without_any_plugin_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(livekit_plugins, "find_spec", find)
    assert "greenroom[livekit]" in await refusal("livekit:deepgram")


@pytest.mark.parametrize("uri", ["livekit:", "livekit:Deepgram", "livekit:../x", "livekit:a.b.c"])
async def test_a_name_that_is_none_is_told_with_an_example(uri: str) -> None:
    assert "livekit:deepgram/nova-3" in await refusal(uri)


@pytest.mark.parametrize(
    ("plugin", "variable"),
    [
        ("deepgram", "DEEPGRAM_API_KEY"),
        ("cartesia", "CARTESIA_API_KEY"),
        ("elevenlabs", "ELEVEN_API_KEY"),
        ("speechmatics", "SPEECHMATICS_API_KEY"),
    ],
)
async def test_a_missing_key_names_its_variable(plugin: str, variable: str) -> None:
    why = await refusal(f"livekit:{plugin}", NO_KEYS)
    assert variable in why
    assert "providers.keys" in why


async def test_a_key_in_a_uri_is_refused_and_not_repeated() -> None:
    why = await refusal(f"livekit:deepgram?api_key={KEY}")
    assert "DEEPGRAM_API_KEY" in why
    assert KEY not in why


async def test_an_unknown_option_lists_those_that_the_plugin_takes() -> None:
    why = await refusal("livekit:deepgram?langauge=en-US")
    assert "'langauge'" in why
    assert "language, mip_opt_out, model" in why
    assert "api_key" not in why


async def test_what_the_plugin_refuses_is_told_without_the_key() -> None:
    why = await refusal(f"livekit:deepgram/nova-2-general?keyterm={KEY}")
    assert "Keyterm Prompting" in why
    assert KEY not in why


@pytest.mark.parametrize("name", ["NoSuch", "TTS", "DeepgramPlugin"])
async def test_a_class_that_does_not_hear_lists_those_that_do(name: str) -> None:
    assert "it has: STT, STTv2" in await refusal(f"livekit:deepgram.{name}")


async def test_another_class_of_the_plugin_can_be_named() -> None:
    plugin = LiveKitPlugin("providers.transcriber", "livekit:deepgram.STTv2", "STT", KEYS)
    await plugin.load()
    stt = plugin.make(plugin.arguments)
    assert type(stt).__name__ == "STTv2"
    assert plugin.label == "deepgram.STTv2"
    await stt.aclose()
    await plugin.close()


def test_a_uri_with_a_slip_of_the_pen_is_refused() -> None:
    for uri in ("livekit:deepgram?language", "livekit:deepgram?a=1&a=2"):
        with pytest.raises(ConfigurationError):
            create_transcriber(uri, KEYS)


async def test_a_start_that_is_given_up_does_not_take_it_from_others() -> None:
    transcriber = create_transcriber("livekit:deepgram", KEYS)
    hasty = asyncio.create_task(transcriber.warm_up())
    await asyncio.sleep(0)
    hasty.cancel()
    await transcriber.warm_up()
    await transcriber.warm_up()
    transcriber.open().cancel()
    await transcriber.close()
    await transcriber.close()


async def test_what_was_never_warm_can_be_closed() -> None:
    await create_transcriber("livekit:deepgram", KEYS).close()
    await create_synthesizer("livekit:deepgram", KEYS).close()


def test_a_plugins_log_lines_come_without_payloads_and_tracebacks() -> None:
    error = ValueError("what the user said")
    record = logging.getLogger("livekit.plugins.x").makeRecord(
        "x", logging.ERROR, "x.py", 1, "failed %s", ("here",), (ValueError, error, None),
        extra={"lk.pii.data": "what the user said"},
    )  # fmt: skip
    assert NoDetails().filter(record)
    assert logging.Formatter("%(message)s").format(record) == "failed here"
    assert "user said" not in str(vars(record))


async def test_a_server_that_talks_nonsense_is_logged_without_what_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with DeepgramServer("secret words of a user") as server:
        server.plan.append("garbage")
        hears = create_transcriber(f"livekit:deepgram?base_url={server.url}/v1/listen", KEYS)
        await hears.warm_up()
        turn = hears.open()
        for _ in range(40):
            turn.feed(np.full(512, 1_000, np.int16))
            await asyncio.sleep(0)
        assert "secret" in (await turn.finish()).text
        await hears.close()
    assert "failed to process deepgram message" in caplog.text
    assert "secret" not in caplog.text
    assert KEY not in caplog.text


# -- any other plugin ----------------------------------------------------------------------------


@pytest.fixture
def homemade() -> Iterator[type[Any]]:
    """A plugin `homemade` that Greenroom has never heard of: stereo, and LiveKit's own session."""
    from livekit import rtc
    from livekit.agents import APIConnectOptions, tts
    from livekit.agents.utils import http_context

    class TTS(tts.TTS):
        sessions: list[bool] = []  # noqa: RUF012
        rates = (24_000,)

        def __init__(self, *, speaker: str = "nobody", loud: bool = False) -> None:
            super().__init__(
                capabilities=tts.TTSCapabilities(streaming=False),
                sample_rate=24_000,
                num_channels=2,
            )
            self.speaker = speaker

        def synthesize(self, text: str, *, conn_options: Any = APIConnectOptions()) -> Any:  # noqa: B008
            return Stream(tts=self, input_text=text, conn_options=conn_options)

    class Stream(tts.ChunkedStream):
        async def _run(self, output_emitter: tts.AudioEmitter) -> None:
            assert isinstance(self._tts, TTS)
            TTS.sessions.append(http_context.http_session().closed)
            if self._tts.speaker == "broken":
                raise KeyError(self.input_text)
            output_emitter.initialize(
                request_id="r", sample_rate=24_000, num_channels=2, mime_type="audio/pcm"
            )
            for rate in TTS.rates:
                left = sound_of(self.input_text, self._tts.speaker, rate)
                both = np.stack([left, np.zeros_like(left)], axis=1)
                frame = rtc.AudioFrame(both.tobytes(), rate, 2, len(left))
                if len(TTS.rates) == 1:
                    output_emitter.push(frame.data.tobytes())
                else:  # past the emitter, which joins frames of one rate only
                    self._event_ch.send_nowait(tts.SynthesizedAudio(frame, "r"))
            if len(TTS.rates) > 1:
                output_emitter.push(bytes(4 * 240))

    name = "livekit.plugins.homemade"
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    TTS.__module__ = name
    module.TTS = TTS  # type: ignore[attr-defined]
    sys.modules[name] = module
    yield TTS
    del sys.modules[name]


@pytest.fixture
def deaf() -> Iterator[None]:
    """A plugin `deaf` whose stream ends before the turn does, as if that were right."""
    from livekit.agents import APIConnectOptions, stt

    class STT(stt.STT):
        def __init__(self) -> None:
            super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

        async def _recognize_impl(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def stream(self, *, conn_options: Any = APIConnectOptions(), **_: Any) -> Any:  # noqa: B008
            return Stream(stt=self, conn_options=conn_options)

    class Stream(stt.RecognizeStream):
        async def _run(self) -> None:
            return

    name = "livekit.plugins.deaf"
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    STT.__module__ = name
    module.STT = STT  # type: ignore[attr-defined]
    sys.modules[name] = module
    yield
    del sys.modules[name]


@pytest.mark.usefixtures("deaf")
async def test_a_stream_that_ends_in_mid_turn_is_a_failure() -> None:
    hears = create_transcriber("livekit:deaf", NO_KEYS)
    await hears.warm_up()
    turn = hears.open()
    for _ in range(20):
        turn.feed(np.ones(512, np.int16))
        await asyncio.sleep(0)
    with pytest.raises(ProviderFailed, match="middle of a turn"):
        await turn.finish()
    await hears.close()


async def spoken(uri: str, voice: str = "Ashley") -> list[SpeechChunk]:
    speaks = create_synthesizer(uri, NO_KEYS)
    try:
        async with asyncio.timeout(5):
            return [chunk async for chunk in speaks.speak("Hello there.", voice)]
    finally:
        await speaks.close()


async def test_any_plugin_finds_the_session_that_livekit_gives_it(homemade: type[Any]) -> None:
    pcm = np.concatenate([c.pcm for c in await spoken("livekit:homemade?speaker=me&loud=true")])
    assert homemade.sessions == [False]
    expected = sound_of("Hello there.", "me", 24_000)
    assert np.abs(pcm[: len(expected)] - expected[: len(pcm)] / 2).max() <= 1  # both sides, mixed


async def test_frames_of_another_rate_are_resampled(homemade: type[Any]) -> None:
    homemade.rates = (16_000, 48_000)
    pcm = np.concatenate([chunk.pcm for chunk in await spoken("livekit:homemade")])
    seconds = 2 * len(sound_of("Hello there.", "", 24_000)) / 24_000
    assert len(pcm) / 24_000 == pytest.approx(seconds + 0.01, abs=0.02)


async def test_a_defect_of_a_plugin_is_a_failure_that_repeats_no_words(
    homemade: type[Any],
) -> None:
    with pytest.raises(ProviderFailed, match="KeyError") as caught:
        await spoken("livekit:homemade", "broken")
    assert "Hello" not in str(caught.value)


# -- the process ---------------------------------------------------------------------------------

_PROGRAM = """
import asyncio, json, logging, os, signal, socket, sys, threading, time
from pathlib import Path

def state():
    return {
        "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "handlers": len(logging.root.handlers), "level": logging.root.level,
        "livekit": len(logging.getLogger("livekit").handlers),
        "policy": type(asyncio.get_event_loop_policy()).__name__,
        "threads": [t.name for t in threading.enumerate() if not t.name.startswith("asyncio_")],
        "environment": dict(os.environ), "hooks": [str(sys.excepthook), str(threading.excepthook)],
    }

dialled = []
def note(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        dialled.append(str(args[1:]))
sys.addaudithook(note)
from greenroom.errors import ProviderUnavailable
from greenroom.speech.ports import ProviderContext
from greenroom.speech.registry import create_synthesizer, create_transcriber
light = "livekit.agents" not in sys.modules and "aiohttp" not in sys.modules
context = ProviderContext(Path("/nowhere"), secret=lambda name: "key")
refused = []

async def load():
    for create in (create_transcriber, create_synthesizer):
        made = create("livekit:deepgram", context)
        made_light = "livekit.agents" not in sys.modules
        try:
            await made.warm_up()
        except ProviderUnavailable as error:
            refused.append(str(error))
        await made.close()

before = state()
def elsewhere():
    asyncio.run(load())
thread = threading.Thread(target=elsewhere); thread.start(); thread.join()
count = len(refused)
asyncio.run(load())
print(json.dumps({
    "light": light, "refused": refused, "in_thread": count, "changed":
    [name for name, value in state().items() if before[name] != value], "dialled": dialled,
}))
"""


def test_loading_leaves_the_process_as_it_was_and_calls_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    found = json.loads(done.stdout)  # and it prints nothing else
    assert done.stderr == ""
    assert found["light"], "finding the provider imports LiveKit Agents"
    assert found["in_thread"] == len(found["refused"]) == 2
    assert "main thread" in found["refused"][0]
    assert found["changed"] == []
    assert found["dialled"] == []
