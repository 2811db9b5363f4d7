"""`personaplex:ws://host:8998`, a `DuplexModel` on upstream servers of the chat protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from greenroom.conversation.microphone import VoiceActivityDetector
from greenroom.duplex.personaplex.leases import Leases
from greenroom.duplex.personaplex.query import SCHEME, shown, upstream_url
from greenroom.duplex.personaplex.talk import Limits, PersonaPlexTalk
from greenroom.duplex.ports import Persona, Said, TalkListener
from greenroom.duplex.user_words import OnWords, UserWords
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.sessions.model import Session
from greenroom.settings import DuplexSettings, TurnSettings
from greenroom.speech.ports import Transcriber


class PersonaPlexModel:
    """A pool of servers, one talk at a time each."""

    def __init__(
        self,
        urls: Sequence[str],
        hear_words: Callable[[OnWords], UserWords],
        clock: Clock,
        limits: Limits,
    ) -> None:
        self.uri = SCHEME + ",".join(map(shown, urls))
        self.leases = Leases(urls, clock)
        self._hear_words = hear_words
        self._clock = clock
        self._limits = limits
        self._talks: set[PersonaPlexTalk] = set()

    async def open(
        self,
        session: Session,  # noqa: ARG002 - the port's
        persona: Persona,
        listener: TalkListener,
        said: Sequence[Said],
    ) -> PersonaPlexTalk:
        """Begin a talk, which may have to wait. Raises CapacityExceeded."""
        talk = PersonaPlexTalk(
            self.leases,
            persona,
            said,
            listener,
            self._hear_words,
            self._clock,
            self._limits,
            self._talks.discard,
        )
        self._talks.add(talk)
        return talk

    async def warm_up(self) -> None:
        """Nothing: the servers are reached when somebody talks, so that none is disturbed."""

    async def check(self) -> None:
        """Raises ProviderFailed where all servers have failed."""
        if why := self.leases.trouble():
            raise ProviderFailed(self.uri, why)

    async def close(self) -> None:
        """End every talk."""
        await asyncio.gather(*[talk.close() for talk in tuple(self._talks)])


def create(
    uris: Sequence[str],
    *,
    transcriber: Transcriber,
    voice_activity: VoiceActivityDetector,
    clock: Clock,
    settings: DuplexSettings,
    turns: TurnSettings,
) -> PersonaPlexModel:
    """The pool of all servers that `settings.duplex.model` names with this scheme.

    Raises ConfigurationError where one of `uris` is no URI of a WebSocket.
    """

    def hear_words(on_words: OnWords) -> UserWords:
        return UserWords(transcriber, voice_activity, clock, on_words, turns=turns)

    return PersonaPlexModel(
        [upstream_url(uri) for uri in uris],
        hear_words,
        clock,
        Limits(queue=settings.queue_timeout, kept=settings.max_early_audio),
    )
