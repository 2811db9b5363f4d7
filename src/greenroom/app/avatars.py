"""The avatar APIs: renderers, the stage, its venues, and the pages on which avatars are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from greenroom.api.auth import Authenticator
from greenroom.api.avatars.app import AvatarApis
from greenroom.api.avatars.parts import AvatarParts, avatar_tokens
from greenroom.api.watch.links import WatchLinks
from greenroom.api.watch.routes import create_watch_routes
from greenroom.app.foundation import Foundation
from greenroom.avatar.formats import FORMATS
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.avatar.ports import FaceSettings
from greenroom.avatar.renderer import HelperRenderers
from greenroom.errors import ConfigurationError, InvalidInput
from greenroom.rooms.agora import installation
from greenroom.rooms.agora.channels import AgoraChannels
from greenroom.rooms.agora.venue import AgoraAddress, AgoraVenue
from greenroom.rooms.ports import Rooms
from greenroom.rooms.recording.service import Recordings
from greenroom.rooms.recording.venue import RecordingVenue
from greenroom.rooms.room_venue import RoomVenue
from greenroom.rooms.tokens import room_name
from greenroom.rooms.venue import Venue
from greenroom.rooms.whep.screenings import Screenings
from greenroom.sessions.node import Place
from greenroom.stage.orders import OrderKeeper
from greenroom.stage.parts import StageParts
from greenroom.stage.sessions import Stage
from greenroom.stage.venues import Opening, OpenVenue


@dataclass(frozen=True, slots=True)
class AvatarService:
    """The APIs, the application of their port, and what was chosen for what, in words."""

    api: AvatarApis
    app: Starlette
    chosen: tuple[tuple[str, str], ...]


async def open_avatars(base: Foundation, stack: AsyncExitStack, place: Place) -> AvatarService:
    """Make them ready, to be ended with `stack`; clients reach them at `place`.

    Raises ConfigurationError, ProviderFailed where no renderer can be started.
    """
    settings, avatar, secret = base.settings, base.settings.avatar, base.credentials.jwt_secret
    clock = asyncio.get_running_loop()
    library = await asyncio.to_thread(AvatarLibrary.of, settings)
    wanted = _wanted_venues(base, stack)
    renderers = HelperRenderers(
        avatar.renderers, avatar.max_sessions, expected=_expected(library, avatar.ready)
    )
    stack.push_async_callback(renderers.close)
    await renderers.start()
    beside: dict[str, OpenVenue] = {}
    routes: list[BaseRoute] = []
    if base.rooms.new_peer is not None:
        screenings = Screenings(base.rooms.new_peer, clock)
        stack.callback(screenings.close)
        beside["watch"] = _watch(screenings)
        links = WatchLinks.of(settings, secret, place.address)
        routes = create_watch_routes(
            screenings, base.sessions, links, ice_servers=base.rooms.ice_servers
        )
    if settings.recording.enabled:
        beside["recording"] = _recording(base.recordings)
    stage = Stage(
        StageParts(
            sessions=base.sessions,
            settings=avatar,
            avatars=library,
            renderers=renderers,
            venues=wanted,
            beside=beside,
            orders=OrderKeeper(secret),
            clock=clock,
        )
    )
    stack.push_async_callback(stage.drain, 0)
    tokens = avatar_tokens(secret, avatar)
    api = AvatarApis(
        AvatarParts(
            settings=settings,
            sessions=base.sessions,
            avatars=stage,
            authenticator=Authenticator(base.credentials.api_keys, base.keys, tokens),
            tokens=tokens,
            public_url=place.address,
        )
    )
    chosen = (
        ("avatars", ", ".join(library.ids())),
        ("avatars are seen in", ", ".join([*wanted, *beside])),
    )
    return AvatarService(api, api.app(routes), chosen)


def _expected(library: AvatarLibrary, ready: Sequence[str]) -> list[FaceSettings]:
    """The faces of the avatars that are to be ready. Raises ConfigurationError."""
    try:
        folders = [library.find(avatar_id) for avatar_id in ready]
    except InvalidInput as error:
        problem = f"there is no such avatar; known: {error.allowed}"
        raise ConfigurationError("avatar.ready", problem) from error
    return [FaceSettings(str(folder), FORMATS["medium"], "H264") for folder in folders]


def _wanted_venues(base: Foundation, stack: AsyncExitStack) -> Mapping[str, OpenVenue]:
    """How to open what the settings ask for. Raises ConfigurationError."""
    settings, openers = base.settings, dict[str, OpenVenue]()
    if "room" in settings.avatar.venues:
        if base.rooms.rooms is None:
            raise ConfigurationError("avatar.venues", "there are no rooms: rooms.provider is off")
        openers["room"] = _room(base.rooms.rooms)
    if "agora" in settings.avatar.venues:
        installation.require()
        channels = AgoraChannels(settings.data_dir / "agora")
        stack.push_async_callback(channels.close)
        openers["agora"] = _agora(channels)
    return openers


def _watch(screenings: Screenings) -> OpenVenue:
    async def open_venue(opening: Opening) -> Venue:
        return screenings.open(opening.session.id, opening.picture)

    return open_venue


def _room(rooms: Rooms) -> OpenVenue:
    async def open_venue(opening: Opening) -> Venue:
        return await RoomVenue.open(
            rooms,
            room_name(opening.session.id),
            opening.picture,
            asyncio.get_running_loop(),
            on_gone=opening.on_gone,
        )

    return open_venue


def _agora(channels: AgoraChannels) -> OpenVenue:
    async def open_venue(opening: Opening) -> Venue:
        channel = opening.order.channel
        address = AgoraAddress(
            channel.app_id, channel.token, channel.channel, channel.uid, channel.string_uid
        )
        return await AgoraVenue.open(
            channels,
            address,
            opening.picture,
            on_gone=opening.on_gone,
            on_token_expiring=opening.on_token_expiring,
        )

    return open_venue


def _recording(recordings: Recordings) -> OpenVenue:
    async def open_venue(opening: Opening) -> Venue | None:
        return RecordingVenue.begin(
            recordings,
            opening.session.id,
            opening.session.settings,
            opening.picture,
            clock=asyncio.get_running_loop(),
        )

    return open_venue
