"""Chooses the parts and wires them. Everything that is opened here is closed here, in turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette

from greenroom.agents.shop import ShopAgents
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.commerce.app import CommerceApi
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.limits import RateLimits
from greenroom.app.conversations import Conversations
from greenroom.app.credentials import Credentials, resolve_credentials
from greenroom.app.metering import Meter
from greenroom.app.providers import (
    create_catalogue,
    provider_context,
    shop_agents,
    synthesizer_chain,
    transcriber_chain,
)
from greenroom.app.rooms import RoomsService, open_rooms
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.commerce.context import ShopContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.providers.prices import PriceTable
from greenroom.rooms.recording.conversations import RecordedConversations
from greenroom.rooms.recording.service import Recordings
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, Synthesizer, Transcriber, log_progress
from greenroom.speech.registry import Choice, choose_synthesizers, choose_transcribers


@dataclass(frozen=True, slots=True)
class Greenroom:
    """A server's parts, wired and warm."""

    credentials: Credentials
    sessions: SessionService
    commerce: CommerceApi
    app: Starlette
    rooms: RoomsService
    chosen: tuple[tuple[str, str], ...]
    """What was chosen for what, in words, for the user."""

    async def drain(self, seconds: float) -> None:
        """Give the talks that are on `seconds` to end, then end them and every other session."""
        await self.commerce.drain(seconds)
        await self.sessions.drain(0)
        if self.rooms.rooms is not None:
            # Before the listeners close: who is left in a room is told why it ends.
            await self.rooms.rooms.close()


@asynccontextmanager
async def compose(
    settings: Settings, progress: Progress = log_progress, *, rooms_port: int = 0
) -> AsyncIterator[Greenroom]:
    """Make every part ready, and end every part at the end; `progress` is told of downloads.

    `rooms_port` is where rooms' signalling listens (0: nowhere of its own).

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

        catalogue = create_catalogue(settings)
        stack.push_async_callback(catalogue.close)
        toolbox = Toolbox(catalogue)
        providers = settings.providers
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
        rooms = await open_rooms(settings, credentials, stack, rooms_port)
        recordings = Recordings(settings.recording, settings.data_dir)
        stack.push_async_callback(recordings.close)

        limits = RateLimits(settings.rates, redis_url)
        stack.push_async_callback(limits.close)
        ttl = settings.auth.session_token_ttl
        parts = CommerceParts(
            settings=settings,
            sessions=sessions,
            catalogue=catalogue,
            toolbox=toolbox,
            conversations=RecordedConversations(
                Conversations(
                    settings,
                    sessions,
                    voice_activity,
                    transcriber,
                    synthesizer,
                    Meter(PriceTable(providers.prices), providers.currency),
                    lambda kept, on_usage: agents.create(ShopContext.from_json(kept), on_usage),
                ),
                recordings,
            ),
            authenticator=Authenticator(
                credentials.api_keys, keys, SessionTokens(credentials.jwt_secret, ttl)
            ),
            limits=limits,
            livekit=LiveKitTokens(credentials.livekit_key, credentials.livekit_secret, ttl),
            rooms=rooms.rooms,
        )
        commerce = CommerceApi(parts)
        app = Starlette(routes=rooms.routes)
        commerce.mount(app)
        yield Greenroom(
            credentials,
            sessions,
            commerce,
            app,
            rooms,
            (
                ("hears", _in_words(hears)),
                ("speaks", _in_words(speaks)),
                ("thinks", ", then ".join(map(_without_options, providers.model))),
                ("shop", _without_options(catalogue.uri)),
                ("journal", sessions.store.name),
                *(
                    [("recordings", str(recordings.directory))]
                    if settings.recording.enabled
                    else []
                ),
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


def _in_words(chain: Sequence[Choice]) -> str:
    return ", then ".join(f"{_without_options(choice.uri)} ({choice.why})" for choice in chain)


def _without_options(uri: str) -> str:
    return uri.partition("?")[0]


def _bound_default_threads(stack: AsyncExitStack) -> None:
    """Codecs and look-ups run in the loop's default threads: as many as there is work for."""
    threads = ThreadPoolExecutor((os.cpu_count() or 1) + 2, thread_name_prefix="greenroom")
    stack.callback(threads.shutdown, wait=True, cancel_futures=True)
    asyncio.get_running_loop().set_default_executor(threads)
