"""Whole talks with the real server: real voice activity, voices, agent and shop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from greenroom.audio.pcm import samples_of
from support.server import API_KEY, ServerProcess, running_server
from support.speech import audio_inputs, receive, say

HEADERS = {"Authorization": f"Bearer {API_KEY}"}
HEARD = "scripted:?text=show+me+running+shoes+under+100+dollars&text=what+is+in+my+cart"


@asynccontextmanager
async def talk(server: ServerProcess, **start: Any) -> AsyncIterator[tuple[ClientConnection, str]]:
    async with connect(server.ws_url, additional_headers=HEADERS, proxy=None) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": start}))
        yield socket, (await receive(socket, "session.ready"))["session_id"]


async def speak(socket: ClientConnection, words: str, data_dir: Path) -> None:
    for message in audio_inputs(await say(words, data_dir)):
        await socket.send(message)


async def session_of(server: ServerProcess, session_id: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url, headers=HEADERS) as client:
        session: dict[str, Any] = (await client.get(f"/api/sessions/{session_id}")).json()
        return session


async def test_speech_over_a_reply_cuts_it_and_the_record_keeps_what_was_heard(
    data_dir: Path,
) -> None:
    async with running_server(data_dir, GREENROOM_PROVIDERS__TRANSCRIBER=HEARD) as server:
        events = ["agent.interrupted", "playback"]
        async with talk(server, events=events) as (socket, session_id):
            await speak(socket, "show me running shoes under one hundred dollars", data_dir)
            meant = await receive(socket, "agent.response")
            sound = await receive(socket, "audio.output")
            played = {"response_id": meant["response_id"], "played_ms": sound["duration_ms"] / 2}
            await socket.send(json.dumps({"type": "playback.position", "data": played}))
            await speak(socket, "wait, what is in my cart at the moment", data_dir)
            cut = await receive(socket, "agent.interrupted")
            # From now on nothing of the reply may come, only what answers the second turn.
            second, voices = None, []
            async with asyncio.timeout(20):
                while second is None or not voices:
                    message = json.loads(await socket.recv())
                    if message["type"] == "agent.response":
                        second = message["data"]
                    elif message["type"] == "audio.output":
                        voices.append(message["data"]["response_id"])
        session = await session_of(server, session_id)
    assert cut["response_id"] == meant["response_id"]
    assert cut["heard"]
    assert meant["text"].startswith(cut["heard"])
    assert len(cut["heard"]) < len(meant["text"])
    assert cut["played_ms"] >= played["played_ms"]
    assert set(voices) == {second["response_id"]}
    assert second["intent"] == "view_cart"
    assert session["messages"][1]["content"] == cut["heard"]


async def test_a_short_sound_over_a_reply_does_not_cut_it(data_dir: Path) -> None:
    # A question with a short answer, which is waited for to its end.
    heard = "scripted:?text=what+is+in+my+cart"
    async with running_server(data_dir, GREENROOM_PROVIDERS__TRANSCRIBER=heard) as server:
        async with talk(server, events=["agent.interrupted", "playback"]) as (socket, session_id):
            await speak(socket, "what is in my cart", data_dir)
            answered = await receive(socket, "agent.response")
            await receive(socket, "audio.output")
            yes = await say("yes", data_dir)
            for message in audio_inputs(yes[: samples_of(300) + samples_of(260)]):
                await socket.send(message)
            for message in audio_inputs(np.zeros(samples_of(1_500), np.int16)):
                await socket.send(message)
            finished = await receive(socket, "playback", 25)
            while finished["state"] != "finished":
                finished = await receive(socket, "playback", 25)
        session = await session_of(server, session_id)
    assert finished["response_id"] == answered["response_id"]
    assert [m["content"] for m in session["messages"]][1] == answered["text"]
    assert len(session["messages"]) == 2


async def test_somebody_who_hangs_up_in_the_middle_of_a_word_is_recorded(data_dir: Path) -> None:
    async with running_server(data_dir, GREENROOM_PROVIDERS__TRANSCRIBER=HEARD) as server:
        async with talk(server) as (socket, session_id):
            pcm = await say("show me running shoes under one hundred dollars", data_dir)
            for message in audio_inputs(pcm[: len(pcm) // 2]):
                await socket.send(message)
            await socket.close()
        async with asyncio.timeout(10):
            # REST tells only who asks.
            while not (session := await session_of(server, session_id))["messages"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    (message,) = session["messages"]
    assert message["role"] == "user"
    assert session["status"] == "active", "the client may come back"


@pytest.mark.timeout(120)
async def test_the_embedded_ears_understand_what_the_voices_say(data_dir: Path) -> None:
    async with running_server(data_dir) as server:
        async with talk(server) as (socket, session_id):
            await speak(socket, "show me running shoes under one hundred dollars", data_dir)
            heard = await receive(socket, "transcription", 30)
            answered = await receive(socket, "agent.response")
            sound = await receive(socket, "audio.output")
        session = await session_of(server, session_id)
    assert heard["is_final"] is True
    assert 0 < heard["confidence"] <= 1
    assert answered["intent"] == "product_search"
    assert answered["tools_used"] == ["search_products"]
    assert "$100" in answered["text"]
    assert sound["format"] == "mp3"
    assert session["messages"][0]["content"] == heard["text"]
