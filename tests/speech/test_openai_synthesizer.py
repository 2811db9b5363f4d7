"""Speaking over OpenAI's HTTP API, against a server on a real socket."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import av
import numpy as np
import pytest

from greenroom.audio.encode import encode_mp3
from greenroom.audio.pcm import Pcm
from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed, ProviderUnavailable
from greenroom.speech import openai_account, openai_synthesizer
from greenroom.speech.openai_synthesizer import OpenAISynthesizer, create
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.registry import create_synthesizer
from support.openai_server import (
    KEY,
    Behaviour,
    OpenAIServer,
    openai_server,
    refused,
    stalled,
    tone,
    tone_wav,
    unavailable_html,
)

URI = "openai:gpt-4o-mini-tts"
TEXT = "I found three running shoes."
Make = Callable[..., OpenAISynthesizer]


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def make(server: OpenAIServer, data_dir: Any) -> AsyncIterator[Make]:
    """`make(uri)`: a synthesizer of the server."""
    made: list[OpenAISynthesizer] = []

    def make(uri: str = URI, **secrets: str) -> OpenAISynthesizer:
        known = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url} | secrets
        made.append(create(uri, ProviderContext(data_dir, secret=known.get)))
        return made[-1]

    yield make
    for synthesizer in made:
        await synthesizer.close()


async def say(
    synthesizer: OpenAISynthesizer, text: str = TEXT, voice: str = "Ashley"
) -> list[SpeechChunk]:
    async with asyncio.timeout(10):
        return [chunk async for chunk in synthesizer.speak(text, voice)]


async def said(synthesizer: OpenAISynthesizer, text: str = TEXT, voice: str = "Ashley") -> Pcm:
    return np.concatenate([chunk.pcm for chunk in await say(synthesizer, text, voice)])


def frequency(pcm: Pcm, rate: int) -> float:
    """Hz of the strongest tone."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64)))
    return float(spectrum.argmax() * rate / len(pcm))


def opus(pcm: Pcm, rate: int) -> bytes:
    """An Ogg Opus file."""
    import io

    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


async def test_a_sentence_is_spoken(server: OpenAIServer, make: Make) -> None:
    synthesizer = make()
    assert synthesizer.rate == 24_000
    assert np.array_equal(await said(synthesizer), tone())
    assert server.requests[0].json() == {
        "model": "gpt-4o-mini-tts",
        "input": TEXT,
        "voice": "nova",
        "response_format": "pcm",
    }


async def test_the_first_sound_is_heard_while_the_rest_is_made(
    server: OpenAIServer, make: Make
) -> None:
    hold = Behaviour(hold_at=2_000)
    server.behave(hold)
    async with asyncio.timeout(5), aclosing(make().speak(TEXT, "Ashley")) as chunks:
        first = await anext(chunks)
        assert len(first.pcm) == 1_000
        hold.release.set()
        rest = [chunk.pcm async for chunk in chunks]
    assert np.array_equal(np.concatenate([first.pcm, *rest]), tone())


@pytest.mark.parametrize("piece", [1, 3, 777, 1_001])
async def test_samples_that_are_cut_in_two_are_joined(
    server: OpenAIServer, make: Make, piece: int
) -> None:
    server.sound = tone(60).tobytes()
    server.behave(Behaviour(piece=piece))
    assert np.array_equal(await said(make()), tone(60))


async def test_chunks_are_neither_crumbs_nor_lumps(server: OpenAIServer, make: Make) -> None:
    server.sound = tone(3_000).tobytes()
    server.behave(Behaviour(piece=100), Behaviour(piece=1_000_000))
    synthesizer = make()
    for _ in range(2):
        sizes = [len(chunk.pcm) for chunk in await say(synthesizer)]
        assert sum(sizes) == 72_000
        assert sizes[0] >= 480
        assert min(sizes[1:-1]) >= 2_400
        assert max(sizes) <= 12_000


async def test_half_a_sample_at_the_end_is_dropped(
    server: OpenAIServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "greenroom")
    server.sound = tone().tobytes() + b"\x01"
    assert np.array_equal(await said(make()), tone())
    assert "1 bytes that are no whole sample" in caplog.text


@pytest.mark.parametrize("uri", [URI, f"{URI}?format=wav"])
@pytest.mark.parametrize("piece", [5, 65_536])
async def test_a_header_is_not_heard(
    server: OpenAIServer, make: Make, uri: str, piece: int
) -> None:
    server.sound = tone_wav()
    server.behave(Behaviour(piece=piece))
    assert np.array_equal(await said(make(uri)), tone())


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2), (44_100, 1)])
async def test_another_rate_in_the_header_is_resampled(
    server: OpenAIServer, make: Make, rate: int, channels: int
) -> None:
    server.sound = tone_wav(1_000, rate, channels)
    pcm = await said(make(f"{URI}?format=wav"))
    assert len(pcm) == pytest.approx(24_000, abs=10)
    assert frequency(pcm, 24_000) == pytest.approx(300, abs=1)
    assert np.abs(pcm).max() == pytest.approx(8_000, rel=0.05)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 1_000])
async def test_a_header_with_a_wrong_size_loses_no_sound(
    server: OpenAIServer, make: Make, size: int
) -> None:
    wav = bytearray(tone_wav())
    wav[40:44] = struct.pack("<I", size)
    server.sound = bytes(wav)
    server.behave(Behaviour(piece=600))
    assert np.array_equal(await said(make()), tone())


@pytest.mark.parametrize("piece", [100, 65_536])
async def test_chunks_around_the_samples_are_not_heard(
    server: OpenAIServer, make: Make, piece: int
) -> None:
    wav = tone_wav()
    extra = b"LIST" + struct.pack("<I", 5) + b"INFO\x00\x00"
    server.sound = wav[:36] + extra + wav[36:] + extra + b"id3 " + b"\x7f" * 500
    server.behave(Behaviour(piece=piece))
    assert np.array_equal(await said(make()), tone())


@pytest.mark.parametrize("format_", ["mp3", "opus"])
async def test_packed_sound_is_unpacked(server: OpenAIServer, make: Make, format_: str) -> None:
    pcm = tone(1_000)
    server.sound = encode_mp3(pcm, 24_000) if format_ == "mp3" else opus(pcm, 24_000)
    server.behave(Behaviour(piece=500))
    synthesizer = make(f"{URI}?format={format_}")
    assert synthesizer.rate == 16_000
    heard = await said(synthesizer)
    assert len(heard) == pytest.approx(16_000, abs=400)
    assert frequency(heard, 16_000) == pytest.approx(300, abs=2)


async def test_all_that_can_be_asked_is_asked(server: OpenAIServer, make: Make) -> None:
    uri = f"{URI}?speed=1.25&instructions=Speak%20gently&rate=16000&voices=Ashley:coral,Craig:ash"
    synthesizer = make(uri)
    assert synthesizer.rate == 16_000
    await said(synthesizer, voice="Ashley")
    await said(synthesizer, voice="Craig")
    await said(synthesizer, voice="Wendy")
    await said(synthesizer, voice="alloy")
    asked = [request.json() for request in server.requests]
    assert [request["voice"] for request in asked] == ["coral", "ash", "coral", "alloy"]
    assert asked[0]["speed"] == 1.25
    assert asked[0]["instructions"] == "Speak gently"


async def test_the_named_voices_are_six(server: OpenAIServer, make: Make) -> None:
    synthesizer = make()
    for voice in VOICES:
        await said(synthesizer, voice=voice)
    assert len({request.json()["voice"] for request in server.requests}) == 6


async def test_only_what_is_to_be_spoken_is_sent(server: OpenAIServer, make: Make) -> None:
    await said(make(), "[cheerfully] **Look**: <b>two</b> boots at $20! 😀")
    assert server.requests[0].json()["input"] == "Look: two boots at 20 dollars!"


async def test_text_without_words_costs_no_request(server: OpenAIServer, make: Make) -> None:
    assert await say(make(), "[laughs] ... 😀") == []
    assert server.requests == []


async def test_a_long_text_is_spoken_in_several_requests(server: OpenAIServer, make: Make) -> None:
    await say(make(), "One more sentence that is said. " * 100)
    inputs = [request.json()["input"] for request in server.requests]
    assert len(inputs) == 4
    assert all(len(text) <= 1_000 for text in inputs)
    assert {request.connection for request in server.requests} == {1}


@pytest.mark.parametrize("after", [0, 5_000])
async def test_closing_breaks_the_request_off(server: OpenAIServer, make: Make, after: int) -> None:
    server.behave(stalled(after))
    chunks = make().speak(TEXT, "Ashley")
    if after:
        await anext(chunks)
        request = server.requests[0]
        await chunks.aclose()
    else:
        waiting = asyncio.create_task(anext(chunks))
        request = await server.request()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        await request.gone.wait()
    assert np.array_equal(await said(make()), tone())


async def test_no_connection_is_left_behind(server: OpenAIServer, make: Make) -> None:
    synthesizer = make()
    for _ in range(20):
        server.behave(stalled(5_000))
        chunks = synthesizer.speak(TEXT, "Ashley")
        await anext(chunks)
        await chunks.aclose()
        await server.requests[-1].gone.wait()
    await said(synthesizer)
    assert server.http.open_connections == 1
    assert not synthesizer._client._http._transport._pool._requests  # type: ignore[attr-defined]


async def test_ten_sentences_use_one_connection(server: OpenAIServer, make: Make) -> None:
    synthesizer = make()
    await synthesizer.warm_up()
    for _ in range(10):
        await said(synthesizer)
    assert {request.connection for request in server.requests} == {1}


@pytest.mark.parametrize(
    ("behaviour", "says", "retryable"),
    [
        (refused(404, "model_not_found"), "model 'gpt-4o-mini-tts' is unknown", False),
        (refused(429, "insufficient_quota"), "quota", False),
        (refused(500), "failed", True),
        (unavailable_html(), "503", True),
        (Behaviour(cut_at=-1), "connection broke", True),
        (Behaviour(cut_at=10_000), "connection broke", True),
        (Behaviour(body=b""), "no sound", True),
        (Behaviour(body=b"\x00"), "no sound", True),
        (Behaviour(body=b"{}", kind="application/json"), "application/json, not sound", True),
        (Behaviour(body=b"<p>", kind="text/html; charset=utf-8"), "text/html, not sound", True),
        (Behaviour(body=b"ID3\x04" + b"x" * 100), "it sent mp3 where samples", False),
        (Behaviour(body=b"\xff\xf3\x84\xc4" + b"x" * 100), "it sent mp3", False),
        (Behaviour(body=b"OggS" + b"x" * 100), "it sent opus", False),
        (Behaviour(body=b"RIFF" + b"\x00" * 5_000), "WAV without samples", False),
        (Behaviour(body=tone_wav(rate=96_001)), "96001 Hz", False),
        (Behaviour(body=b"RIFFxxxxWAVEdata\x00\x00\x00\x00"), "WAV of kind 0", False),
    ],
)
async def test_trouble_is_told_for_what_it_is(
    server: OpenAIServer, make: Make, behaviour: Behaviour, says: str, retryable: bool
) -> None:
    server.behave(behaviour)
    synthesizer = make()
    with pytest.raises(ProviderFailed, match=says) as raised:
        await say(synthesizer)
    assert raised.value.retryable is retryable
    assert raised.value.provider == URI
    assert KEY not in str(raised.value)
    assert np.array_equal(await said(synthesizer), tone())


async def test_an_extensible_header_is_read(server: OpenAIServer, make: Make) -> None:
    sub_format = struct.pack("<HHI", 22, 16, 4) + b"\x01\x00" + b"\x00" * 14
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 24_000, 48_000, 2, 16) + sub_format
    data = tone().tobytes()
    server.sound = b"".join(
        (
            b"RIFF\xff\xff\xff\xffWAVEfmt ",
            struct.pack("<I", len(form)) + form,
            b"data" + struct.pack("<I", len(data)) + data,
        )
    )
    assert np.array_equal(await said(make()), tone())


async def test_packed_sound_that_is_none_is_told(server: OpenAIServer, make: Make) -> None:
    server.sound = b"nothing of the kind " * 1_000
    with pytest.raises(ProviderFailed, match="not an Ogg stream"):
        await say(make(f"{URI}?format=opus"))


async def test_speech_without_end_is_cut(
    server: OpenAIServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_synthesizer, "_MAX_SOUND", 10_000)
    with pytest.raises(ProviderFailed, match="without end"):
        await say(make())


async def test_a_voice_that_the_server_does_not_have_is_the_clients_error(make: Make) -> None:
    with pytest.raises(InvalidInput, match="no voice 'Morgan'; allowed: Ashley, Craig") as raised:
        await say(make(), voice="Morgan")
    assert raised.value.field == "voice"


async def test_a_named_voice_that_the_server_does_not_have_is_the_settings_error(
    make: Make,
) -> None:
    with pytest.raises(ProviderFailed, match="no voice 'bella': say with voices=Ashley") as raised:
        await say(make(f"{URI}?voices=Ashley:bella"))
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("openai:m?voices=Ashely:nova", "'voices' .* of Ashley, Craig"),
        ("openai:m?rate=96000", "'rate' .* 8000 to 48000"),
        ("openai:m?format=flac", "one of pcm, wav, mp3, opus"),
        ("openai:m?speed=5", "from 0.25 to 4"),
        ("openai:m?language=en", "no option 'language'"),
        ("openai:m?key=OTHER_KEY", "set OTHER_KEY"),
    ],
)
async def test_a_uri_that_does_not_fit_is_refused(make: Make, uri: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        make(uri)
    assert raised.value.setting == "providers.synthesizer"


async def test_a_key_that_is_refused_ends_the_start(make: Make) -> None:
    with pytest.raises(
        ProviderUnavailable, match="the key in OPENAI_API_KEY was refused"
    ) as raised:
        await make(OPENAI_API_KEY="sk-wrong").warm_up()
    assert raised.value.setting == "providers.synthesizer"


async def test_the_end_of_openais_own_models_is_told_at_the_start(
    server: OpenAIServer,
    make: Make,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make().warm_up()
    assert "until" not in caplog.text
    monkeypatch.setattr(openai_account, "OPENAI", server.url)
    await make("openai:").warm_up()
    assert "OpenAI serves gpt-4o-mini-tts until 6 January 2027 only" in caplog.text


def test_it_is_found_by_its_scheme(data_dir: Any) -> None:
    context = ProviderContext(data_dir, secret={"OPENAI_API_KEY": KEY}.get)
    synthesizer = create_synthesizer("openai:", context)
    assert isinstance(synthesizer, OpenAISynthesizer)
    assert synthesizer._client.model == "gpt-4o-mini-tts"
