"""A whole talk by WebRTC: LiveKit's client, the real server, real ears, agent, shop and voice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc
from websockets.asyncio.client import connect

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.audio.resample import resample
from support.livekit_client import LOUD, RATE, Client, connected
from support.server import API_KEY, running_server
from support.speech import receive, say

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


class Transcript:
    """The text streams of a room, by who is said to have spoken."""

    def __init__(self, client: Client) -> None:
        self.said: dict[str, list[str]] = defaultdict(list)
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        client.room.register_text_stream_handler("lk.transcription", self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._read(reader, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self.said[identity].append(await reader.read_all())
        self._changed.set()

    async def has(self, identity: str, text: str) -> None:
        async with asyncio.timeout(10):
            while text not in self.said[identity]:
                self._changed.clear()
                await self._changed.wait()


class Ears:
    """What a track brings, until a second of silence follows sound."""

    def __init__(self) -> None:
        self.frames: list[Pcm] = []
        self.finished = asyncio.Event()
        self._quiet = 0

    def take(self, pcm: Pcm) -> None:
        self.frames.append(pcm)
        loud = np.abs(pcm.astype(int)).max() > LOUD
        self._quiet = 0 if loud else self._quiet + len(pcm)
        if self._quiet > RATE and self.audible > 0:
            self.finished.set()

    @property
    def audible(self) -> float:
        """Seconds of sound."""
        return sum(len(pcm) for pcm in self.frames if np.abs(pcm.astype(int)).max() > LOUD) / RATE


@asynccontextmanager
async def listening(track: rtc.Track) -> AsyncIterator[Ears]:
    ears = Ears()
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)

    async def listen() -> None:
        async for event in stream:
            ears.take(np.frombuffer(event.frame.data, np.int16))

    task = asyncio.create_task(listen())
    try:
        yield ears
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await stream.aclose()


@pytest.mark.timeout(120)
async def test_a_shopper_speaks_and_listens_in_the_sessions_room(data_dir: Path) -> None:
    async with (
        running_server(data_dir) as server,
        connect(server.ws_url, additional_headers=HEADERS, proxy=None) as socket,
    ):
        await socket.send(json.dumps({"type": "session.start"}))
        ready = await receive(socket, "session.ready")
        async with connected(server.rooms_url, ready["token"]) as shopper:
            transcript = Transcript(shopper)
            track, _, agent = await shopper.saw("track_subscribed")
            assert agent.identity == "agent"
            microphone = await shopper.publish_microphone()
            question = await say("what is in my cart", data_dir)
            async with listening(track) as ears:
                await microphone.play(resample(question, HEARING_RATE, RATE))
                said = await receive(socket, "transcription")
                answer = await receive(socket, "agent.response")
                async with asyncio.timeout(60):
                    await ears.finished.wait()
            await transcript.has(shopper.me.identity, said["text"])
            await transcript.has("agent", answer["text"])
    # The ears may mistake a small word of a synthetic voice; what counts here is the way there.
    assert "cart" in said["text"]
    meant = await say(answer["text"], data_dir, "Ashley")
    loud = np.abs(meant[: len(meant) // 160 * 160].reshape(-1, 160).astype(int)).max(axis=1) > LOUD
    assert ears.audible == pytest.approx(loud.sum() / 100, rel=0.15)
