"""One synthesizer's utterance, bounded in time and length, checked, at the rate that is wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import numpy as np

from greenroom.audio.pcm import EMPTY
from greenroom.audio.resample import Resampler
from greenroom.errors import GreenroomError, InvalidInput, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.providers.usage import Usage, UsageListener
from greenroom.speech.ports import SpeechChunk, Synthesizer

log = logging.getLogger(__name__)

MAX_SECONDS = 60.0
MAX_SECONDS_PER_CHARACTER = 0.5
"""With `MAX_SECONDS` the longest sound that a text can have; then a provider has gone mad."""

_SLICE = 0.25
"""Seconds of sound that are resampled in one go: a quarter of a millisecond of CPU."""


class Endless(ProviderFailed):
    """The sound went on for longer than the text can take: all of the text was in it."""


def speakable(text: str) -> bool:
    """Whether there is anything in it that makes a sound."""
    return any(character.isalnum() for character in text)


async def guarded_speech(
    member: Synthesizer,
    text: str,
    voice: str,
    *,
    rate: int,
    timeout: float,
    clock: Clock,
    on_usage: UsageListener | None = None,
) -> AsyncGenerator[SpeechChunk]:
    """What `member` says, resampled to `rate` Hz.

    Raises ProviderFailed for whatever goes wrong, also where no sound comes within `timeout`
    seconds, where a text with letters gives none, and for sound that is not mono int16; Endless for
    sound without end; InvalidInput as the member does.
    """
    checked = _Checked(member, text, voice, timeout, clock)
    try:
        async with (
            aclosing(checked.chunks()) as chunks,
            aclosing(_resampled(chunks, member.rate, rate)) as sound,
        ):
            async for chunk in sound:
                yield chunk
    except InvalidInput:
        on_usage = None  # it was refused before any work
        raise
    finally:
        if on_usage is not None:
            seconds = checked.samples / member.rate
            on_usage(Usage("synthesizer", member.uri, audio_seconds=seconds, characters=len(text)))


class _Checked:
    """The member's own chunks. `samples` counts them, at the member's rate."""

    def __init__(
        self, member: Synthesizer, text: str, voice: str, timeout: float, clock: Clock
    ) -> None:
        self._member, self._text, self._voice = member, text, voice
        self._timeout, self._clock = timeout, clock
        self._first_due = clock.time() + timeout
        self.samples = 0

    async def chunks(self) -> AsyncGenerator[SpeechChunk]:
        """All that have sound or words."""
        limit = (MAX_SECONDS + MAX_SECONDS_PER_CHARACTER * len(self._text)) * self._member.rate
        # The port has it that closing the iterator stops the work.
        sound = cast("AsyncGenerator[SpeechChunk]", self._member.speak(self._text, self._voice))
        async with aclosing(sound):
            while (chunk := await self._next(sound)) is not None:
                self._check(chunk.pcm)
                self.samples += len(chunk.pcm)
                if self.samples > limit:
                    raise Endless(self._member.uri, "speaks without end")
                if len(chunk.pcm) or chunk.words:
                    yield chunk
        if not self.samples and speakable(self._text):
            raise ProviderFailed(self._member.uri, "gave no sound")

    async def _next(self, sound: AsyncIterator[SpeechChunk]) -> SpeechChunk | None:
        left = self._timeout if self.samples else self._first_due - self._clock.time()
        try:
            async with Deadline(self._clock, max(0.0, left)):
                return await anext(sound)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            why = f"no sound within {self._timeout:g} s"
            raise ProviderFailed(self._member.uri, why) from None
        except GreenroomError:
            raise
        except Exception as error:
            # A defect of a provider's package is a failure like any other: the next one speaks.
            log.exception("%s failed unexpectedly", self._member.uri)
            why = f"unexpected {type(error).__name__}"
            raise ProviderFailed(self._member.uri, why) from error

    def _check(self, pcm: object) -> None:
        if isinstance(pcm, np.ndarray) and pcm.ndim == 1 and pcm.dtype == np.int16:
            return
        kind = f"{pcm.dtype} of {pcm.ndim} dimensions" if isinstance(pcm, np.ndarray) else type(pcm)
        raise ProviderFailed(
            self._member.uri, f"gave {kind} where int16 of one is due", retryable=False
        )


async def _resampled(
    chunks: AsyncIterator[SpeechChunk], from_rate: int, to_rate: int
) -> AsyncGenerator[SpeechChunk]:
    if from_rate == to_rate:
        async for chunk in chunks:
            yield chunk
        return
    resampler = Resampler(from_rate, to_rate)
    step = max(1, round(_SLICE * from_rate))
    async for chunk in chunks:
        words = tuple((offset, onset * to_rate // from_rate) for offset, onset in chunk.words)
        if words:
            yield SpeechChunk(EMPTY, words)
        for start in range(0, len(chunk.pcm), step):
            pcm = resampler.process(chunk.pcm[start : start + step])
            if len(pcm):
                yield SpeechChunk(pcm)
            await asyncio.sleep(0)
    if len(rest := resampler.flush()):
        yield SpeechChunk(rest)
