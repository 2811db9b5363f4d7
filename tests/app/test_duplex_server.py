"""A duplex session on a real server: begun by MCP, talked in by the chat protocol, killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sphn
from mcp.client.client import Client
from websockets.asyncio.client import ClientConnection, connect

from greenroom.audio.pcm import HEARING_RATE
from greenroom.audio.resample import resample
from support.server import SCRIPTED, ServerProcess, running_server
from support.speech import say

RATE, FRAME = 24_000, 1_920
PROMPT = "You are Sam. Ask: 1. What do you want to build? 2. Who is it for?"
DUPLEX = {**SCRIPTED, "GREENROOM_SERVER__APIS": "duplex", "GREENROOM_ROOMS__PROVIDER": "off"}


async def speak(socket: ClientConnection, pcm: np.ndarray) -> None:
    """A sentence and a second of silence, faster than real time."""
    writer = sphn.OpusStreamWriter(RATE)
    sound = np.concatenate([pcm.astype(np.float32) / 32_768, np.zeros(RATE, np.float32)])
    for at in range(0, len(sound) // FRAME * FRAME, FRAME):
        if pages := writer.append_pcm(sound[at : at + FRAME]):
            await socket.send(b"\x01" + pages)


async def words(socket: ClientConnection, wanted: str) -> None:
    """Read until the AI has said something with `wanted` in it."""
    said = ""
    async with asyncio.timeout(30):
        while wanted not in said:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            if frame[0] == 2:
                said += frame[1:].decode()


async def begun_by_mcp(server: ServerProcess) -> dict[str, Any]:
    async with Client(f"{server.duplex_url}/mcp") as agent:
        arguments = {"voice_prompt": "NATF2.pt", "text_prompt": PROMPT}
        answer = await agent.call_tool("start_voice_session", arguments)
        assert answer.structured_content is not None
        return answer.structured_content


async def shown(server: ServerProcess, session_id: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.duplex_url) as client:
        session: dict[str, Any] = (await client.get(f"/api/sessions/{session_id}")).json()
        return session


@pytest.mark.timeout(120)
async def test_a_talk_is_begun_by_mcp_read_live_and_outlives_a_kill(data_dir: Path) -> None:
    pcm = resample(await say("a dashboard for sensors", data_dir), HEARING_RATE, RATE)
    async with running_server(data_dir, **DUPLEX) as server:
        started = await begun_by_mcp(server)
        async with connect(started["websocket_url"], max_size=None, proxy=None) as socket:
            await words(socket, "build?")
            await speak(socket, pcm)
            await words(socket, "for?")
            live = await shown(server, started["session_id"])
            await server.kill()
    assert live["status"] == "active"
    assert {said["speaker"] for said in live["transcript"]} == {"ai", "user"}
    assert (
        SCRIPTED["GREENROOM_PROVIDERS__TRANSCRIBER"].split("=")[1].replace("+", " ")
        in (live["full_transcript"])
    )
    async with running_server(data_dir, **DUPLEX) as server:
        after = await shown(server, started["session_id"])
    assert (after["status"], after["end_reason"]) == ("stopped", "node_lost")
    assert len(after["transcript"]) >= len(live["transcript"])
    assert after["full_transcript"].startswith(live["full_transcript"][:200])
