"""Looks whether a server could run here, what it would choose, and what would make it better."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from greenroom.agents.models import create_model
from greenroom.app.credentials import provider_secrets, resolve_credentials
from greenroom.app.duplex_models import SCHEMES
from greenroom.app.engines import without_options
from greenroom.app.providers import create_catalogue
from greenroom.app.rooms import rooms_provider
from greenroom.app.server import bind
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.avatar.renderer import HelperRenderers
from greenroom.commerce.ports import Filters
from greenroom.errors import ConfigurationError, GreenroomError, UnknownProvider
from greenroom.rooms.agora import installation
from greenroom.rooms.livekit.rooms import LiveKitRooms
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.store import Store
from greenroom.settings import Settings
from greenroom.speech.ports import ProviderContext
from greenroom.speech.registry import (
    Choice,
    choose_synthesizers,
    choose_transcribers,
    create_synthesizer,
    create_transcriber,
)


class Verdict(StrEnum):
    """How a part is."""

    GOOD = "good"
    COULD_BE_BETTER = "could be better"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what is there, and what to do about it (empty: nothing)."""

    part: str
    verdict: Verdict
    what: str
    advice: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at every part. What fails becomes a finding; nothing is changed but the schema."""
    parts: tuple[tuple[str, Callable[[Settings], Awaitable[Finding]]], ...] = (
        ("data folder", _data_folder),
        ("journal", _journal),
        ("credentials", _credentials),
        ("port", _port),
        ("rooms", _rooms),
        ("hears", _transcriber),
        ("speaks", _synthesizer),
        ("thinks", _model),
        ("shop", _catalogue),
        ("avatars", _avatars),
        ("duplex", _duplex),
        ("redis", _redis),
    )
    findings = []
    for part, look in parts:
        try:
            findings.append(await look(settings))
        except (GreenroomError, OSError) as error:
            findings.append(Finding(part, Verdict.BROKEN, str(error)))
    return findings


async def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise ConfigurationError("data_dir", f"{folder} can't be written by this user")
    return Finding("data folder", Verdict.GOOD, str(folder))


async def _journal(settings: Settings) -> Finding:
    store = Store.of(settings)
    try:
        await store.migrate()
        await store.check()
    finally:
        await store.close()
    advice = "" if store.networked else "for several servers: GREENROOM_STORAGE__DATABASE_URL"
    return Finding("journal", Verdict.GOOD, store.name, advice)


async def _credentials(settings: Settings) -> Finding:
    store = Store.of(settings)
    try:
        keys = await ApiKeys(store).list()
    finally:
        await store.close()
    valid = sum(key.revoked_at is None for key in keys)
    credentials = resolve_credentials(settings, has_stored_keys=valid > 0)
    what = f"{valid} API keys" + (", and the development key" if credentials.development else "")
    return Finding("credentials", Verdict.GOOD, what)


async def _port(settings: Settings) -> Finding:
    if "commerce" not in settings.server.apis:
        return Finding("port", Verdict.GOOD, "not used: server.apis leaves commerce out")
    bind(settings.server.host, settings.server.port).close()
    return Finding("port", Verdict.GOOD, f"{settings.server.host}:{settings.server.port} is free")


async def _rooms(settings: Settings) -> Finding:
    provider = rooms_provider(settings)
    if provider == "off":
        return Finding("rooms", Verdict.GOOD, "off: clients talk by WebSocket alone")
    if provider == "livekit":
        return await _livekit(settings)
    rooms = settings.rooms
    bind(settings.server.host, rooms.port, "rooms.port").close()
    mux = await UdpMux.open(rooms, settings.server.host, asyncio.get_running_loop())
    try:
        where = ", ".join(
            candidate.split()[4] + ":" + candidate.split()[5] for candidate in mux.candidates()
        )
    finally:
        mux.close()
    return Finding("rooms", Verdict.GOOD, f"signalling on {rooms.port}, media on {where}")


async def _livekit(settings: Settings) -> Finding:
    credentials = resolve_credentials(settings, has_stored_keys=True)
    rooms = LiveKitRooms(
        settings.livekit_url,
        credentials.livekit_key,
        credentials.livekit_secret,
        asyncio.get_running_loop(),
    )
    try:
        await rooms.check()
    finally:
        await rooms.close()
    return Finding("rooms", Verdict.GOOD, f"LiveKit at {settings.livekit_url} answers")


async def _transcriber(settings: Settings) -> Finding:
    chosen = choose_transcribers(settings.providers.transcriber, settings.data_dir)
    for choice in chosen:
        create_transcriber(choice.uri, _context(settings))
    return _of_choices("hears", chosen)


async def _synthesizer(settings: Settings) -> Finding:
    chosen = choose_synthesizers(settings.providers.synthesizer, settings.data_dir)
    for choice in chosen:
        create_synthesizer(choice.uri, _context(settings))
    return _of_choices("speaks", chosen)


def _context(settings: Settings) -> ProviderContext:
    return ProviderContext(settings.data_dir, secret=provider_secrets(settings))


def _of_choices(part: str, chosen: Sequence[Choice]) -> Finding:
    advice = "; ".join(each for choice in chosen for each in choice.alternatives)
    verdict = Verdict.COULD_BE_BETTER if advice else Verdict.GOOD
    what = ", then ".join(f"{choice.uri} ({choice.why})" for choice in chosen)
    return Finding(part, verdict, what, advice)


async def _model(settings: Settings) -> Finding:
    chain = settings.providers.model
    for each in chain:
        await asyncio.to_thread(create_model, each, provider_secrets(settings))
    if chain != ("offline",):
        return Finding("thinks", Verdict.GOOD, ", then ".join(chain))
    return Finding(
        "thinks",
        Verdict.COULD_BE_BETTER,
        "offline (recognises a shop's intents by rules)",
        "a language model: GREENROOM_PROVIDERS__MODEL=openai:gpt-5-mini and OPENAI_API_KEY",
    )


async def _catalogue(settings: Settings) -> Finding:
    catalogue = create_catalogue(settings)
    try:
        await catalogue.check()
        found = await catalogue.search("", Filters(), limit=1)
    finally:
        await catalogue.close()
    return Finding("shop", Verdict.GOOD, f"{catalogue.uri} with {found.total} products")


async def _avatars(settings: Settings) -> Finding:
    avatar = settings.avatar
    if "avatar" not in settings.server.apis:
        return Finding("avatars", Verdict.GOOD, "off: server.apis leaves them out")
    bind(settings.server.host, avatar.port, "avatar.port").close()
    if "agora" in avatar.venues:
        installation.require()
    library = await asyncio.to_thread(AvatarLibrary.of, settings)
    renderers = HelperRenderers(1, 1)
    try:
        await renderers.start()
    finally:
        await renderers.close()
    what = f"{', '.join(library.ids())}, seen in: {', '.join(avatar.venues)}"
    return Finding("avatars", Verdict.GOOD, what)


async def _duplex(settings: Settings) -> Finding:
    duplex = settings.duplex
    if "duplex" not in settings.server.apis:
        return Finding("duplex", Verdict.GOOD, "off: server.apis leaves it out")
    bind(settings.server.host, duplex.port, "duplex.port").close()
    unknown = [uri for uri in duplex.model if uri.partition(":")[0] not in SCHEMES]
    if unknown:
        raise UnknownProvider("duplex.model", unknown[0], SCHEMES)
    what = ", then ".join(without_options(uri) for uri in duplex.model)
    if duplex.model[0].startswith("cascade:") and settings.providers.model == ("offline",):
        return Finding(
            "duplex",
            Verdict.COULD_BE_BETTER,
            f"{what} (interviews by rules)",
            "better ears and a language model: see hears and thinks",
        )
    return Finding("duplex", Verdict.GOOD, what)


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("redis", Verdict.GOOD, "not configured; limits are counted in this process")
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra
        from redis.exceptions import RedisError  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError("redis_url", "pip install 'greenroom[redis]'") from error
    client = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=2)
    try:
        await client.ping()
    except RedisError as error:
        raise ConfigurationError("redis_url", f"Redis does not answer: {error}") from error
    finally:
        await client.aclose()
    return Finding("redis", Verdict.GOOD, "answers")
