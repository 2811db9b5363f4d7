"""Providers that do as they are told.

By URI: `scripted:?text=show+me+shoes&text=add+it` hears those texts turn by turn, then the last one
again; `scripted:?ms_per_character=50` speaks a quiet tone of that length.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.audio.pcm import Pcm, samples_of
from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.speech.ports import (
    PartialListener,
    ProviderContext,
    SpeechChunk,
    Transcript,
)

TONE_HZ = 220


class ScriptedTranscriber:
    """Hears the given texts, one a turn; the last one again and again.

    A text that is an exception is raised by `finish`. `hold` makes `finish` wait until it is set.
    `keep_sound` makes each stream keep what it was fed.
    """

    def __init__(
        self,
        texts: Sequence[str | Exception] = ("hello",),
        *,
        confidence: float = 0.9,
        hold: asyncio.Event | None = None,
        keep_sound: bool = False,
    ) -> None:
        self.uri = "scripted:"
        self.keep_sound = keep_sound
        self.texts = list(texts)
        self.confidence = confidence
        self.hold = hold
        self.streams: list[ScriptedStream] = []

    def open(self, on_partial: PartialListener | None = None) -> ScriptedStream:
        """Begin a turn."""
        stream = ScriptedStream(self, on_partial)
        self.streams.append(stream)
        return stream

    def next_text(self) -> str | Exception:
        """What the turn that ends now has said."""
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to end."""


class ScriptedStream:
    """One turn. `samples` counts what was fed, `state` is open, finished or cancelled.

    A `finish` that is broken off leaves it open. `sound` is what was fed, if the transcriber keeps
    it.
    """

    def __init__(self, owner: ScriptedTranscriber, on_partial: PartialListener | None) -> None:
        self._owner, self._on_partial = owner, on_partial
        self.samples = 0
        self.sound: list[Pcm] = []
        self.state = "open"

    def feed(self, pcm: Pcm) -> None:
        """Count the samples."""
        self.samples += len(pcm)
        if self._owner.keep_sound:
            self.sound.append(pcm)

    def hear(self, text: str) -> None:
        """Have a partial transcript now."""
        if self._on_partial is not None and self.state == "open":
            self._on_partial(Transcript(text, self._owner.confidence, final=False))

    async def finish(self) -> Transcript:
        """The script's next text."""
        if self._owner.hold is not None:
            await self._owner.hold.wait()
        self.state = "finished"
        text = self._owner.next_text()
        if isinstance(text, Exception):
            raise text
        return Transcript(text, self._owner.confidence if text else 0.0, final=True)

    def cancel(self) -> None:
        """Drop the turn."""
        if self.state == "open":
            self.state = "cancelled"


class ScriptedSynthesizer:
    """Speaks a quiet tone, in chunks, as long as the text (or `length_ms`) says."""

    def __init__(
        self,
        *,
        rate: int = 24_000,
        ms_per_character: float = 60.0,
        length_ms: float | None = None,
        chunk_ms: float = 200.0,
        fails: bool = False,
    ) -> None:
        self.uri = "scripted:"
        self.rate = rate
        self.spoken: list[tuple[str, str]] = []
        self.fails = fails
        self._ms_per_character = ms_per_character
        self._length_ms = length_ms
        n = samples_of(chunk_ms, rate)
        wave = 3_000 * np.sin(2 * np.pi * TONE_HZ * np.arange(n) / rate)
        self._chunk: Pcm = wave.astype(np.int16)

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """One utterance."""
        if self.fails:
            raise ProviderFailed(self.uri, "told to fail")
        self.spoken.append((text, voice))
        ms = self._length_ms if self._length_ms is not None else len(text) * self._ms_per_character
        left = samples_of(ms, self.rate)
        while left > 0:
            chunk = self._chunk[:left]
            yield SpeechChunk(chunk)
            left -= len(chunk)

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to end."""


class ScriptedAgent:
    """Answers each turn with the next of `answers`: a text, or a list of events and exceptions.

    An `asyncio.Event` in such a list is waited for. `heard` lists the prompts with their history.
    """

    def __init__(self, answers: Sequence[str | Sequence[Any]] = ("All right.",)) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[str, tuple[Message, ...]]] = []
        self.closed = 0

    async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[AgentEvent]:
        """The script's next answer."""
        self.heard.append((text, tuple(history)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if isinstance(answer, str):
                yield TextDelta(answer)
                yield AnswerDone("scripted")
                return
            for event in answer:
                if isinstance(event, asyncio.Event):
                    await event.wait()
                elif isinstance(event, Exception):
                    raise event
                else:
                    yield TextDelta(event) if isinstance(event, str) else event
        finally:
            self.closed += 1

    def check(self, sentence: str) -> str:
        """Everything may be said."""
        return sentence

    def snapshot(self) -> dict[str, Any]:
        """How many turns it has answered."""
        return {"answered": len(self.heard)}


def create_transcriber(uri: str, _context: ProviderContext) -> ScriptedTranscriber:
    """The entry point `scripted` of the transcribers."""
    query = parse_qs(urlsplit(uri).query, keep_blank_values=True)
    return ScriptedTranscriber(query.get("text", ["hello"]))


def create_synthesizer(uri: str, _context: ProviderContext) -> ScriptedSynthesizer:
    """The entry point `scripted` of the synthesizers."""
    given = parse_qs(urlsplit(uri).query).get("ms_per_character", ["60"])[0]
    try:
        ms = float(given)
    except ValueError:
        raise ConfigurationError(
            "providers.synthesizer", f"ms_per_character is {given!r}, which is no number"
        ) from None
    return ScriptedSynthesizer(ms_per_character=ms)
