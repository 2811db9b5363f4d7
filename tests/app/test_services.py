"""Whole talks with services behind them: they fail, the talk goes on; they return, and are used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from support.openai_server import OpenAIServer, openai_server, unavailable_html
from support.server import API_KEY, ServerProcess, running_server
from support.speech import audio_inputs, receive, say

HEADERS = {"Authorization": f"Bearer {API_KEY}"}

PRICES = {
    "openai:whisper-1": {"audio_minute": 6.0},
    "openai:tts-1": {"million_characters": 1_000_000},
    "openai-chat:gpt-test": {"million_input_tokens": 1_000_000, "million_output_tokens": 0},
}


def chains(service: OpenAIServer) -> dict[str, str]:
    """Each port's first choice is the service, the second needs none."""
    at = f"?base_url={service.url}&key=SERVICE_KEY"
    return {
        "GREENROOM_PROVIDERS__TRANSCRIBER": f"openai:whisper-1{at},scripted:?text=hello",
        "GREENROOM_PROVIDERS__SYNTHESIZER": f"openai:tts-1{at},scripted:?ms_per_character=5",
        "GREENROOM_PROVIDERS__MODEL": f"openai-chat:gpt-test{at},offline",
        "GREENROOM_PROVIDERS__RETRIES": "0",
        "GREENROOM_PROVIDERS__RECOVERY_INTERVAL": "0.01",
        "GREENROOM_PROVIDERS__PRICES": json.dumps(PRICES),
        "SERVICE_KEY": service.key or "",
        "GREENROOM_LOG_LEVEL": "debug",
    }


@asynccontextmanager
async def talk(server: ServerProcess) -> AsyncIterator[tuple[ClientConnection, str]]:
    async with connect(server.ws_url, additional_headers=HEADERS, proxy=None) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": {"events": ["playback"]}}))
        yield socket, (await receive(socket, "session.ready"))["session_id"]


async def turn(socket: ClientConnection, data_dir: Path) -> tuple[str, str]:
    """Speak; what was heard, and what was answered, once that was played."""
    for message in audio_inputs(await say("show me running shoes", data_dir)):
        await socket.send(message)
    heard = await receive(socket, "transcription")
    answered = await receive(socket, "agent.response")
    while (await receive(socket, "playback"))["state"] != "finished":
        pass
    return heard["text"], answered["text"]


async def figures(server: ServerProcess, session_id: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url, headers=HEADERS) as client:
        answer: dict[str, Any] = (await client.get(f"/api/analytics/sessions/{session_id}")).json()
        return answer


async def test_a_talk_outlives_its_services_and_returns_to_them(data_dir: Path) -> None:
    async with openai_server() as service:
        service.thoughts.append("Happy to help with shoes.")
        async with running_server(data_dir, **chains(service)) as server:
            async with talk(server) as (socket, session_id):
                first = await turn(socket, data_dir)
                asked = len(service.requests)
                service.behave(*[unavailable_html()] * 3)
                second = await turn(socket, data_dir)
                failed = len(service.requests) - asked
                third = await turn(socket, data_dir)
            summed = await figures(server, session_id)
            log = "".join(server.log)
    assert first == third == ("show me running shoes", "Happy to help with shoes.")
    assert second[0] == "hello"
    assert second[1] != first[1]
    assert failed >= 3
    assert service.key is not None
    assert service.key not in log
    assert "transcriber openai:whisper-1" in log
    assert "is well again" in log
    used = {(line["port"], line["provider"].partition("?")[0]): line for line in summed["usage"]}
    assert set(used) == {
        ("transcriber", "openai:whisper-1"),
        ("transcriber", "scripted:"),
        ("synthesizer", "openai:tts-1"),
        ("synthesizer", "scripted:"),
        ("model", "openai-chat:gpt-test"),
        ("model", "offline"),
    }
    assert summed["cost"]["complete"]
    assert float(used["transcriber", "openai:whisper-1"]["cost"]) > 0
    assert used["synthesizer", "openai:tts-1"]["characters"] >= 2 * len(first[1])
    assert used["model", "openai-chat:gpt-test"]["requests"] == 3


async def test_a_service_that_is_down_at_the_start_keeps_nobody_from_talking(
    data_dir: Path,
) -> None:
    async with openai_server() as service:
        settings = chains(service)
    async with (
        running_server(data_dir, **settings) as server,
        talk(server) as (socket, _),
    ):
        heard, answered = await turn(socket, data_dir)
    assert heard == "hello"
    assert answered
