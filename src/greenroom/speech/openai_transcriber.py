"""The transcriber `openai:<model>`: OpenAI, or any server that has `/v1/audio/transcriptions`.

A turn's sound is sent when the turn is over. Options: `base_url`, `key`, `language` (such as `en`),
`stream` (whether the words are asked for as they are recognised), `detail` (whether Whisper's own
doubts are asked for); the last two follow from the model's name where they are not given.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import re
import wave
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ProviderFailed
from greenroom.speech.hint_words import hint_words
from greenroom.speech.openai_account import ACCOUNT_OPTIONS, read_account, read_model
from greenroom.speech.openai_client import Answer, OpenAIClient
from greenroom.speech.openai_evidence import UNTOLD, Evidence, read_evidence
from greenroom.speech.phantom_text import is_phantom
from greenroom.speech.ports import PartialListener, ProviderContext, Transcript
from greenroom.speech.provider_uri import ProviderUri, parse_provider_uri

SETTING = "providers.transcriber"
DEFAULT_MODEL = "gpt-transcribe"
OPTIONS = (*ACCOUNT_OPTIONS, "language", "stream", "detail")

MAX_SECONDS = 75
"""Of one turn; what comes later is not heard."""
MIN_MS = 100
"""OpenAI refuses less."""
SILENCE = 32
"""Loudness below which nothing is sent: -60 dB of full scale."""
FAINT = 100
"""Loudness (-50 dB) below which a phrase that models make up is not believed."""
_WINDOW = samples_of(30)
"""Samples over which loudness is the root of the mean square."""
_MAX_ANSWER = 4_000_000
"""Bytes."""
_HINT_CHARACTERS, _HINT_WORDS = 600, 100
"""Whisper minds the last 224 tokens of a prompt, and a token is three characters at least."""
_HINT = "Words that may come up: "
_NOTHING = Transcript("", 0.0, final=True)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    """The fields of the form that are the same for every turn."""

    fields: dict[str, str | list[str]]

    @property
    def prompt(self) -> str:
        """The hint, which a model may repeat where it hears nothing."""
        return str(self.fields.get("prompt", ""))


class OpenAITranscriber:
    """Hears by requests. One object serves all sessions of the process."""

    def __init__(self, uri: str, client: OpenAIClient, fields: dict[str, str | list[str]]) -> None:
        self.uri = uri
        self._client = client
        self._request = _Request(fields)

    def open(self, on_partial: PartialListener | None = None) -> OpenAIStream:
        """Begin a turn. Partial transcripts come once it is over, from models that stream."""
        return OpenAIStream(self._client, self._request, on_partial)

    async def warm_up(self) -> None:
        """Open a connection and try the key. Raises ProviderUnavailable, ProviderFailed."""
        await self._client.warm_up(SETTING)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class OpenAIStream:
    """One turn. See `TranscriptionStream`."""

    def __init__(
        self, client: OpenAIClient, request: _Request, on_partial: PartialListener | None
    ) -> None:
        self._client, self._request, self._on_partial = client, request, on_partial
        self._sound: list[bytes] = []
        self._samples = 0
        self._loudest = 0.0
        self._cancelled = False
        self._task: asyncio.Task[Transcript] | None = None

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples; those after MAX_SECONDS are dropped."""
        room = MAX_SECONDS * HEARING_RATE - self._samples
        if self._cancelled or not len(pcm) or room <= 0:
            return
        if len(pcm) > room:
            pcm = pcm[:room]
            logger.warning("a turn is longer than %d s; the rest is not heard", MAX_SECONDS)
        self._samples += len(pcm)
        self._loudest = max(self._loudest, _loudness(pcm))
        self._sound.append(pcm.astype("<i2", copy=False).tobytes())

    async def finish(self) -> Transcript:
        """See `TranscriptionStream.finish`."""
        if self._cancelled or self._samples < samples_of(MIN_MS) or self._loudest < SILENCE:
            self.cancel()
            return _NOTHING
        self._task = asyncio.create_task(self._transcribe())
        try:
            [result] = await asyncio.gather(self._task, return_exceptions=True)
        finally:
            self.cancel()
        if isinstance(result, asyncio.CancelledError):  # by `cancel`
            return _NOTHING
        if isinstance(result, BaseException):
            raise result
        return result

    def cancel(self) -> None:
        """Drop the sound, and the request if one is on its way."""
        self._cancelled = True
        self._on_partial = None
        self._sound.clear()
        if self._task is not None:
            self._task.cancel()

    async def _transcribe(self) -> Transcript:
        file = ("turn.wav", _wav(self._sound), "audio/wav")
        async with self._client.post(
            "audio/transcriptions", _MAX_ANSWER, data=self._request.fields, files={"file": file}
        ) as answer:
            if answer.kind == "text/event-stream":
                evidence = await self._follow(answer)
            else:
                evidence = read_evidence(await answer.json())
        if evidence is None:
            raise ProviderFailed(self._client.provider, "the answer has no transcript")
        return self._judge(evidence)

    async def _follow(self, answer: Answer) -> Evidence | None:
        """The transcript out of events; `on_partial` is told of each piece."""
        text = ""
        final: Evidence | None = None
        async with aclosing(answer.events()) as events:
            async for event in events:
                match event:
                    case {"type": "transcript.text.delta", "delta": str(delta)}:
                        text += delta
                        self._tell(text)
                    case {"type": "transcript.text.done"}:
                        final = read_evidence(event)
                    case {"type": "error"} | {"error": dict()}:
                        raise ProviderFailed(self._client.provider, "broke its answer off")
        # Some servers end without the last event, which repeats it all.
        return final or (Evidence(text) if text else None)

    def _tell(self, text: str) -> None:
        if self._on_partial is not None and text.strip():
            self._on_partial(Transcript(text.strip(), UNTOLD, final=False))

    def _judge(self, evidence: Evidence) -> Transcript:
        text = evidence.text.strip()
        weak = evidence.is_weak or self._loudest < FAINT
        seconds = self._samples / HEARING_RATE
        prompt = self._request.prompt
        if (prompt and text.startswith(_HINT)) or is_phantom(text, seconds, weak=weak):
            return _NOTHING
        return Transcript(text, evidence.confidence, final=True)


def _loudness(pcm: Pcm) -> float:
    """Of the loudest window, as the root of the mean square of its samples."""
    whole = len(pcm) - len(pcm) % _WINDOW
    if not whole:
        return math.sqrt(float(np.mean(np.square(pcm, dtype=np.float32))))
    windows = np.square(pcm[:whole], dtype=np.float32).reshape(-1, _WINDOW)
    return math.sqrt(float(windows.mean(axis=1).max()))


def _wav(sound: list[bytes]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(HEARING_RATE)
        out.writeframes(b"".join(sound))
    return file.getvalue()


def _fields(
    model: str, uri: ProviderUri, vocabulary: tuple[str, ...]
) -> dict[str, str | list[str]]:
    """The form, by what the API reference says of each model.

    `gpt-transcribe` takes lists of languages and keywords; `gpt-4o-…-transcribe` tells how probable
    each token is; Whisper tells its doubts in `verbose_json` and does not stream; a model that
    tells speakers apart takes no prompt.
    """
    whisper, diarize = "whisper" in model, model.endswith("-diarize")
    streams = bool(re.match(r"gpt-(4o-)?(mini-)?transcribe", model))
    newest = re.match(r"gpt-transcribe", model) is not None
    detail = uri.flag("detail", default=whisper)
    fields: dict[str, str | list[str]] = {
        "model": model,
        "response_format": "verbose_json" if detail else "json",
    }
    if uri.flag("stream", default=streams):
        fields["stream"] = "true"
    if re.match(r"gpt-4o-(mini-)?transcribe", model) and not diarize:
        fields["include[]"] = ["logprobs"]
    if language := uri.text("language"):
        if not re.fullmatch(r"[a-z]{2,3}", language):
            raise uri.wrong("language", "a code of two or three letters, such as en")
        fields |= {"languages[]": [language]} if newest else {"language": language}
    words = hint_words(vocabulary, max_characters=_HINT_CHARACTERS, max_words=_HINT_WORDS)
    if words and not diarize:
        fields |= {"keywords[]": words} if newest else {"prompt": f"{_HINT}{', '.join(words)}."}
    return fields


def create(uri: str, context: ProviderContext) -> OpenAITranscriber:
    """The entry point `openai`. Raises ConfigurationError, ProviderUnavailable."""
    parsed = parse_provider_uri(SETTING, uri, OPTIONS)
    account = read_account(parsed, context)
    model = read_model(parsed, account, DEFAULT_MODEL)
    fields: dict[str, Any] = _fields(model, parsed, context.vocabulary)
    return OpenAITranscriber(uri, OpenAIClient(uri, model, account), fields)
