"""A caller made of software: speaks lines into the voice commerce API and notes what comes back.

It behaves as a telephone would: its microphone runs all the time (silence where it has nothing to
say), and it says the next line when the answer to the last one has been played.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from greenroom.audio.decode import create_decoder
from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.errors import GreenroomError
from greenroom.speech.ports import Synthesizer

CHUNK_MS = 100
LEAD_IN_MS = 300
"""Silence before a line: nobody speaks in the moment that the line opens."""


class CallFailed(GreenroomError):
    """The call could not be made or broke off; the text says why and what to try."""


@dataclass(slots=True)
class Exchange:
    """One line and what came of it. Times are seconds after the line's last sample was sent."""

    said: str
    heard: str = ""
    confidence: float = 0.0
    answer: str = ""
    intent: str = ""
    tools: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    transcript_after: float | None = None
    answer_after: float | None = None
    audio_after: float | None = None
    answered: bool = False


@dataclass(slots=True)
class _Track:
    """One side of the call, by sample number at 16 kHz."""

    pieces: list[tuple[int, Pcm]] = field(default_factory=list)
    end: int = 0

    def put(self, pcm: Pcm, at: int) -> None:
        """Lay `pcm` where it was heard: at `at`, or behind what still plays."""
        start = max(at, self.end)
        self.pieces.append((start, pcm))
        self.end = start + len(pcm)

    def pcm(self, length: int) -> Pcm:
        track = np.zeros(length, np.int16)
        for start, piece in self.pieces:
            kept = piece[: max(length - start, 0)]
            track[start : start + len(kept)] = kept
        return track


class Caller:
    """One call over a live socket. Made by `place_call`."""

    def __init__(self, socket: ClientConnection, synthesizer: Synthesizer, voice: str) -> None:
        self._socket, self._synthesizer, self._voice = socket, synthesizer, voice
        self._speech: Pcm = EMPTY
        self._speech_over = asyncio.Event()
        self._answer_over = asyncio.Event()
        self._ready = asyncio.Event()
        self._mouth, self._ear = _Track(), _Track()
        self._exchange = Exchange("")
        self._line_ended = 0.0
        self._started = 0.0
        self.session_id = ""

    def tracks(self) -> tuple[Pcm, Pcm]:
        """Both sides at 16 kHz, equally long: the caller's voice, the agent's."""
        length = max(self._mouth.end, self._ear.end)
        return self._mouth.pcm(length), self._ear.pcm(length)

    async def say(self, line: str, *, time_limit: float) -> Exchange:
        """Speak one line and wait until its answer has been played, or `time_limit` seconds."""
        exchange = self._exchange = Exchange(line)
        parts = [c.pcm async for c in self._synthesizer.speak(line, self._voice)]
        spoken = resample(np.concatenate(parts), self._synthesizer.rate, HEARING_RATE)
        self._answer_over.clear()
        self._speech_over.clear()
        self._speech = np.concatenate([np.zeros(samples_of(LEAD_IN_MS), np.int16), spoken])
        await self._speech_over.wait()
        try:
            async with asyncio.timeout(time_limit):
                await self._answer_over.wait()
        except TimeoutError:
            exchange.errors.append(f"no answer within {time_limit:g} s")
        return exchange

    async def run_microphone(self) -> None:
        """Send sound in real time until cancelled."""
        await self._ready.wait()
        loop = asyncio.get_running_loop()
        self._started = due = loop.time()
        size = samples_of(CHUNK_MS)
        while True:
            chunk, self._speech = self._speech[:size], self._speech[size:]
            speaking = len(chunk) > 0
            chunk = np.pad(chunk, (0, size - len(chunk)))
            message = {
                "type": "audio.input",
                "data": {
                    "audio": base64.b64encode(chunk.tobytes()).decode(),
                    "format": "pcm16",
                    "sample_rate": HEARING_RATE,
                },
            }
            await self._socket.send(orjson.dumps(message).decode())
            self._mouth.put(chunk, self._now())
            if speaking and not len(self._speech):
                self._line_ended = loop.time()
                self._speech_over.set()
            due += CHUNK_MS / 1000
            await asyncio.sleep(max(due - loop.time(), 0))

    async def run_ear(self) -> None:
        """Take the server's messages until the socket closes."""
        try:
            async for text in self._socket:
                message = orjson.loads(text)
                await self._on_message(message["type"], message.get("data", {}))
        except ConnectionClosed as error:
            raise CallFailed(f"the server closed the call: {error}") from error
        raise CallFailed("the server closed the call")

    async def _on_message(self, kind: str, data: dict[str, Any]) -> None:
        after = asyncio.get_running_loop().time() - self._line_ended
        exchange = self._exchange
        match kind:
            case "session.ready":
                self.session_id = data["session_id"]
                self._ready.set()
            case "transcription" if data["is_final"]:
                exchange.heard = f"{exchange.heard} {data['text']}".strip()
                exchange.confidence = data["confidence"]
                exchange.transcript_after = after
            case "agent.response":
                exchange.answer, exchange.intent = data["text"], data["intent"]
                exchange.tools, exchange.answer_after = data["tools_used"], after
                exchange.answered = True
            case "audio.output":
                if exchange.audio_after is None:
                    exchange.audio_after = after
                raw = base64.b64decode(data["audio"])
                decoder = create_decoder(data["format"], HEARING_RATE)
                pcm = await asyncio.to_thread(decoder.decode, raw)
                self._ear.put(pcm, self._now())
            case "playback" if data["state"] == "finished" and exchange.answered:
                self._answer_over.set()
            case "error":
                exchange.errors.append(f"{data['code']}: {data['message']}")

    def _now(self) -> int:
        """The call's time as a sample number."""
        return samples_of((asyncio.get_running_loop().time() - self._started) * 1000)


@asynccontextmanager
async def place_call(
    url: str, token: str, synthesizer: Synthesizer, voice: str
) -> AsyncIterator[Caller]:
    """A call to the server at `url` (http or https) with an API key; hung up at the end.

    Raises CallFailed when the server can't be reached, refuses, or hangs up.
    """
    session = await _create_session(url, token)
    address = url.replace("http", "ws", 1).rstrip("/") + "/ws/voice/session"
    try:
        async with connect(
            address,
            additional_headers={"Authorization": f"Bearer {session['token']}"},
            compression=None,
            proxy=None,
        ) as socket:
            caller = Caller(socket, synthesizer, voice)
            start = {"session_id": session["session_id"], "events": ["playback"]}
            await socket.send(orjson.dumps({"type": "session.start", "data": start}).decode())
            async with _in_background(caller.run_ear, caller.run_microphone):
                yield caller
            await socket.send('{"type":"session.end"}')
            await socket.wait_closed()
    except InvalidStatus as error:
        raise CallFailed(f"{address} answered {error.response.status_code}") from error
    except OSError as error:
        raise CallFailed(f"no server answers at {url}; start one with `make run`") from error


async def _create_session(url: str, token: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        try:
            answer = await client.post(
                f"{url.rstrip('/')}/api/sessions",
                headers={"Authorization": f"Bearer {token}"},
                json={"metadata": {"source": "greenroom call"}},
            )
        except httpx.HTTPError as error:
            raise CallFailed(f"no server answers at {url}; start one with `make run`") from error
    if answer.status_code != httpx.codes.OK:
        raise CallFailed(f"{url} refused a session: {answer.status_code} {answer.text[:300]}")
    created: dict[str, Any] = answer.json()
    return created


@asynccontextmanager
async def _in_background(*works: Callable[[], Any]) -> AsyncIterator[None]:
    """Run `works` beside the body; the body is broken off by the first that fails."""
    body = asyncio.current_task()
    failed: list[BaseException] = []

    def on_done(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) and body and not failed:
            failed.append(error)
            body.cancel()

    tasks = [asyncio.create_task(work()) for work in works]
    for task in tasks:
        task.add_done_callback(on_done)
    try:
        yield
    except asyncio.CancelledError:
        if failed and body is not None and body.uncancel() == 0:
            raise failed[0] from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
