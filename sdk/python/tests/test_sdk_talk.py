"""Whole talks with the real server."""

from __future__ import annotations

import asyncio
from typing import Any

from support.server import API_KEY

from voice_agent import VoiceAgentClient

SAID = "show me running shoes under 100 dollars"


async def test_the_contracts_example_runs_as_it_is_written(
    server_url: str, speech: bytes, capsys: Any
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
