"""What is left after the worst end: kill -9 in the middle of a conversation."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from support.server import API_KEY, SCRIPTED, running_server
from support.speech import audio_inputs, receive, say

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]


async def has_ended(pidfd: int) -> None:
    """Wait for the end of a process that need not be our child."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


async def show(session_id: str, data_dir: Path) -> dict[str, Any]:
    """`greenroom sessions show --json` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "greenroom", "sessions", "show", session_id, "--json",
        "--data-dir", str(data_dir), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    shown: dict[str, Any] = json.loads(out)
    return shown


async def test_kill_9_in_a_talk_loses_no_words_ends_the_session_and_leaves_no_process(
    data_dir: Path,
) -> None:
    pcm = await say("show me running shoes under one hundred dollars", data_dir)
    # A real engine, so that there are helper processes which might be left behind.
    settings = {**SCRIPTED, "GREENROOM_PROVIDERS__SYNTHESIZER": "espeak:"}
    async with running_server(data_dir, **settings) as server:
        async with connect(server.ws_url, additional_headers=HEADERS, proxy=None) as socket:
            await socket.send(json.dumps({"type": "session.start", "data": {}}))
            session_id = (await receive(socket, "session.ready"))["session_id"]
            for message in audio_inputs(pcm):
                await socket.send(message)
            heard = await receive(socket, "transcription")
            answered = await receive(socket, "agent.response")
            await receive(socket, "audio.output")
            await asyncio.sleep(0.1)  # the promise: what is older than 100 ms is there
            helpers = [os.pidfd_open(pid) for pid in children_of(server.process.pid)]
            assert helpers
            await server.kill()
        async with asyncio.timeout(10):
            await asyncio.gather(*map(has_ended, helpers))

    async with (
        running_server(data_dir, **SCRIPTED) as server,
        httpx.AsyncClient(base_url=server.url, headers=HEADERS) as client,
    ):
        session = (await client.get(f"/api/sessions/{session_id}")).json()
    said = [(message["role"], message["content"]) for message in session["messages"]]
    assert ("user", heard["text"]) in said
    assert ("assistant", answered["text"]) in said
    stored = await show(session_id, data_dir)
    assert stored["status"] == "failed"
    assert stored["end_reason"] == "node_lost"
