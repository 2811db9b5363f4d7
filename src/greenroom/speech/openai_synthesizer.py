"""The synthesizer `openai:<model>`: OpenAI, or any server that has `/v1/audio/speech`.

Options: `base_url`, `key`, `format` (pcm, wav, mp3, opus), `rate` (Hz of pcm), `instructions`,
`speed`, and `voices`, which says what the six named voices are there (`Ashley:af_bella,...`).

OpenAI itself has announced the end of its models of this kind, without heirs that this API serves;
other servers go on with it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm, samples_of
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.speech.openai_account import ACCOUNT_OPTIONS, read_account, read_model
from greenroom.speech.openai_client import Answer, OpenAIClient
from greenroom.speech.openai_refusal import Refused
from greenroom.speech.openai_sound import FORMATS, SoundFormat, WrongSound, open_sound, rate_of
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.provider_uri import ProviderUri, parse_provider_uri
from greenroom.speech.spoken_text import spoken

SETTING = "providers.synthesizer"
DEFAULT_MODEL = "gpt-4o-mini-tts"
OPTIONS = (*ACCOUNT_OPTIONS, "format", "rate", "instructions", "speed", "voices")
OPENAI_END = "6 January 2027"
"""By OpenAI's list of deprecations, as the types of its package `openai` 3.52 repeat it."""
OPENAI_RATE = 24_000
"""Hz of OpenAI's pcm, by its text-to-speech guide."""

# Voices that every model of OpenAI has; `ballad` and `verse` are not among them.
_VOICES = {
    "Ashley": "nova",
    "Craig": "onyx",
    "Edward": "fable",
    "Olivia": "shimmer",
    "Wendy": "coral",
    "Priya": "sage",
}
_PIECE = 1_000
"""Characters of one request; OpenAI takes 2,000 tokens or 4,096 characters, by model."""
_MAX_SOUND = 32 * 1024 * 1024
"""Bytes for one piece, more than ten minutes at 24 kHz; it is said in one or two."""
_FIRST_MS, _NEXT_MS, _MOST_MS = 20, 100, 500
"""Of the first chunk at least, of the others at least, of any at most."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server is asked to speak."""

    format: SoundFormat = "pcm"
    rate: int = OPENAI_RATE
    """Hz of bare samples."""
    instructions: str = ""
    speed: float = 1.0
    """0.25 to 4; 1 is left unsaid."""


class OpenAISynthesizer:
    """Speaks by requests. Voices: VOICES, by way of `voices`; any other is the server's own."""

    def __init__(
        self,
        uri: str,
        client: OpenAIClient,
        manner: Manner | None = None,
        voices: dict[str, str] | None = None,
    ) -> None:
        self.uri = uri
        self._client = client
        self._manner = manner or Manner()
        self._voices = _VOICES | (voices or {})
        self.rate = rate_of(self._manner.format, self._manner.rate)

    async def warm_up(self) -> None:
        """Open a connection and try the key. Raises ProviderUnavailable, ProviderFailed."""
        if self._client.account.is_openai:
            logger.warning(
                "OpenAI serves %s until %s only; others go on: give base_url or another provider",
                self._client.model,
                OPENAI_END,
            )
        await self._client.warm_up(SETTING)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. Text without a letter or digit gives no chunk."""
        for piece in spoken(text).pieces(_PIECE):
            async with aclosing(self._speak_piece(piece.text, voice)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _speak_piece(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        try:
            async with self._client.post(
                "audio/speech", _MAX_SOUND, json=self._request(text, voice)
            ) as answer:
                self._check_kind(answer)
                async with aclosing(self._sound(answer)) as parts:
                    async for pcm in parts:
                        yield SpeechChunk(pcm)
        except Refused as refused:
            if "voice" in refused.subjects and refused.status in {400, 404, 422}:
                raise self._no_voice(voice) from None
            raise

    def _request(self, text: str, voice: str) -> dict[str, Any]:
        manner = self._manner
        request = {
            "model": self._client.model,
            "input": text,
            "voice": self._voices.get(voice, voice),
            "response_format": manner.format,
        }
        if manner.instructions:
            request["instructions"] = manner.instructions
        return request if manner.speed == 1.0 else request | {"speed": manner.speed}

    async def _sound(self, answer: Answer) -> AsyncGenerator[Pcm, None]:
        """The samples as they come, in chunks that are worth their overhead."""
        sound, chunks = open_sound(self._manner.format, self._manner.rate), _Chunks(self.rate)
        try:
            while (data := await answer.next()) is not None:
                for chunk in chunks.feed(await sound.feed(data)):
                    yield chunk
            for chunk in chunks.feed(await sound.flush(), last=True):
                yield chunk
        except WrongSound as wrong:
            raise ProviderFailed(self.uri, str(wrong), retryable=False) from None
        if not chunks.any:
            raise ProviderFailed(self.uri, "the answer has no sound")

    def _check_kind(self, answer: Answer) -> None:
        """Text that is played as samples is noise."""
        if answer.kind.startswith("text/") or answer.kind.endswith("json"):
            raise ProviderFailed(self.uri, f"the answer is {answer.kind[:40]}, not sound")

    def _no_voice(self, voice: str) -> InvalidInput | ProviderFailed:
        if voice in self._voices:
            why = f"has no voice {self._voices[voice]!r}: say with voices={voice}:... what it has"
            return ProviderFailed(self.uri, why, retryable=False)
        return InvalidInput(
            "voice", f"no voice {voice[:64]!r}", f"{', '.join(VOICES)}; or one that the server has"
        )


class _Chunks:
    """Gathers samples: the first go out at once, later ones in fewer and larger chunks."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._held: Pcm = EMPTY
        self.any = False
        """Whether there was a chunk."""

    def feed(self, pcm: Pcm, *, last: bool = False) -> list[Pcm]:
        """The chunks that are ready; with `last` all that there is."""
        held = np.concatenate((self._held, pcm)) if len(self._held) else pcm
        most = samples_of(_MOST_MS, self._rate)
        out: list[Pcm] = []
        least = samples_of(_NEXT_MS if self.any else _FIRST_MS, self._rate)
        while len(held) >= least or (last and len(held)):
            out.append(held[:most])
            held = held[most:]
            self.any = True
            least = samples_of(_NEXT_MS, self._rate)
        self._held = held
        return out


def _voices(uri: ProviderUri) -> dict[str, str]:
    voices = uri.pairs("voices")
    if not set(voices) <= set(VOICES):
        raise uri.wrong("voices", f"pairs such as Ashley:nova, of {', '.join(VOICES)}")
    return voices


def create(uri: str, context: ProviderContext) -> OpenAISynthesizer:
    """The entry point `openai`. Raises ConfigurationError, ProviderUnavailable."""
    parsed = parse_provider_uri(SETTING, uri, OPTIONS)
    manner = Manner(
        cast("SoundFormat", parsed.choice("format", "pcm", FORMATS)),
        parsed.whole("rate", OPENAI_RATE, 8_000, 48_000),
        parsed.text("instructions"),
        parsed.number("speed", 1.0, 0.25, 4.0),
    )
    voices = _voices(parsed)
    account = read_account(parsed, context)
    client = OpenAIClient(uri, read_model(parsed, account, DEFAULT_MODEL), account)
    return OpenAISynthesizer(uri, client, manner, voices)
