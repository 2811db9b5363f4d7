"""The transcriber `openai:<model>`: OpenAI, or any server that has `/v1/audio/transcriptions`.

A turn's sound is sent when the turn is over. Options: `base_url`, `key`, `language` (such as `en`),
`stream` (whether the words are asked for as they are recognised), `detail` (whether Whisper's own
doubts are asked for); the last two follow from the model's name where they are not given.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import wave
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm, samples_of
from greenroom.errors import ProviderFailed
from greenroom.speech.hint_words import hint_words
from greenroom.speech.openai_account import ACCOUNT_OPTIONS, read_account, read_model
from greenroom.speech.openai_client import Answer, OpenAIClient
from greenroom.speech.openai_evidence import UNTOLD, Evidence, read_evidence
from greenroom.speech.ports import PartialListener, ProviderContext, Transcript
from greenroom.speech.provider_uri import ProviderUri, parse_provider_uri

SETTING = "providers.transcriber"
DEFAULT_MODEL = "gpt-transcribe"
OPTIONS = (*ACCOUNT_OPTIONS, "language", "stream", "detail")

MAX_SECONDS = 75
"""Of one turn; what comes later is not heard."""
MIN_SECONDS = 0.1
"""OpenAI refuses less."""
SILENCE = 32
"""Loudness that is none: -60 dB of full scale."""
_VOICE_RANGE = 30
"""How much louder than its faintest parts (by 30 dB) a voice is."""
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
class Wish:
    """What every turn's request asks for."""

    fields: Mapping[str, str | list[str]]
    """Of the form, beside the sound."""
    hint: frozenset[str] = frozenset()
    """The words of the hint among them."""


class OpenAITranscriber:
    """Hears by requests. One object serves all sessions of the process."""

    def __init__(self, uri: str, client: OpenAIClient, wish: Wish) -> None:
        self.uri = uri
        self._client, self._wish = client, wish

    def open(self, on_partial: PartialListener | None = None) -> OpenAIStream:
        """Begin a turn. Partial transcripts come once it is over, from models that stream."""
        return OpenAIStream(self._client, self._wish, on_partial)

    async def warm_up(self) -> None:
        """Open a connection and try the key. Raises ProviderUnavailable, ProviderFailed."""
        await self._client.warm_up(SETTING)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class OpenAIStream:
    """One turn. See `TranscriptionStream`."""

    def __init__(
        self, client: OpenAIClient, wish: Wish, on_partial: PartialListener | None
    ) -> None:
        self._client, self._wish, self._on_partial = client, wish, on_partial
        self._sound: list[Pcm] = []
        self._room = MAX_SECONDS * HEARING_RATE
        self._cancelled = False
        self._task: asyncio.Task[Transcript] | None = None

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples; those after MAX_SECONDS are dropped."""
        if self._cancelled or not self._room:
            return
        if len(pcm) > self._room:
            logger.warning("a turn is longer than %d s; the rest is not heard", MAX_SECONDS)
        self._sound.append(pcm[: self._room].copy())
        self._room -= len(self._sound[-1])

    async def finish(self) -> Transcript:
        """See `TranscriptionStream.finish`."""
        if self._cancelled:
            return _NOTHING
        self._task = asyncio.create_task(self._transcribe(self._sound))
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
        self._sound = []
        if self._task is not None:
            self._task.cancel()

    async def _transcribe(self, sound: list[Pcm]) -> Transcript:
        wav, voiced = await asyncio.to_thread(_prepare, sound)
        if voiced < MIN_SECONDS:
            return _NOTHING
        files = {"file": ("turn.wav", wav, "audio/wav")}
        async with self._client.post(
            "audio/transcriptions", _MAX_ANSWER, data=self._wish.fields, files=files
        ) as answer:
            if answer.kind == "text/event-stream":
                evidence = await self._follow(answer)
            else:
                evidence = read_evidence(await answer.json())
        if evidence is None:
            raise ProviderFailed(self._client.provider, "the answer has no transcript")
        if self._wish.hint and evidence.text.strip().startswith(_HINT):
            return _NOTHING
        return evidence.final(voiced, self._wish.hint)

    async def _follow(self, answer: Answer) -> Evidence | None:
        """The transcript out of events; `on_partial` is told of each piece."""
        text = ""
        async with aclosing(answer.events()) as events:
            async for event in events:
                match event:
                    case {"type": "transcript.text.delta", "delta": str(delta)}:
                        text += delta
                        self._tell(text)
                    case {"type": "transcript.text.done"}:
                        await answer.drain()
                        return read_evidence(event)
                    case {"type": "error"} | {"error": dict()}:
                        raise ProviderFailed(self._client.provider, "broke its answer off")
        # Some servers end without the last event, which repeats it all.
        return Evidence(text) if text else None

    def _tell(self, text: str) -> None:
        if self._on_partial is not None and text.strip():
            self._on_partial(Transcript(text.strip(), UNTOLD, final=False))


def _prepare(sound: list[Pcm]) -> tuple[bytes, float]:
    """The turn as a WAV, and the seconds in which it is neither silence nor far below its peak."""
    pcm = np.concatenate(sound) if sound else EMPTY
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(HEARING_RATE)
        out.writeframes(pcm.astype("<i2", copy=False).tobytes())
    windows = pcm[: len(pcm) - len(pcm) % _WINDOW].reshape(-1, _WINDOW)
    loudness = np.sqrt(np.square(windows, dtype=np.float32).mean(axis=1))
    faintest = max(SILENCE, float(loudness.max(initial=0)) / _VOICE_RANGE)
    return file.getvalue(), float((loudness >= faintest).sum()) * _WINDOW / HEARING_RATE


def _wish(model: str, uri: ProviderUri, vocabulary: tuple[str, ...]) -> Wish:
    """The form, by what the API reference says of each model.

    `gpt-transcribe` takes lists of languages and keywords; `gpt-4o-...transcribe` tells how
    probable each token is; Whisper tells its doubts in `verbose_json` and does not stream; a model
    that tells speakers apart takes no prompt.
    """
    whisper, diarize = "whisper" in model, model.endswith("-diarize")
    newest, older = model.startswith("gpt-transcribe"), re.match("gpt-4o-(mini-)?transcribe", model)
    detail = uri.flag("detail", default=whisper)
    fields: dict[str, str | list[str]] = {
        "model": model,
        "response_format": "verbose_json" if detail else "json",
    }
    if uri.flag("stream", default=newest or older is not None):
        fields["stream"] = "true"
    if older and not diarize:
        fields["include[]"] = ["logprobs"]
    if language := uri.text("language"):
        if not re.fullmatch(r"[a-z]{2,3}", language):
            raise uri.wrong("language", "a code of two or three letters, such as en")
        fields |= {"languages[]": [language]} if newest else {"language": language}
    words = hint_words(vocabulary, max_characters=_HINT_CHARACTERS, max_words=_HINT_WORDS)
    if words and not diarize:
        fields |= {"keywords[]": words} if newest else {"prompt": f"{_HINT}{', '.join(words)}."}
    return Wish(fields, frozenset(words))


def create(uri: str, context: ProviderContext) -> OpenAITranscriber:
    """The entry point `openai`. Raises ConfigurationError, ProviderUnavailable."""
    parsed = parse_provider_uri(SETTING, uri, OPTIONS)
    account = read_account(parsed, context)
    model = read_model(parsed, account, DEFAULT_MODEL)
    wish = _wish(model, parsed, context.vocabulary)
    return OpenAITranscriber(uri, OpenAIClient(uri, model, account), wish)
