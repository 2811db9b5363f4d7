"""Chooses the parts and wires them. Everything that is opened here is closed here, in turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points

from starlette.applications import Starlette

from greenroom.agents.shop import ShopAgents
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.commerce.app import CommerceApi
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.limits import RateLimits
from greenroom.api.livekit import LiveKitTokens
from greenroom.app.conversations import Conversations
from greenroom.app.credentials import Credentials, resolve_credentials
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.commerce.context import ShopContext
from greenroom.commerce.phrases import likely_sentences
from greenroom.commerce.ports import Catalogue, CatalogueContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import UnknownProvider
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings
from greenroom.speech.ports import ProviderContext, Synthesizer, Transcriber
from greenroom.speech.registry import (
    Choice,
    choose_synthesizer,
    choose_transcriber,
    create_synthesizer,
    create_transcriber,
)

MAX_WORKERS = 4
"""Recognition processes by default, on a machine with more cores than that."""


@dataclass(frozen=True, slots=True)
class Greenroom:
    """A server's parts, wired and warm."""

    credentials: Credentials
    sessions: SessionService
    commerce: CommerceApi
    app: Starlette
    chosen: tuple[tuple[str, str], ...]
    """What was chosen for what, in words, for the user."""

    async def drain(self, seconds: float) -> None:
        """Give the talks that are on `seconds` to end, then end them and every other session."""
        await self.commerce.sockets.drain(seconds)
        await self.sessions.drain(0)


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Greenroom]:
    """Make every part ready, and end every part at the end.

    Raises ConfigurationError where a setting doesn't fit, before anything is served.
    """
    async with AsyncExitStack() as stack:
        _bound_default_threads(stack)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        sessions = await open_sessions(settings, control_url=redis_url)
        stack.push_async_callback(sessions.close)
        keys = ApiKeys(sessions.store)
        stored = any(key.revoked_at is None for key in await keys.list())
        credentials = resolve_credentials(settings, has_stored_keys=stored)

        catalogue = create_catalogue(
            settings.providers.catalogue, CatalogueContext(settings.data_dir)
        )
        stack.push_async_callback(catalogue.close)
        toolbox = Toolbox(catalogue)
        hears = choose_transcriber(settings.providers.transcriber[0])
        speaks = choose_synthesizer(settings.providers.synthesizer[0])
        context = await provider_context(settings, catalogue)
        transcriber = create_transcriber(hears.uri, context)
        stack.push_async_callback(transcriber.close)
        synthesizer = create_synthesizer(speaks.uri, context)
        stack.push_async_callback(synthesizer.close)
        agents = ShopAgents(toolbox, settings.providers.model[0], settings.providers.instructions)
        stack.push_async_callback(agents.close)
        voice_activity = VoiceActivity(max_streams=settings.server.max_sessions)
        stack.push_async_callback(voice_activity.close)
        await _warm_up(transcriber, synthesizer, agents)

        limits = RateLimits(settings.rates, redis_url)
        stack.push_async_callback(limits.close)
        ttl = settings.auth.session_token_ttl
        parts = CommerceParts(
            settings=settings,
            sessions=sessions,
            catalogue=catalogue,
            toolbox=toolbox,
            conversations=Conversations(
                settings,
                sessions,
                voice_activity,
                transcriber,
                synthesizer,
                lambda kept: agents.create(ShopContext.from_json(kept)),
            ),
            authenticator=Authenticator(
                credentials.api_keys, keys, SessionTokens(credentials.jwt_secret, ttl)
            ),
            limits=limits,
            livekit=LiveKitTokens(credentials.livekit_key, credentials.livekit_secret, ttl),
        )
        commerce = CommerceApi(parts)
        app = Starlette()
        commerce.mount(app)
        yield Greenroom(
            credentials,
            sessions,
            commerce,
            app,
            (
                ("hears", _in_words(hears)),
                ("speaks", _in_words(speaks)),
                ("thinks", agents.provider),
                ("shop", catalogue.uri),
                ("journal", sessions.store.name),
            ),
        )


async def _warm_up(*parts: Transcriber | Synthesizer | ShopAgents) -> None:
    """All at once; the first that fails ends the others, and its error is the caller's."""
    try:
        async with asyncio.TaskGroup() as warming:
            for part in parts:
                warming.create_task(part.warm_up())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def provider_context(settings: Settings, catalogue: Catalogue) -> ProviderContext:
    """What providers of speech are told: where to keep things, and what users will say."""
    workers = settings.providers.workers or min(os.cpu_count() or 1, MAX_WORKERS)
    vocabulary = await asyncio.to_thread(likely_sentences, await catalogue.vocabulary())
    return ProviderContext(settings.data_dir, workers, vocabulary)


def create_catalogue(uri: str, context: CatalogueContext) -> Catalogue:
    """The catalogue that `uri` names, through the entry points of `greenroom.catalogues`."""
    found = {point.name: point for point in entry_points(group="greenroom.catalogues")}
    point = found.get(uri.partition(":")[0])
    if point is None:
        raise UnknownProvider("providers.catalogue", uri, tuple(found))
    catalogue: Catalogue = point.load()(uri, context)
    return catalogue


def _in_words(choice: Choice) -> str:
    return f"{choice.uri} ({choice.why})"


def _bound_default_threads(stack: AsyncExitStack) -> None:
    """Codecs and look-ups run in the loop's default threads: as many as there is work for."""
    threads = ThreadPoolExecutor((os.cpu_count() or 1) + 2, thread_name_prefix="greenroom")
    stack.callback(threads.shutdown, wait=True, cancel_futures=True)
    asyncio.get_running_loop().set_default_executor(threads)
