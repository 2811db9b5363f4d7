"""Whole talks with the real server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.server import API_KEY, SCRIPTED, running_server, spawn

import voice_agent as sdk
from voice_agent import VoiceAgentClient, VoiceConnection

SAID = "show me running shoes under 100 dollars"


@contextlib.asynccontextmanager
async def talk(
    url: str, *, through: str = "", **options: Any
) -> AsyncIterator[tuple[VoiceAgentClient, VoiceConnection]]:
    """A talk, perhaps `through` a network of this very loop; the client goes straight."""
    with (
        VoiceAgentClient(api_key=API_KEY, base_url=url) as client,
        VoiceAgentClient(api_key=API_KEY, base_url=through or url) as caller,
    ):
        session = client.create_session()
        async with caller.connect_voice(session.token, **options) as ws:
            yield client, ws


async def until(ws: VoiceConnection, kind: str, seconds: float = 20) -> Any:
    async with asyncio.timeout(seconds):
        async for message in ws:
            assert message.type != "error", message
            if message.type == kind:
                return message.data
    raise AssertionError(f"it ended without {kind}")


async def test_the_contracts_example_runs_as_it_is_written(
    server_url: str, speech: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    audio_data = speech
    client = VoiceAgentClient(api_key=API_KEY, base_url=server_url)

    # Create session
    session = client.create_session()

    # Connect WebSocket
    async with client.connect_voice(session.token) as ws:
        speaking = asyncio.create_task(ws.send_audio(audio_data))
        # Handle messages
        async for message in ws:
            if message.type == "transcription":
                print(f"User: {message.data.text}")
            elif message.type == "agent.response":
                print(f"Agent: {message.data.text}")
                break

        # Send audio
        await ws.send_audio(audio_data)
    await speaking
    client.close()
    said = capsys.readouterr().out
    assert f"User: {SAID}" in said
    assert "Agent: " in said


async def test_a_talk_is_recorded_when_end_returns(server_url: str, speech: bytes) -> None:
    async with talk(server_url) as (client, ws):
        await ws.send_audio(speech[: -1_400 * 32])  # the turn is still open
        await ws.end()
        heard = [m.data.text async for m in ws if m.type == "transcription"]
        details = client.get_session(ws.session_id)
    assert heard == [SAID]
    assert details.status == "completed"
    assert details.messages[0].content == SAID


async def test_leaving_the_block_ends_the_session(server_url: str) -> None:
    async with talk(server_url) as (client, ws):
        pass
    with VoiceAgentClient(api_key=API_KEY, base_url=server_url) as client:
        assert client.end_session(ws.session_id).message
        assert client.get_session(ws.session_id).status == "completed"


async def test_a_reply_comes_as_text_and_as_sound_with_its_events(
    server_url: str, speech: bytes
) -> None:
    options: Any = {"audio_format": "pcm16", "sample_rate": 16_000, "events": ["playback"]}
    async with talk(server_url, **options) as (_, ws):
        await ws.send_audio(speech)
        reply = None
        started = sound = None
        async with asyncio.timeout(20):
            async for message in ws:
                if message.type == "agent.response":
                    reply = message.data
                elif message.type == "playback":
                    started = message.data
                elif message.type == "audio.output":
                    sound = message.data
                if reply and started and sound:
                    break
        assert reply is not None
        assert started is not None
        assert sound is not None
        assert reply.tools_used == ("search_products",)
        assert (started.state, started.response_id) == ("started", reply.response_id)
        assert (sound.format, sound.sample_rate) == ("pcm16", 16_000)
        assert len(sound.audio) / 32 == pytest.approx(sound.duration_ms, abs=1)
        assert reply.response_id is not None
        await ws.playback_position(reply.response_id, 100)


def in_file(codec: str, container: str, speech: bytes) -> bytes:
    out = io.BytesIO()
    pcm = np.frombuffer(speech, "<i2")
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def in_wav(speech: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(speech)
    return out.getvalue()


async def test_files_of_every_format_are_heard_one_after_the_other(
    server_url: str, speech: bytes, tmp_path: Path
) -> None:
    files = {
        "said.wav": in_wav(speech),
        "again.wav": in_wav(speech),
        "said.mp3": in_file("libmp3lame", "mp3", speech),
        "again.mp3": in_file("libmp3lame", "mp3", speech),
        "said.opus": in_file("libopus", "ogg", speech),
        "again.opus": in_file("libopus", "ogg", speech),
    }
    async with talk(server_url, max_ahead=60) as (_, ws):
        for name, data in files.items():
            path = tmp_path / name
            path.write_bytes(data)
            await ws.send_audio(path)
            heard = await until(ws, "transcription")
            assert heard.text == SAID, name


async def test_sound_of_two_minutes_is_never_refused_as_too_far_ahead(server_url: str) -> None:
    async with talk(server_url, max_ahead=57) as (_, ws):
        sending = asyncio.create_task(ws.send_audio(bytes(120 * 32_000)))
        done, _ = await asyncio.wait([sending], timeout=2)
        assert not done, "it waits for real time"
        await ws.end()
        with pytest.raises(sdk.SessionEnded):
            await sending
        assert [m.type async for m in ws] == ["session.ready"]


async def test_a_cut_network_is_not_noticed_in_the_middle_of_a_sentence(
    server_url: str, speech: bytes, network: Callable[[str], Any]
) -> None:
    async with network(server_url) as wire:
        async with talk(server_url, through=wire.url, events=["reconnected"]) as (client, ws):
            first_id = ws.session_id
            await ws.send_audio(speech)
            await until(ws, "agent.response")
            wire.down = True
            wire.cut()
            middle = len(speech) // 4 * 2
            await ws.send_audio(speech[:middle])
            asyncio.get_running_loop().call_later(0.3, setattr, wire, "down", False)
            back = await until(ws, "reconnected")
            assert back.away_ms >= 200
            assert ws.session_id == first_id
            await ws.send_audio(speech[middle:])
            assert (await until(ws, "transcription")).text == SAID
            await until(ws, "agent.response")
            await ws.end()
            details = client.get_session(first_id)
    assert details.status == "completed"
    assert [m.content for m in details.messages if m.role == "user"] == [SAID, SAID]


async def test_opus_goes_on_after_a_cut(
    server_url: str, speech: bytes, network: Callable[[str], Any]
) -> None:
    data = in_file("libopus", "ogg", speech)
    parts = [data[at : at + 500] for at in range(0, len(data), 500)]
    async with network(server_url) as wire:
        async with talk(server_url, through=wire.url, events=["reconnected"]) as (_, ws):
            for part in parts[:4]:
                await ws.send_audio(part, format="opus")
            wire.cut()
            await until(ws, "reconnected")
            for part in parts[4:]:
                await ws.send_audio(part, format="opus")
            await ws.end()
            kinds = [message.type async for message in ws]
    assert "transcription" in kinds
    assert "error" not in kinds


async def test_a_session_ended_elsewhere_ends_the_iteration(server_url: str) -> None:
    async with talk(server_url) as (client, ws):
        await asyncio.to_thread(client.end_session, ws.session_id)
        async with asyncio.timeout(10):
            assert [message.type async for message in ws] == ["session.ready"]
        assert isinstance(ws.ended, sdk.SessionEnded)
        assert ws.ended.reason == "client_stopped"
        with pytest.raises(sdk.SessionEnded, match="client_stopped"):
            await ws.send_audio(b"\0\0")


async def test_a_second_connection_replaces_the_first(server_url: str) -> None:
    async with talk(server_url) as (client, first):
        token = client.create_session().token
        async with client.connect_voice(token) as one, client.connect_voice(token) as two:
            with pytest.raises(sdk.SessionEnded, match="replaced"):
                async for _ in one:
                    pass
            await two.end()
        assert first.ended is None


async def test_a_connection_that_was_left_can_be_taken_up_by_another(server_url: str) -> None:
    with VoiceAgentClient(api_key=API_KEY, base_url=server_url) as client:
        session = client.create_session()
        async with client.connect_voice(session.token) as ws:
            await ws.close(end_session=False)
        assert client.get_session(session.session_id).status == "active"
        async with client.connect_voice(API_KEY, session_id=session.session_id) as ws:
            assert ws.session_id == session.session_id


async def test_a_refused_handshake_is_the_exception_of_its_code(server_url: str) -> None:
    with VoiceAgentClient(api_key=API_KEY, base_url=server_url) as client:
        with pytest.raises(sdk.Unauthorized) as caught:
            await client.connect_voice("not-a-token").__aenter__()
        assert caught.value.status == 401
        session = client.create_session()
        with pytest.raises(sdk.Forbidden):
            await client.connect_voice(session.token, session_id="another").__aenter__()
        with pytest.raises(sdk.ValidationError) as unfit:
            await client.connect_voice(session.token, user_id="x" * 300).__aenter__()
        assert unfit.value.field == "data.user_id"
    with VoiceAgentClient(api_key=API_KEY, base_url=server_url + "/nosuch") as client:
        with pytest.raises(sdk.VoiceAgentError):
            await client.connect_voice(session.token).__aenter__()


async def test_a_server_that_restarts_ends_the_session_and_says_so(data_dir: Path) -> None:
    settings = {**SCRIPTED, "GREENROOM_SERVER__DRAIN_TIMEOUT": "0"}
    async with running_server(data_dir, **settings) as server:
        async with talk(server.url) as (_, ws):
            stopping = asyncio.create_task(server.terminate())
            with pytest.raises(sdk.SessionEnded) as caught:
                async for _ in ws:
                    pass
            await stopping
    assert caught.value.server_restarting
    assert caught.value.close_code == 1012


async def test_a_server_that_crashes_ends_the_session_when_it_is_back(data_dir: Path) -> None:
    async with running_server(data_dir, **SCRIPTED) as server:
        async with talk(server.url) as (_, ws):
            await server.kill()
            port = server.url.rsplit(":", 1)[1]
            process = await spawn(data_dir, "--port", port, **SCRIPTED)
            with pytest.raises(sdk.SessionEnded, match="node_lost") as caught:
                async for _ in ws:
                    pass
            process.terminate()
            await process.communicate()
    assert caught.value.server_restarting


async def test_limits_are_told_with_the_time_to_wait(data_dir: Path) -> None:
    settings = {**SCRIPTED, "GREENROOM_RATES__ENABLED": "true"}
    limit = {"GREENROOM_RATES__SESSION_CREATION": "2/minute", "GREENROOM_RATES__REQUESTS": "4/hour"}
    async with running_server(data_dir, **settings, **limit) as server:
        with VoiceAgentClient(api_key=API_KEY, base_url=server.url) as client:
            session = client.create_session()
            client.create_session()
            with pytest.raises(sdk.RateLimitExceeded) as caught:
                client.create_session()
            assert caught.value.limit == 2
            assert 0 < (caught.value.retry_after or 0) <= 60
            client.search_products("shoes")
            with pytest.raises(sdk.RateLimitExceeded):
                await client.connect_voice(API_KEY).__aenter__()
            async with client.connect_voice(session.token) as ws:
                await ws.end()
