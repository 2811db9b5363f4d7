"""Contract 001 on a real server, with nothing else beside it: start, join, listen, talk, end."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import re
import socket
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from livekit import rtc

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.audio.resample import resample
from greenroom.speech.ports import VOICES, ProviderContext
from greenroom.speech.registry import create_synthesizer
from support.database import NAME
from support.documents import ROOT, program, run
from support.livekit_client import LOUD, RATE, connected
from support.server import ServerProcess, running_server
from support.speech import say

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

LINE = "Hi there! Ready to help."
VOICE = "Craig"
QUIET = RATE * 7 // 10
"""Samples of silence after which a sentence is over."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """It tells itself by webhook what happens in its rooms, as a LiveKit server would."""
    data_dir = tmp_path_factory.mktemp("orchestrator") / "data"
    data_dir.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with running_server(
        data_dir,
        "--port",
        str(port),
        GREENROOM_SERVER__APIS="commerce,orchestrator",
        GREENROOM_PROVIDERS__TRANSCRIBER="scripted:?text=what+can+you+do",
        GREENROOM_PROVIDERS__SYNTHESIZER="espeak:",
        GREENROOM_SERVER__DRAIN_TIMEOUT="0",
        GREENROOM_ROOMS__WEBHOOK_URLS=f"http://127.0.0.1:{port}/webhook/livekit",
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client


async def heard(stream: rtc.AudioStream, *, most: float = 20.0) -> Pcm:
    """The next sentence of a track, at 48 kHz, without the silence around it.

    No more than its first `most` seconds.
    """
    frames: list[Pcm] = []
    quiet = 0
    async with asyncio.timeout(30):
        async for event in stream:
            pcm = np.frombuffer(event.frame.data, np.int16)
            loud = bool(np.abs(pcm.astype(int)).max() > LOUD)
            if loud or frames:
                frames.append(pcm)
                quiet = 0 if loud else quiet + len(pcm)
            if quiet > QUIET or sum(map(len, frames)) > most * RATE:
                break
    whole = np.concatenate(frames)
    return whole[: len(whole) - quiet]


def spectrum(pcm: Pcm) -> np.ndarray:
    """How strong each frequency is on average, 16 kHz, in dB."""
    size = 1_024
    pieces = pcm[: len(pcm) // size * size].reshape(-1, size) * np.hanning(size)
    power: np.ndarray = np.abs(np.fft.rfft(pieces, axis=1)).mean(axis=0)
    return 20 * np.log10(power + 1.0)


async def likeness(pcm: Pcm, text: str, data_dir: Path) -> dict[str, float]:
    """How like each voice it is, when that says `text`."""
    said = spectrum(resample(pcm, RATE, HEARING_RATE))
    synthesizer = create_synthesizer("espeak:", ProviderContext(data_dir))
    found = {}
    try:
        for voice in VOICES:
            parts = [chunk.pcm async for chunk in synthesizer.speak(text, voice)]
            meant = resample(np.concatenate(parts), synthesizer.rate, HEARING_RATE)
            found[voice] = float(np.corrcoef(said, spectrum(meant))[0, 1])
    finally:
        await synthesizer.close()
    return found


async def test_a_session_is_started_joined_heard_talked_in_and_ended(
    server: ServerProcess, client: httpx.AsyncClient
) -> None:
    body = {"userName": "ann", "voiceId": VOICE, "openingLine": LINE}
    started = (await client.post("/api/session/start", json=body)).json()
    session_id = started["sessionId"]
    assert re.fullmatch(r"session_\d{10}_[0-9a-f]+", session_id)
    assert started["serverUrl"] == server.rooms_url
    async with connected(started["serverUrl"], started["token"]) as person:
        assert person.me.identity == "user_ann"
        assert person.room.name == session_id
        track, _, agent = await person.saw("track_subscribed")
        assert agent.identity == "agent"
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            opening = await heard(stream)
            first_words = time.monotonic() - len(opening) / RATE - QUIET / RATE
            likely = await likeness(opening, LINE, server.data_dir)
            microphone = await person.publish_microphone()
            question = await say("hello, what can you do?", server.data_dir)
            speaking = asyncio.create_task(microphone.play(resample(question, HEARING_RATE, RATE)))
            answer = await heard(stream, most=0.3)
            await speaking
        finally:
            await stream.aclose()
        ends = [
            await client.post("/api/session/end", json={"sessionId": session_id}) for _ in range(2)
        ]
        ended = time.monotonic()
        await person.saw("disconnected")
    assert max(likely, key=lambda voice: likely[voice]) == VOICE, likely
    assert len(answer) >= 0.25 * RATE
    assert ends[0].json() == ends[1].json()
    body = ends[0].json()
    assert body["details"].pop("durationSeconds") == pytest.approx(ended - first_words, abs=1.5)
    assert body == {
        "success": True,
        "message": f"Session {session_id} ended and cleaned up",
        "details": {
            "session_id": session_id,
            "celery_task_revoked": False,
            "process_killed": True,
            "redis_cleaned": False,
            "errors": [],
            "durationMinutes": 1,
        },
    }


async def test_the_lines_of_the_document_do_what_they_say(
    server: ServerProcess, tmp_path: Path
) -> None:
    document = (Path(__file__).parent / "contract_001.sh").read_text()
    (flow,) = re.findall(
        r"```bash\n(.*?)```", (ROOT / "docs" / "contract-001.md").read_text(), re.DOTALL
    )
    assert flow in document
    here = document.replace("http://localhost:8000", server.url)
    (tmp_path / "lines.sh").write_text(here.replace("sleep 120", "sleep 0"))
    said = await run("bash -eu -o pipefail lines.sh", tmp_path)
    before, session_id, after = re.split(r"Session: (session_\w+)\n", said)
    health, started, unknown = json_values(before)
    assert (health["status"], health["redis_connected"]) == ("healthy", False)
    assert set(health["checks"]) == {"api", "shopify", "livekit", "redis", "agents"}
    assert started["success"] is True
    assert unknown == {"detail": "Session session_1234567890_abc123 not found"}
    ended, *more = json_values(after)
    assert ended["message"] == f"Session {session_id} ended and cleaned up"
    # Nobody has joined, so that nothing is billed.
    assert (ended["details"]["durationSeconds"], ended["details"]["durationMinutes"]) == (0, 0)
    assert [each["message"] for each in more] == [started["message"]] * 4
    assert len({session_id, started["sessionId"], *(each["sessionId"] for each in more)}) == 6


async def test_the_program_of_the_document_joins_and_ends(
    server: ServerProcess, tmp_path: Path
) -> None:
    code = program("docs/contract-001.md").replace("http://localhost:8000", server.url)
    (tmp_path / "program.py").write_text(code)
    said = (await run(f"{sys.executable} program.py", tmp_path)).splitlines()
    assert re.fullmatch(r"in session_\w+ with agent", said[0])
    assert ast.literal_eval(said[1])["process_killed"] is True


async def test_what_the_rooms_told_by_webhook_is_written_down_once(server: ServerProcess) -> None:
    """By the tests above."""

    def told() -> Counter[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(server.data_dir / NAME)) as database:
            rows = database.execute("SELECT session_id, data FROM journal WHERE kind = 'lifecycle'")
            events = [(session_id, json.loads(data)["event"]) for session_id, data in rows]
        return Counter(event for event in events if event[1].startswith("livekit: "))

    async with asyncio.timeout(10):
        while "livekit: room_finished" not in {name for _, name in told()}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    events = told()
    assert "livekit: participant_joined" in {name for _, name in events}
    assert {count for (_, name), count in events.items() if "room_" in name} == {1}


def json_values(text: str) -> list[dict[str, Any]]:
    """The JSON values that `text` is made of, one behind the other."""
    decoder, values = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values
