"""A server that speaks OpenAI's HTTP API, on a real socket, with trouble on demand.

async with openai_server() as server:
    server.behave(refused(429, "rate_limit_exceeded", {"retry-after": "7"}))
    ...  # use server.url and server.key
    assert server.requests[0].form()["model"] == ["whisper-1"]
"""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from support.http_server import HttpServer, Part, Reply, Request, http_server
from support.openai_chat import Body, Thought, chat_body, responses_body

KEY = "sk-test-0123456789"
VOICES = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
HEARING_MODELS = ("gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1")
SPEAKING_MODELS = ("gpt-4o-mini-tts", "tts-1", "tts-1-hd")
_SOUND_KINDS = {"pcm": "audio/pcm", "wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/ogg"}
_TRANSCRIPTION_FIELDS = {
    "model", "response_format", "stream", "include[]", "language", "languages[]", "prompt",
    "keywords[]", "temperature",
}  # fmt: skip
_SPEECH_FIELDS = {"model", "input", "voice", "response_format", "instructions", "speed"}


@dataclass(frozen=True)
class Behaviour:
    """How one request is answered; what is None is as it should be."""

    status: int = 200
    body: bytes | None = None
    kind: str | None = None
    """The media type."""
    headers: dict[str, str] = field(default_factory=dict)
    before_head: asyncio.Event | None = None
    """Waited for before the head is sent."""
    hold_at: int | None = None
    """Bytes of the body after which `release` is waited for."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cut_at: int | None = None
    """Bytes of the body after which the connection breaks; below 0: before the head."""
    piece: int = 65_536
    """Bytes sent at a time at most."""


def refused(status: int, code: str = "", headers: dict[str, str] | None = None) -> Behaviour:
    """An error as OpenAI words it; its message repeats the key, as real ones do."""
    error = {"message": f"Not with {KEY}, said 'show me shoes'", "type": code, "code": code}
    body = json.dumps({"error": error | {"param": None}}).encode()
    return Behaviour(status, body, "application/json", headers or {})


def unavailable_html() -> Behaviour:
    """What a proxy in front of a server that is down says."""
    return Behaviour(503, b"<html><h1>503 Service Unavailable</h1></html>", "text/html")


def stalled(after: int = 0) -> Behaviour:
    """Nothing comes after so many bytes of the body."""
    return Behaviour(hold_at=after)


def silent() -> Behaviour:
    """Not even a head comes."""
    return Behaviour(before_head=asyncio.Event())


@dataclass
class OpenAIServer:
    """What it answers can be set; what it was asked is in `requests`."""

    http: HttpServer = field(default_factory=HttpServer)
    key: str | None = KEY
    """None: it asks for no key."""
    requests: list[Request] = field(default_factory=list)
    transcript: str = "show me running shoes"
    deltas: tuple[str, ...] = ("show me", " running", " shoes")
    logprobs: tuple[float, ...] = (-0.1, -0.1, -0.1, -0.1)
    segments: tuple[dict[str, Any], ...] = (
        {"text": "show me running shoes", "avg_logprob": -0.2, "no_speech_prob": 0.01},
    )
    sound: bytes = b""
    """The body of speech; empty: half a second of tone in the format that was asked for."""
    thoughts: list[Thought] = field(default_factory=list)
    """What a model answers, request by request; the last again and again."""
    hearing_models: tuple[str, ...] = HEARING_MODELS
    speaking_models: tuple[str, ...] = SPEAKING_MODELS
    has_models_list: bool = True
    _behaviours: list[Behaviour] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.http.port}/v1"

    def behave(self, *behaviours: Behaviour) -> None:
        """How the next requests are answered, one after another."""
        self._behaviours.extend(behaviours)

    async def request(self, number: int = 1) -> Request:
        """The request of this number, counted from 1, once it has come."""
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def handle(self, request: Request, reply: Reply) -> None:
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        behaviour = self._behaviours.pop(0) if self._behaviours else Behaviour()
        status, kind, pieces = self._answer(request)
        if behaviour.status != 200:
            status = behaviour.status
        if behaviour.body is not None:
            pieces = [behaviour.body]
        await _send(reply, behaviour, status, behaviour.kind or kind, pieces)

    def _answer(self, request: Request) -> Body:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return _error(401, "invalid_api_key", "Incorrect API key provided")
        answers: dict[tuple[str, str], Callable[[Request], Body]] = {
            ("POST", "/v1/audio/transcriptions"): self._hear,
            ("POST", "/v1/audio/speech"): self._speak,
            ("POST", "/v1/chat/completions"): lambda r: chat_body(r.json(), self._next_thought()),
            ("POST", "/v1/responses"): lambda r: responses_body(r.json(), self._next_thought()),
        }
        if self.has_models_list:
            answers["GET", "/v1/models"] = self._list
        answer = answers.get((request.method, request.path))
        if answer is None:
            return _error(404, "", f"Invalid URL ({request.method} {request.path})")
        return answer(request)

    def _list(self, _request: Request) -> Body:
        models = (*self.hearing_models, *self.speaking_models)
        entries = [{"id": model, "object": "model"} for model in models]
        return _json({"object": "list", "data": entries})

    def _hear(self, request: Request) -> Body:
        form = request.form()
        model = form["model"][0]
        if model not in self.hearing_models:
            return _error(404, "model_not_found", f"The model {model} does not exist", "model")
        problem = _problem_of_form(form) or _problem_of_sound(request.parts())
        if problem:
            return _error(400, "invalid_value", problem)
        probable = "include[]" in form
        tokens = [{"token": "x", "logprob": value} for value in self.logprobs] if probable else None
        if form.get("stream") == ["true"] and "whisper" not in model:
            return 200, "text/event-stream", self._events(tokens)
        if form["response_format"] == ["verbose_json"]:
            head = {"task": "transcribe", "language": "english", "duration": 1.0}
            return _json(head | {"text": self.transcript, "segments": self.segments})
        return _json({"text": self.transcript, "logprobs": tokens})

    def _events(self, tokens: Any) -> list[bytes]:
        done = {"type": "transcript.text.done", "text": self.transcript, "logprobs": tokens}
        deltas = [{"type": "transcript.text.delta", "delta": delta} for delta in self.deltas]
        lines = [f"data: {json.dumps(event)}\n\n".encode() for event in (*deltas, done)]
        return [*lines, b"data: [DONE]\n\n"]

    def _speak(self, request: Request) -> Body:
        asked = request.json()
        if unknown := asked.keys() - _SPEECH_FIELDS:
            return _error(400, "unknown_parameter", f"Unknown parameter: {unknown}")
        if asked["model"] not in self.speaking_models:
            return _error(404, "model_not_found", "The model does not exist", "model")
        if not 0 < len(asked["input"]) <= 4_096:
            return _error(400, "string_too_long", "Invalid input", "input")
        if asked["voice"] not in VOICES:
            return _error(400, "invalid_value", f"Invalid voice {asked['voice']}", "voice")
        kind = asked.get("response_format", "mp3")
        sound = self.sound or (tone_wav() if kind == "wav" else tone().tobytes())
        return 200, _SOUND_KINDS[kind], [sound]

    def _next_thought(self) -> Thought:
        if not self.thoughts:
            return "All right."
        return self.thoughts.pop(0) if len(self.thoughts) > 1 else self.thoughts[0]


def tone(ms: int = 500, rate: int = 24_000) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Samples of a tone."""
    time = np.arange(rate * ms // 1000) / rate
    return (8_000 * np.sin(2 * np.pi * 300 * time)).astype("<i2")


def tone_wav(ms: int = 500, rate: int = 24_000, channels: int = 1) -> bytes:
    """The same in a WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(tone(ms, rate), channels).tobytes())
    return file.getvalue()


def _problem_of_form(form: dict[str, list[str]]) -> str:
    """What OpenAI's reference says that a model does not take."""
    model = form["model"][0]
    whisper, newest = "whisper" in model, model == "gpt-transcribe"
    if unknown := form.keys() - _TRANSCRIPTION_FIELDS:
        return f"Unknown parameter: {unknown}"
    if form["response_format"] not in (["json"], ["verbose_json"] if whisper else ["json"]):
        return "response_format is not supported"
    if form.keys() & ({"language"} if newest else {"languages[]", "keywords[]"}):
        return "language, languages or keywords are not supported"
    if "include[]" in form and (newest or whisper or form["include[]"] != ["logprobs"]):
        return "logprobs are not supported"
    if any(char in word for word in form.get("keywords[]", []) for char in "<>\r\n"):
        return "Invalid keyword"
    return ""


def _problem_of_sound(parts: list[Part]) -> str:
    """What OpenAI would not take, or this project should not send."""
    files = [part for part in parts if part.name == "file"]
    if len(files) != 1 or not (files[0].filename or "").endswith(".wav"):
        return "one file with the name of a WAV is needed"
    try:
        with wave.open(io.BytesIO(files[0].content)) as sound:
            if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (1, 2, 16_000):
                return "not 16 kHz mono of 16 bit"
            seconds = sound.getnframes() / 16_000
    except (wave.Error, EOFError):
        return "no WAV"
    return "" if seconds >= 0.1 else "Audio file is too short. Minimum is 0.1 seconds."


def _json(value: Any) -> Body:
    return 200, "application/json", [json.dumps(value).encode()]


def _error(status: int, code: str, message: str, param: str | None = None) -> Body:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return status, "application/json", [json.dumps({"error": error}).encode()]


async def _send(
    reply: Reply, behaviour: Behaviour, status: int, kind: str, pieces: Iterable[bytes]
) -> None:
    if behaviour.cut_at is not None and behaviour.cut_at < 0:
        return await reply.cut()
    if behaviour.before_head is not None:
        await behaviour.before_head.wait()
    await reply.start(status, {"content-type": kind, "x-request-id": "req_1"} | behaviour.headers)
    sent = 0
    for piece in _split(pieces, behaviour):
        if sent == behaviour.hold_at:
            await behaviour.release.wait()
        if sent == behaviour.cut_at:
            return await reply.cut()
        await reply.send(piece)
        sent += len(piece)
    return await reply.end()


def _split(pieces: Iterable[bytes], behaviour: Behaviour) -> Iterable[bytes]:
    """Pieces that end where something is to happen, and one that is empty at the end."""
    at = 0
    marks = [mark for mark in (behaviour.hold_at, behaviour.cut_at) if mark]
    for piece in pieces:
        rest = piece
        while rest:
            size = min(behaviour.piece, *(mark - at for mark in marks if mark > at), len(rest))
            yield rest[:size]
            rest = rest[size:]
            at += size
    yield b""


@asynccontextmanager
async def openai_server(**settings: Any) -> AsyncIterator[OpenAIServer]:
    """A server in this process's event loop; `settings` are fields of OpenAIServer."""
    server = OpenAIServer(**settings)
    async with http_server(server.handle) as http:
        server.http = http
        yield server
