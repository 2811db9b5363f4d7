"""What each voice sounds like: a sentence, said when it is first asked for, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from greenroom.audio.pcm import Pcm
from greenroom.audio.wave_file import wav_bytes
from greenroom.errors import ProviderFailed

SENTENCE = "Hello! This is how I sound. What would you like to talk about today?"

TIME_LIMIT = 30.0
"""Seconds for a sample to be made."""

Speak: TypeAlias = Callable[[str, str], Awaitable[tuple[Pcm, int]]]
"""Says a text (the second) in a voice (the first): samples, and their rate in Hz.

Raises ProviderFailed.
"""


class VoiceSamples:
    """Makes one at a time, each once; some 200 KB stay in memory for each."""

    def __init__(self, speak: Speak, *, time_limit: float = TIME_LIMIT) -> None:
        self._speak = speak
        self._time_limit = time_limit
        self._made: dict[str, bytes] = {}
        self._lock = asyncio.Lock()

    async def sample(self, voice: str) -> bytes:
        """A WAV file; `voice` is one that there is. Raises ProviderFailed."""
        if voice not in self._made:
            async with self._lock:
                if voice not in self._made:
                    self._made[voice] = await self._make(voice)
        return self._made[voice]

    async def _make(self, voice: str) -> bytes:
        try:
            async with asyncio.timeout(self._time_limit):
                pcm, rate = await self._speak(voice, SENTENCE)
        except TimeoutError as error:
            why = f"no sample within {self._time_limit:g} s"
            raise ProviderFailed("synthesizer", why) from error
        return await asyncio.to_thread(wav_bytes, pcm, rate)
