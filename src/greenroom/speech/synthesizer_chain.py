"""Several synthesizers as one: where one fails the next speaks, or goes on in mid-sentence."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.health import Attempt, MemberHealth, all_failed
from greenroom.providers.members import Members
from greenroom.providers.usage import UsageListener
from greenroom.speech.guarded_speech import Endless, guarded_speech, speakable
from greenroom.speech.ports import VOICES, SpeechChunk, Synthesizer
from greenroom.speech.spoken_so_far import SpokenSoFar

log = logging.getLogger(__name__)


class SynthesizerChain:
    """A `Synthesizer` that asks its `members` in order of preference and health.

    `rate` is the first member's and stays; the others' sound is resampled to it. `retries` are of a
    call that failed at once, at one member. Seconds: `first_audio_timeout` from a sentence to its
    first sound, and from one piece of sound to the next; `recovery_interval` until a member that
    failed is tried again.
    """

    def __init__(
        self,
        members: Sequence[Synthesizer],
        *,
        retries: int,
        first_audio_timeout: float,
        recovery_interval: float,
        clock: Clock,
    ) -> None:
        self._members = Members(
            "synthesizer",
            members,
            retries=retries,
            recovery_interval=recovery_interval,
            clock=clock,
        )
        self._timeout = first_audio_timeout
        self.uri = self._members.uri
        self.rate = members[0].rate

    def speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk]:
        """One utterance; see the port.

        A member other than the first that has no such voice of its own speaks with another. After a
        failure in mid-sentence the next member goes on from the word that broke off; it is raised
        only where the sound came without the times of words.
        """
        return self.speak_for(text, voice, None)

    def for_session(self, on_usage: UsageListener) -> Synthesizer:
        """The chain as one session uses it: `on_usage` is told what its utterances have used up.

        Closing it does nothing, as the chain serves other sessions.
        """
        return _ForSession(self, on_usage)

    async def speak_for(
        self, text: str, voice: str, on_usage: UsageListener | None
    ) -> AsyncGenerator[SpeechChunk]:
        """As `speak`; its use is told to `on_usage`."""
        said = SpokenSoFar(text, self.rate)
        errors: list[ProviderFailed] = []
        start = 0
        for attempt in self._members.attempts():
            before = said.samples
            try:
                async with aclosing(self._ask(attempt, text[start:], voice, on_usage)) as chunks:
                    async for chunk in chunks:
                        placed = _moved(chunk, start, before)
                        said.add(placed)
                        yield placed
            except ProviderFailed as error:
                attempt.fail(error)
                errors.append(error)
                if isinstance(error, Endless):
                    return
                if said.samples > before:
                    where = said.resume_at()
                    if where is None:
                        raise
                    start = where
                    if not speakable(text[start:]):
                        return
                    log.info("%s broke off in mid-sentence; the next goes on", error.provider)
            else:
                return
            finally:
                if said.samples > before:
                    attempt.succeed()  # also where the listener has heard enough
                attempt.release()
        raise all_failed(self.uri, errors)

    def snapshot(self) -> tuple[MemberHealth, ...]:
        """How the members do, for health checks."""
        return self._members.snapshot()

    async def warm_up(self) -> None:
        """Warm all members; see `Members.warm_up`. The first one's rate is taken anew."""
        await self._members.warm_up()
        self.rate = self._members.all[0].rate

    async def close(self) -> None:
        """End all members."""
        await self._members.close()

    async def _ask(
        self, attempt: Attempt, text: str, voice: str, on_usage: UsageListener | None
    ) -> AsyncGenerator[SpeechChunk]:
        """What one member says; it is asked again where it failed at once, before any sound."""
        while True:
            sounded = False
            sound = guarded_speech(
                self._members.all[attempt.member],
                text,
                voice,
                rate=self.rate,
                timeout=self._timeout,
                clock=self._members.clock,
                on_usage=on_usage,
            )
            try:
                async with aclosing(sound):
                    async for chunk in sound:
                        sounded = sounded or len(chunk.pcm) > 0
                        yield chunk
            except InvalidInput:
                # A voice of the first one's own: better another voice than none.
                if attempt.member == 0 or voice == VOICES[0]:
                    raise
                voice = VOICES[0]
            except ProviderFailed as error:
                if sounded or not attempt.retry(error):
                    raise
            else:
                return


class _ForSession:
    def __init__(self, chain: SynthesizerChain, on_usage: UsageListener) -> None:
        self.uri, self.rate = chain.uri, chain.rate
        self._chain, self._on_usage = chain, on_usage

    def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        return self._chain.speak_for(text, voice, self._on_usage)

    async def warm_up(self) -> None:
        await self._chain.warm_up()

    async def close(self) -> None:
        pass


def _moved(chunk: SpeechChunk, characters: int, samples: int) -> SpeechChunk:
    """The chunk as part of the whole text and the whole sound."""
    if not chunk.words:
        return chunk
    words = tuple((offset + characters, onset + samples) for offset, onset in chunk.words)
    return SpeechChunk(chunk.pcm, words)
