"""The voice commerce API: its providers chosen, warmed and wired."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.applications import Starlette

from greenroom.agents.shop import ShopAgents
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.commerce.app import CommerceApi
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.limits import RateLimits
from greenroom.app.conversations import Conversations
from greenroom.app.foundation import Foundation
from greenroom.app.metering import Meter
from greenroom.app.providers import (
    create_catalogue,
    provider_context,
    shop_agents,
    synthesizer_chain,
    transcriber_chain,
)
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.commerce.context import ShopContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.providers.prices import PriceTable
from greenroom.rooms.recording.conversations import RecordedConversations
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.speech.ports import Progress, Synthesizer, Transcriber
from greenroom.speech.registry import Choice, choose_synthesizers, choose_transcribers


@dataclass(frozen=True, slots=True)
class CommerceService:
    """The API, the application of the main port, and what was chosen for what, in words."""

    api: CommerceApi
    app: Starlette
    chosen: tuple[tuple[str, str], ...]


async def open_commerce(
    base: Foundation, stack: AsyncExitStack, progress: Progress
) -> CommerceService:
    """Make it ready, to be ended with `stack`; `progress` is told of downloads.

    Raises ConfigurationError where a setting doesn't fit.
    """
    settings, credentials, providers = base.settings, base.credentials, base.settings.providers
    catalogue = create_catalogue(settings)
    stack.push_async_callback(catalogue.close)
    toolbox = Toolbox(catalogue)
    hears = choose_transcribers(providers.transcriber, settings.data_dir)
    speaks = choose_synthesizers(providers.synthesizer, settings.data_dir)
    context = await provider_context(settings, catalogue, progress)
    transcriber = transcriber_chain(settings, hears, context)
    stack.push_async_callback(transcriber.close)
    synthesizer = synthesizer_chain(settings, speaks, context)
    stack.push_async_callback(synthesizer.close)
    agents = shop_agents(settings, toolbox)
    stack.push_async_callback(agents.close)
    voice_activity = VoiceActivity(max_streams=settings.server.max_sessions)
    stack.push_async_callback(voice_activity.close)
    await _warm_up(transcriber, synthesizer, agents)
    limits = RateLimits(settings.rates, base.redis_url)
    stack.push_async_callback(limits.close)
    ttl = settings.auth.session_token_ttl
    api = CommerceApi(
        CommerceParts(
            settings=settings,
            sessions=base.sessions,
            catalogue=catalogue,
            toolbox=toolbox,
            conversations=RecordedConversations(
                Conversations(
                    settings,
                    base.sessions,
                    voice_activity,
                    transcriber,
                    synthesizer,
                    Meter(PriceTable(providers.prices), providers.currency),
                    lambda kept, on_usage: agents.create(ShopContext.from_json(kept), on_usage),
                ),
                base.recordings,
            ),
            authenticator=Authenticator(
                credentials.api_keys, base.keys, SessionTokens(credentials.jwt_secret, ttl)
            ),
            limits=limits,
            livekit=LiveKitTokens(credentials.livekit_key, credentials.livekit_secret, ttl),
            rooms=base.rooms.rooms,
        )
    )
    app = Starlette(routes=base.rooms.routes)
    api.mount(app)
    chosen = (
        ("hears", _in_words(hears)),
        ("speaks", _in_words(speaks)),
        ("thinks", ", then ".join(map(_without_options, providers.model))),
        ("shop", _without_options(catalogue.uri)),
    )
    return CommerceService(api, app, chosen)


async def _warm_up(*parts: Transcriber | Synthesizer | ShopAgents) -> None:
    """All at once; the first that fails ends the others, and its error is the caller's."""
    try:
        async with asyncio.TaskGroup() as warming:
            for part in parts:
                warming.create_task(part.warm_up())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _in_words(chain: Sequence[Choice]) -> str:
    return ", then ".join(f"{_without_options(choice.uri)} ({choice.why})" for choice in chain)


def _without_options(uri: str) -> str:
    return uri.partition("?")[0]
