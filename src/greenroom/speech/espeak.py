"""The synthesizer `espeak:`: espeak-ng in helper processes.

Formant synthesis: robotic, and about a thousand times faster than real time on one core.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm, samples_of
from greenroom.errors import InvalidInput
from greenroom.helpers.pool import HelperPool
from greenroom.speech.helper_calls import SpokenAnswers
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.spoken_text import SpokenText, spoken, word_start

RATE = 22_050
_MAX_HELPERS = 2
_MAX_PIECE_BYTES = 32 * 1024 * 1024
_QUIET = 60
"""Peak of what counts as silence; espeak's voices peak above 10,000."""
_LEAD_MS, _TAIL_MS = 20, 160
"""Silence that is left before and after an utterance. The tail is the pause between sentences."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """How espeak makes a voice: words per minute; pitch and range 0 to 99; volume 0 to 200."""

    name: str
    rate: int = 165
    pitch: int = 50
    range: int = 50
    volume: int = 100


# Chosen by ear of the recogniser that ships with Greenroom: the variants that it understands best,
# far enough apart in pitch or timbre to be told from each other. espeak-ng has no Indian English.
_NAMED = {
    "Ashley": _Voice("en-us+f2", rate=164, pitch=57, range=50, volume=85),
    "Craig": _Voice("en-us+m6", rate=165, pitch=28, volume=115),
    "Edward": _Voice("en-gb-x-rp+edward", rate=160, pitch=50, volume=88),
    "Olivia": _Voice("en-us+f2", rate=155, pitch=40, range=40, volume=100),
    "Wendy": _Voice("en-us+f1", rate=150, pitch=36, range=35),
    "Priya": _Voice("en-us+f2", rate=152, pitch=80, range=38, volume=78),
}


class EspeakSynthesizer:
    """Speaks with espeak-ng. Voices: VOICES, and espeak's own such as `en-us+f3` or `fr`."""

    def __init__(self, uri: str, helpers: int = 1) -> None:
        self.uri = uri
        self.rate = RATE
        self._pool = HelperPool(
            uri, (sys.executable, "-m", "greenroom.speech.espeak_helper"), helpers
        )

    async def warm_up(self) -> None:
        """Start the helpers. Raises ProviderFailed."""
        await self._pool.start()

    async def close(self) -> None:
        """End the helpers."""
        await self._pool.close()

    @property
    def pids(self) -> list[int]:
        """The helper processes."""
        return self._pool.pids

    def load(self) -> int:
        """Utterances that are being spoken or wait."""
        return self._pool.load()

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. Text without a letter or digit gives no chunk."""
        await self._pool.start()
        settings = self._voice(voice)
        said = 0
        for piece in spoken(text).pieces():
            before = said
            async with aclosing(self._speak_piece(piece, settings)) as chunks:
                async for chunk in chunks:
                    said += len(chunk.pcm)
                    words = tuple((word_start(text, at), before + n) for at, n in chunk.words)
                    yield SpeechChunk(chunk.pcm, words)

    async def _speak_piece(
        self, piece: SpokenText, voice: _Voice
    ) -> AsyncGenerator[SpeechChunk, None]:
        # A piece is short; a helper that sends more than it can be has gone mad.
        answers = SpokenAnswers(self.uri, _MAX_PIECE_BYTES)
        trim = _Trim()
        call = self._pool.call(answers)
        try:
            call.send(
                {
                    "op": "speak",
                    "text": piece.text,
                    "voice": voice.name,
                    "rate": voice.rate,
                    "pitch": voice.pitch,
                    "range": voice.range,
                    "volume": voice.volume,
                }
            )
            while True:
                header, pcm = await answers.next()
                words = [(piece.written_at(at), sample) for at, sample in header["words"]]
                last = bool(header.get("end"))
                chunk = trim.feed(pcm, words, last=last)
                if len(chunk.pcm):
                    yield chunk
                if last:
                    return
        finally:
            call.cancel()

    def _voice(self, name: str) -> _Voice:
        if name in _NAMED:
            return _NAMED[name]
        base, plus, variant = name.partition("+")
        greeting = self._pool.greeting
        if base.lower() in greeting["voices"] and (not plus or variant in greeting["variants"]):
            return _Voice(name)
        raise InvalidInput(
            "voice",
            f"no voice {name!r}",
            f"{', '.join(VOICES)}; or an espeak-ng voice such as en-us+f3 (languages: "
            f"{', '.join(v for v in greeting['voices'] if '/' not in v)}; "
            f"variants: {', '.join(greeting['variants'])})",
        )


class _Trim:
    """Takes the silence off both ends of an utterance, and moves the words' times with it."""

    def __init__(self) -> None:
        self._cut: int | None = None
        """Samples taken off the beginning; None: nothing audible has come yet."""
        self._held: Pcm = EMPTY
        self._words: list[tuple[int, int]] = []

    def feed(self, pcm: Pcm, words: list[tuple[int, int]], *, last: bool) -> SpeechChunk:
        """What can be heard now: silence is held until something audible follows it."""
        self._words += words
        self._held = np.concatenate((self._held, pcm))
        audible = np.flatnonzero(np.abs(self._held.astype(np.int32)) > _QUIET)
        start = 0
        if self._cut is None:
            if not len(audible):
                return SpeechChunk(EMPTY)
            self._cut = start = max(0, int(audible[0]) - samples_of(_LEAD_MS, RATE))
        end = int(audible[-1]) + 1 if len(audible) else 0
        if last:
            end = min(len(self._held), end + samples_of(_TAIL_MS, RATE))
        chunk, self._held = self._held[start:end], self._held[end:]
        words, self._words = self._words, []
        return SpeechChunk(chunk, tuple((at, max(0, n - self._cut)) for at, n in words))


def create(uri: str, context: ProviderContext) -> EspeakSynthesizer:
    """The entry point `espeak`."""
    return EspeakSynthesizer(uri, min(_MAX_HELPERS, max(1, context.workers)))
