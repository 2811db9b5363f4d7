"""Makes what the settings name: chains of what hears and speaks, and the catalogue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from greenroom.agents.interview.agents import InterviewAgents
from greenroom.agents.models import create_model_chain
from greenroom.agents.shop import ShopAgents
from greenroom.app.credentials import provider_secrets
from greenroom.commerce.phrases import likely_sentences
from greenroom.commerce.ports import Catalogue, CatalogueContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import UnknownProvider
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, ProviderContext, log_progress
from greenroom.speech.registry import Choice, create_synthesizer, create_transcriber
from greenroom.speech.synthesizer_chain import SynthesizerChain
from greenroom.speech.transcriber_chain import TranscriberChain

if TYPE_CHECKING:
    from pydantic_ai.models import Model

MAX_WORKERS = 4
"""Recognition processes by default, on a machine with more cores than that."""


def provider_context(settings: Settings, progress: Progress = log_progress) -> ProviderContext:
    """What providers of speech are told, but for what users will say."""
    return ProviderContext(
        settings.data_dir,
        settings.providers.workers or min(os.cpu_count() or 1, MAX_WORKERS),
        secret=provider_secrets(settings),
        models_url=settings.providers.models_url,
        progress=progress,
    )


async def shop_sentences(catalogue: Catalogue) -> tuple[str, ...]:
    """What users of a shop are likely to say."""
    return await asyncio.to_thread(likely_sentences, await catalogue.vocabulary())


def create_catalogue(settings: Settings) -> Catalogue:
    """The catalogue of the settings, through the entry points of `greenroom.catalogues`.

    Raises ConfigurationError.
    """
    uri = settings.providers.catalogue
    found = {point.name: point for point in entry_points(group="greenroom.catalogues")}
    point = found.get(uri.partition(":")[0])
    if point is None:
        raise UnknownProvider("providers.catalogue", uri, tuple(found))
    context = CatalogueContext(settings.data_dir, provider_secrets(settings))
    catalogue: Catalogue = point.load()(uri, context)
    return catalogue


def transcriber_chain(
    settings: Settings, chosen: Sequence[Choice], context: ProviderContext
) -> TranscriberChain:
    """What hears, not yet warm. Call it on the event loop. Raises ConfigurationError."""
    providers = settings.providers
    return TranscriberChain(
        [create_transcriber(choice.uri, context) for choice in chosen],
        retries=providers.retries,
        timeout=providers.transcript_timeout,
        recovery_interval=providers.recovery_interval,
        clock=asyncio.get_running_loop(),
    )


def synthesizer_chain(
    settings: Settings, chosen: Sequence[Choice], context: ProviderContext
) -> SynthesizerChain:
    """What speaks, not yet warm. Call it on the event loop. Raises ConfigurationError."""
    providers = settings.providers
    return SynthesizerChain(
        [create_synthesizer(choice.uri, context) for choice in chosen],
        retries=providers.retries,
        first_audio_timeout=providers.first_audio_timeout,
        recovery_interval=providers.recovery_interval,
        clock=asyncio.get_running_loop(),
    )


def model_loader(settings: Settings) -> Callable[[], Model]:
    """What makes the chain of models, in a thread. Call it on the event loop."""
    providers, loop = settings.providers, asyncio.get_running_loop()

    def load() -> Model:
        return create_model_chain(
            providers.model,
            secret=provider_secrets(settings),
            retries=providers.retries,
            first_token_timeout=providers.first_token_timeout,
            recovery_interval=providers.recovery_interval,
            clock=loop,
        )

    return load


def shop_agents(settings: Settings, toolbox: Toolbox) -> ShopAgents:
    """What thinks in a shop, not yet warm. Call it on the event loop."""
    providers = settings.providers
    return ShopAgents(
        toolbox, model_loader(settings), providers.instructions, name=model_names(settings)
    )


def interview_agents(settings: Settings) -> InterviewAgents:
    """What thinks in an interview, not yet warm. Call it on the event loop."""
    providers = settings.providers
    return InterviewAgents(
        model_loader(settings), providers.instructions, name=model_names(settings)
    )


def model_names(settings: Settings) -> str:
    """The chain of models, for logs and errors."""
    return " → ".join(settings.providers.model)
