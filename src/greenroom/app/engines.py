"""What speaks, what tells voices from noise, and how what hears is made: for all that converses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from greenroom.app.providers import provider_context, synthesizer_chain, transcriber_chain
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, ProviderContext
from greenroom.speech.registry import Choice, choose_synthesizers, choose_transcribers
from greenroom.speech.synthesizer_chain import SynthesizerChain
from greenroom.speech.transcriber_chain import TranscriberChain


@dataclass(frozen=True, slots=True)
class Engines:
    """Shared by the APIs of a server, and ended after them."""

    settings: Settings
    voice_activity: VoiceActivity
    synthesizer: SynthesizerChain
    hears: Sequence[Choice]
    speaks: Sequence[Choice]
    context: ProviderContext

    def transcriber(
        self, stack: AsyncExitStack, vocabulary: tuple[str, ...] = ()
    ) -> TranscriberChain:
        """What hears, not yet warm, leaning towards the sentences given; ended with `stack`."""
        context = replace(self.context, vocabulary=vocabulary)
        chain = transcriber_chain(self.settings, self.hears, context)
        stack.push_async_callback(chain.close)
        return chain

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """What was chosen for what, in words, for the user."""
        models = ", then ".join(map(without_options, self.settings.providers.model))
        return (
            ("hears", _in_words(self.hears)),
            ("speaks", _in_words(self.speaks)),
            ("thinks", models),
        )


def open_engines(settings: Settings, stack: AsyncExitStack, progress: Progress) -> Engines:
    """Choose and make them, not yet warm, to be ended with `stack`. Call it on the event loop.

    Raises ConfigurationError where a setting doesn't fit.
    """
    providers = settings.providers
    hears = choose_transcribers(providers.transcriber, settings.data_dir)
    speaks = choose_synthesizers(providers.synthesizer, settings.data_dir)
    context = provider_context(settings, progress)
    synthesizer = synthesizer_chain(settings, speaks, context)
    stack.push_async_callback(synthesizer.close)
    voices = (
        settings.server.max_sessions
        + settings.duplex.max_sessions
        + settings.orchestrator.max_sessions
    )
    voice_activity = VoiceActivity(max_streams=voices)
    stack.push_async_callback(voice_activity.close)
    return Engines(settings, voice_activity, synthesizer, hears, speaks, context)


async def warm_up(*parts: Callable[[], Awaitable[None]]) -> None:
    """All at once; the first that fails ends the others, and its error is the caller's."""
    try:
        async with asyncio.TaskGroup() as warming:
            for part in parts:
                warming.create_task(_run(part))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def _run(part: Callable[[], Awaitable[None]]) -> None:
    await part()


def without_options(uri: str) -> str:
    """A provider's URI as it may be shown."""
    return uri.partition("?")[0]


def _in_words(chain: Sequence[Choice]) -> str:
    return ", then ".join(f"{without_options(choice.uri)} ({choice.why})" for choice in chain)
