"""What a caller may hand over, and what becomes of it; the microphone."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
import threading
import types
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from voice_agent import MicrophoneError, SessionEnded, VoiceAgentClient
from voice_agent.sound import END_OF_STREAM, Outgoing, SoundSender


async def sent(sender: SoundSender, audio: Any, format: Any = None, rate: Any = None) -> list[Any]:  # noqa: A002
    return [read(message) async for message in sender.messages(audio, format, rate)]


def read(message: Outgoing) -> tuple[str, int, bytes]:
    data = json.loads(message.text)["data"]
    return data["format"], data["sample_rate"], base64.b64decode(data["audio"])


END = ("pcm16", 16_000, b"")


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(160_000))
    return path


def test_the_end_of_a_stream_is_no_sound_in_another_format() -> None:
    assert json.loads(END_OF_STREAM)["data"] == {
        "audio": "",
        "format": "pcm16",
        "sample_rate": 16_000,
    }


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_bytes_are_samples_at_16_khz_unless_told(kind: Any) -> None:
    sender = SoundSender()
    assert await sent(sender, kind(b"\1\2")) == [("pcm16", 16_000, b"\1\2")]
    assert await sent(sender, kind(b"\1\2"), rate=8_000) == [("pcm16", 8_000, b"\1\2")]
    assert await sent(sender, kind(b"")) == []


async def test_bytes_that_begin_as_a_file_are_that_file(wav: Path) -> None:
    messages = await sent(SoundSender(), wav.read_bytes())
    assert messages[-1] == END
    assert {kind for kind, _, _ in messages[:-1]} == {"wav"}
    assert b"".join(data for _, _, data in messages) == wav.read_bytes()


async def test_pieces_of_a_file_without_a_format_are_refused_and_not_taken_for_samples(
    wav: Path,
) -> None:
    sender, data = SoundSender(), wav.read_bytes()
    await sent(sender, data[:1_000])
    with pytest.raises(ValueError, match="format="):
        await sent(sender, data[1_000:2_000])
    assert await sent(sender, b"\0\0", "pcm16") == [("pcm16", 16_000, b"\0\0")]


async def test_pieces_with_a_format_are_one_stream_until_another_is_sent(wav: Path) -> None:
    sender, data = SoundSender(), wav.read_bytes()[:20_045]
    messages = []
    for at in range(0, len(data), 999):
        messages += await sent(sender, data[at : at + 999], "wav")
    assert END not in messages
    messages += await sent(sender, b"\0\0")
    assert b"".join(piece for kind, _, piece in messages if kind == "wav") == data
    assert messages[-1] == ("pcm16", 16_000, b"\0\0")


async def test_a_file_is_sent_whole_and_ended(wav: Path) -> None:
    for path in (wav, str(wav)):
        messages = await sent(SoundSender(), path)
        assert b"".join(data for _, _, data in messages) == wav.read_bytes()
        assert messages[-1] == END


async def test_a_file_of_bare_samples_needs_its_format(tmp_path: Path) -> None:
    path = tmp_path / "said.raw"
    path.write_bytes(bytes(1_000))
    with pytest.raises(ValueError, match=r"said\.raw .* format='pcm16'"):
        await sent(SoundSender(), path)
    assert await sent(SoundSender(), path, "pcm16", 8_000) == [("pcm16", 8_000, bytes(1_000))]
    with pytest.raises(FileNotFoundError):
        await sent(SoundSender(), tmp_path / "nosuch")


async def test_iterables_of_bytes_are_sent_as_they_come() -> None:
    async def later() -> AsyncIterator[bytes]:
        yield b"\1"
        await asyncio.sleep(0)
        yield b"\1\2\2"

    expected = [("pcm16", 16_000, b"\1\1"), ("pcm16", 16_000, b"\2\2")]
    assert await sent(SoundSender(), [b"\1\1", bytearray(b"\2\2")]) == expected
    assert b"".join(data for _, _, data in await sent(SoundSender(), later())) == b"\1\1\2\2"


@pytest.mark.parametrize(
    ("audio", "options", "error", "named"),
    [
        (b"\0\0\0", {}, ValueError, "3 bytes"),
        ([b"\0\0\0"], {}, ValueError, "odd"),
        (b"\0\0", {"format": "flac"}, ValueError, "pcm16, opus, mp3, wav"),
        (b"\0\0", {"rate": 96_000}, ValueError, "8000 to 48000"),
        (b"fLaC....", {}, ValueError, "FLAC"),
        (["text"], {}, TypeError, "str"),
        (7, {}, TypeError, "int"),
    ],
)
async def test_what_can_not_be_sent_is_refused_in_words(
    audio: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        await sent(SoundSender(), audio, **options)


class Microphone:
    """Stands for sounddevice: a thread that says the same block again and again."""

    def __init__(self, fails: bool = False) -> None:
        self.opened: list[dict[str, Any]] = []
        self.closed = threading.Event()
        microphone = self

        class PortAudioError(Exception):
            pass

        class RawInputStream:
            def __init__(self, **options: Any) -> None:
                microphone.opened.append(options)
                self._callback = options["callback"]
                self._stop = threading.Event()
                self._thread = threading.Thread(target=self._run)

            def start(self) -> None:
                if fails:
                    raise PortAudioError("Error querying device -1")
                self._thread.start()

            def _run(self) -> None:
                while not self._stop.wait(0.002):
                    self._callback(b"\1\2" * 1_600, 1_600, None, None)

            def close(self) -> None:
                self._stop.set()
                if self._thread.is_alive():
                    self._thread.join()
                microphone.closed.set()

        self.module = types.ModuleType("sounddevice")
        self.module.RawInputStream = RawInputStream  # type: ignore[attr-defined]
        self.module.PortAudioError = PortAudioError  # type: ignore[attr-defined]


@contextlib.contextmanager
def as_sounddevice(module: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sounddevice", module)
        yield


async def until_sound(peer: Any) -> None:
    for _ in range(3):
        await peer.next("audio.input")
    await peer.socket.close(1000, "idle_timeout")


async def test_the_microphone_is_sent_until_the_session_ends(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone = Microphone()
    server = await fake(until_sound)
    with as_sounddevice(microphone.module, monkeypatch):
        with VoiceAgentClient(api_key="k", base_url=server.url) as client:
            async with client.connect_voice("t", max_ahead=60) as ws:
                await ws.send_microphone(device="USB")
    assert microphone.closed.is_set()
    (opened,) = microphone.opened
    assert (opened["samplerate"], opened["device"], opened["channels"]) == (16_000, "USB", 1)
    assert base64.b64decode(server.received[0]["data"]["audio"]) == b"\1\2" * 1_600


async def test_the_microphone_is_let_go_when_its_task_is_cancelled(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone, heard = Microphone(), asyncio.Event()

    async def listen(peer: Any) -> None:
        await peer.next("audio.input")
        heard.set()
        await peer.next("session.end")

    server = await fake(listen)
    with as_sounddevice(microphone.module, monkeypatch):
        with VoiceAgentClient(api_key="k", base_url=server.url) as client:
            async with client.connect_voice("t") as ws:
                task = asyncio.create_task(ws.send_microphone())
                await heard.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
    assert microphone.closed.is_set()


async def test_the_microphone_tells_of_an_end_that_nobody_wished(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replaced(peer: Any) -> None:
        await peer.next("audio.input")
        await peer.socket.close(1008, "replaced: by another")

    server = await fake(replaced)
    with as_sounddevice(Microphone().module, monkeypatch):
        with VoiceAgentClient(api_key="k", base_url=server.url) as client:
            async with client.connect_voice("t", max_ahead=60) as ws:
                with pytest.raises(SessionEnded, match="replaced"):
                    await ws.send_microphone()


async def test_a_missing_microphone_library_or_device_is_told_with_what_helps(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(peer: Any) -> None:
        await peer.next("session.end")

    server = await fake(idle)
    with VoiceAgentClient(api_key="k", base_url=server.url) as client:
        async with client.connect_voice("t") as ws:
            with as_sounddevice(None, monkeypatch):
                with pytest.raises(MicrophoneError, match=r"voice-agent\[microphone\]"):
                    await ws.send_microphone()
            failing = Microphone(fails=True)
            with as_sounddevice(failing.module, monkeypatch):
                with pytest.raises(MicrophoneError, match="no microphone can be opened"):
                    await ws.send_microphone()
            assert failing.closed.is_set()

            def no_portaudio(name: str) -> None:
                raise OSError("PortAudio library not found")

            monkeypatch.setattr("importlib.import_module", no_portaudio)
            with pytest.raises(MicrophoneError, match="libportaudio2"):
                await ws.send_microphone()
